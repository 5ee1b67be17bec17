"""A corpus of one line an utterance."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from evalkit.core.ledger import LeftOut
from evalkit.core.types import Utterance


def lines(source: Path, *, separator: str = "|", places: Path | None = None
          ) -> Iterator[Utterance | LeftOut]:
    """Lines of ``name.wav|speaker|latitude|text`` in the file ``source``; the recordings lie
    beside it. ``places`` has a speaker and a town on every line."""
    towns = dict(line.split() for line in places.read_text().splitlines()) if places else {}
    for number, line in enumerate(source.read_text().splitlines(), 1):
        fields = line.split(separator)
        if len(fields) != 4:
            yield LeftOut("row", str(source), "not four fields", names=(f"line {number}",))
            continue
        name, speaker, latitude, text = fields
        yield Utterance(Path(name).stem, source.parent / name, speaker, text, metadata={
            "latitude": float(latitude), "longitude": 10.0, "town": towns.get(speaker)})
