"""AudioMNIST: ``data/SPEAKER/{digit}_{speaker}_{index}.wav`` and ``data/audioMNIST_meta.txt``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalkit.core.errors import ManifestError, one_line
from evalkit.core.ledger import LeftOut
from evalkit.core.types import Utterance
from evalkit.corpora.readers.base import read_lines
from evalkit.corpora.readers.digits import spoken
from evalkit.store.json_lines import json_object

META = "audioMNIST_meta.txt"


def audiomnist(source: Path) -> Iterator[Utterance | LeftOut]:
    """The recordings below ``source``. What the file of metadata, a JSON object by speaker, says of
    a speaker is metadata; the text is the digit's word. Raises ManifestError for another file."""
    people: dict[str, dict[str, Any]] = {}
    for name, about in _people(source).items():
        if isinstance(about, dict):
            people[name] = {key.replace(" ", "_"): value for key, value in about.items()}
        else:
            yield LeftOut("speaker", META, "what is said of it is no JSON object", names=(name,))
    for audio in sorted(source.rglob("*.wav")):
        yield spoken(audio, source, people)


def _people(source: Path) -> dict[str, Any]:
    for path in (source / META, source / "data" / META):
        if path.is_file():
            try:
                return json_object("".join(read_lines(path)))
            except ValueError as error:
                raise ManifestError(f"{path}: {one_line(error)}") from error
    return {}
