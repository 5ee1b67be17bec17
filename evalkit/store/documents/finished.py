"""``outputs/finished.json``: what a finished run of texts was asked for and what it left."""

from __future__ import annotations

from typing import ClassVar

from evalkit.store.documents.base import Document

FINISHED = "outputs/finished.json"


class Finished(Document):
    """``outputs/finished.json``, two digests: of all that was ``asked`` for, the files that were
    read among it, and of what was ``left`` in the folder."""

    schema_number: ClassVar[int] = 1
    made_by: ClassVar[str] = "evalkit score"

    asked: str
    left: str
