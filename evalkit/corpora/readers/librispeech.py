"""LibriSpeech: ``SPEAKER/CHAPTER/*.flac`` with a ``*.trans.txt`` in every chapter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from evalkit.core.ledger import LeftOut
from evalkit.core.types import Utterance
from evalkit.corpora.readers.base import gender, read_lines, read_pairs


def librispeech(source: Path) -> Iterator[Utterance | LeftOut]:
    """The recordings below ``source``; gender from SPEAKERS.TXT there or in the folder above."""
    genders = _genders(source)
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


def _genders(source: Path) -> dict[str, str | None]:
    for folder in (source, source.parent):
        if (path := folder / "SPEAKERS.TXT").is_file():
            lines = [line.split("|") for line in read_lines(path) if not line.startswith(";")]
            return {line[0].strip(): gender(line[1].strip()) for line in lines if len(line) > 1}
    return {}
