"""Spoken digits, one a recording, which is named ``{digit}_{speaker}_{index}``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalkit.core.ledger import LeftOut
from evalkit.core.types import Utterance
from evalkit.corpora.readers.base import gender

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_NAME = re.compile(r"(\d)_([^_]+)_(\d+)")


def spoken(audio: Path, where: Path, people: Mapping[str, Mapping[str, Any]]
           ) -> Utterance | LeftOut:
    """The utterance of a recording; its text is the digit's word, its metadata what ``people`` says
    of its speaker."""
    found = _NAME.fullmatch(audio.stem)
    if found is None:
        return LeftOut("recording", str(where), "its name is not DIGIT_SPEAKER_INDEX.wav",
                       names=(audio.name,))
    said = people.get(found[2], {})
    about: dict[str, Any] = {key: value for key, value in said.items()
                             if isinstance(value, str | int | float)}
    if "gender" in about:
        about["gender"] = gender(str(about["gender"]))
    return Utterance(audio.stem, audio, found[2], WORDS[int(found[1])], metadata=about)
