"""LibriSpeech: ``SPEAKER/CHAPTER/*.flac`` with a ``*.trans.txt`` in every chapter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from evalkit.core.ledger import LeftOut
from evalkit.core.types import Utterance
from evalkit.corpora.readers.base import gender, read_lines, read_pairs

SPEAKERS = "SPEAKERS.TXT"


def librispeech(source: Path) -> Iterator[Utterance | LeftOut]:
    """The recordings below ``source``; gender from SPEAKERS.TXT there or in the folder above."""
    rows = _speakers(source)
    genders = {row[0].strip(): gender(row[1].strip()) for row in rows if len(row) > 1}
    for row in rows:
        if len(row) == 1:
            yield LeftOut("row", SPEAKERS, "has one cell, and no gender", names=(row[0].strip(),))
    texts: dict[str, str] = {}
    for transcript in sorted(source.rglob("*.trans.txt")):
        pairs = read_pairs(transcript)
        for name in sorted(pairs.twice | (pairs.values.keys() & texts.keys())):
            yield LeftOut("cell", str(transcript), "the text of an utterance that has several, of "
                          "which the first is used", names=(name,))
        texts = pairs.values | texts
    for audio in sorted(source.rglob("*.flac")):
        speaker, _, rest = audio.stem.partition("-")
        yield Utterance(audio.stem, audio, speaker, texts.pop(audio.stem, None), metadata={
            "gender": genders.get(speaker), "chapter": rest.partition("-")[0]})
    for name in texts:
        yield LeftOut("recording", str(source), "no such file", names=(name,))


def _speakers(source: Path) -> list[list[str]]:
    """The rows of SPEAKERS.TXT without its comments."""
    for folder in (source, source.parent):
        if (path := folder / SPEAKERS).is_file():
            return [line.split("|") for line in read_lines(path)
                    if line.strip() and not line.startswith(";")]
    return []
