"""``portion.json``: a folder holds one of several shares of a run, which `evalkit merge` joins."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field

from evalkit.core.ledger import LeftOut
from evalkit.store.documents.base import Document
from evalkit.store.documents.begun import BEGUN

PORTION = "portion.json"


class PortionRecord(Document):
    """Which share, ``number`` ``of`` so many, of the run that ``command`` makes of ``config``, in
    which a path in this folder begins with HERE. ``plan`` is a digest of all that the run is made
    of, the same in all its shares; ``done`` says whether this one is finished."""

    schema_number: ClassVar[int] = 1
    made_by: ClassVar[str] = "evalkit run --shard` or `evalkit score --shard"

    evalkit: str
    command: str
    number: Annotated[int, Field(ge=1)]
    of: Annotated[int, Field(ge=1)]
    plan: str
    done: bool
    config: dict[str, Any]
    left_out: list[LeftOut]

    @property
    def share(self) -> str:
        """As the command line has it."""
        return f"{self.number}/{self.of}"


def held(run: Path) -> str | None:
    """What is to be said of a folder that is asked for its run and holds a share of one; None for
    any other."""
    if not (run / PORTION).exists():
        return None
    record = PortionRecord.read(run / PORTION)
    its = f"holds shard {record.share} of a run, of all of which `evalkit merge` makes one"
    if record.done:
        return its
    return f"{its}; it is not finished, start it again with --shard {record.share}"


def holds_whole(run: Path) -> bool:
    """Whether a folder holds a run that is no share of one, finished or not."""
    return not (run / PORTION).exists() and any((run / name).exists()
                                                for name in (BEGUN, "run.json"))
