"""``outputs/begun.json``: what the run in a folder is of, from its beginning on, and what
says so where that is lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from evalkit.store.documents.base import Document
from evalkit.store.documents.run import Corpus

BEGUN = "outputs/begun.json"
RECORDS = (BEGUN, "run.json", "outputs/run.json")
"""What says of which corpus a run is, the newest first."""


class Begun(Document):
    """``outputs/begun.json``."""

    schema_number: ClassVar[int] = 1
    made_by: ClassVar[str] = "evalkit run` or `evalkit score"

    command: str
    corpus: Corpus


@dataclass(frozen=True)
class Earlier:
    """The run that a folder holds: by which command, of which manifest."""

    command: str
    corpus: str
    manifest: Path
    utterances: int


def earlier(run: Path) -> Earlier | None:
    """What the folder ``run`` holds, whatever version of evalkit made it; None where nobody can
    say."""
    return told_by(lambda name: (run / name).read_bytes())


def told_by(content: Callable[[str], bytes]) -> Earlier | None:
    """The same of a folder that has files of such ``content`` by their names in it, or raises
    OSError."""
    for name in RECORDS:
        try:
            tree = json.loads(content(name))
            corpus: Mapping[str, Any] = tree["corpus"]
            return Earlier(str(tree["command"]), str(corpus["name"]),
                           Path(corpus["root"]) / corpus["manifest"], int(corpus["utterances"]))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue
    return None
