"""Free Spoken Digit Dataset: ``{digit}_{speaker}_{index}.wav`` in one folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from evalkit.core.ledger import LeftOut
from evalkit.core.types import Utterance
from evalkit.corpora.readers.base import Row, read_rows
from evalkit.corpora.readers.digits import spoken

SPEAKERS = "speakers.csv"


def fsdd(source: Path) -> Iterator[Utterance | LeftOut]:
    """The recordings of the folder ``source``, or of ``recordings`` in it. What a ``speakers.csv``
    beside them says of a speaker is metadata; the text is the digit's word."""
    people: dict[str, Row] = {}
    table = source / SPEAKERS
    for row in read_rows(table, tabs=False) if table.is_file() else ():
        if isinstance(row, LeftOut):
            yield row
        else:
            people[row.pop("speaker", None) or ""] = row
    folder = source / "recordings"
    for audio in sorted((folder if folder.is_dir() else source).glob("*.wav")):
        yield spoken(audio, source, people)
