"""``corpora.json``: a folder holds a run of several corpora, each in a run folder of its own."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from evalkit.core.mistakes import NAME
from evalkit.store.documents.base import Document

CORPORA = "corpora.json"


class Corpora(Document):
    """``names`` are those of the corpora, in the order of the configuration, and of the run folders
    beside this file."""

    schema_number: ClassVar[int] = 1
    made_by: ClassVar[str] = "evalkit run"

    names: Annotated[list[Annotated[str, Field(pattern=f"^{NAME.pattern}$")]], Field(min_length=1)]
