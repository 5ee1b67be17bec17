"""AudioMNIST: ``data/SPEAKER/{digit}_{speaker}_{index}.wav`` and ``data/audioMNIST_meta.txt``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalkit.core.errors import ManifestError, one_line
from evalkit.core.ledger import LeftOut
from evalkit.core.types import Utterance
from evalkit.corpora.readers.base import gender, read_lines
from evalkit.corpora.readers.digits import WORDS
from evalkit.store.json_lines import json_object

_NAME = re.compile(r"(\d)_(\d+)_(\d+)")
META = "audioMNIST_meta.txt"


def audiomnist(source: Path) -> Iterator[Utterance | LeftOut]:
    """The recordings below ``source``. What the file of metadata, a JSON object by speaker, says of
    a speaker is metadata; the text is the digit's word. Raises ManifestError for another file."""
    people = _people(source)
    for name, about in people.items():
        if not isinstance(about, dict):
            yield LeftOut("speaker", META, "what is said of it is no JSON object", names=(name,))
    for audio in sorted(source.rglob("*.wav")):
        found = _NAME.fullmatch(audio.stem)
        if found is None:
            yield LeftOut("recording", str(source), "its name is not DIGIT_SPEAKER_INDEX.wav",
                          names=(audio.name,))
            continue
        about = people.get(found[2])
        metadata = {key.replace(" ", "_"): value for key, value in about.items()
                    if isinstance(value, str | int | float)} if isinstance(about, dict) else {}
        if "gender" in metadata:
            metadata["gender"] = gender(str(metadata["gender"]))
        yield Utterance(audio.stem, audio, found[2], WORDS[int(found[1])], metadata=metadata)


def _people(source: Path) -> dict[str, Any]:
    for path in (source / META, source / "data" / META):
        if path.is_file():
            try:
                return json_object("".join(read_lines(path)))
            except ValueError as error:
                raise ManifestError(f"{path}: {one_line(error)}") from error
    return {}
