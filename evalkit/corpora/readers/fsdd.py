"""Free Spoken Digit Dataset: ``{digit}_{speaker}_{index}.wav`` in one folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from evalkit.core.ledger import LeftOut
from evalkit.core.types import Utterance
from evalkit.corpora.readers.base import Row, gender, read_rows
from evalkit.corpora.readers.digits import WORDS

_NAME = re.compile(r"(\d)_([^_]+)_(\d+)")


def fsdd(source: Path) -> Iterator[Utterance | LeftOut]:
    """The recordings of the folder ``source``, or of ``recordings`` in it. What a ``speakers.csv``
    beside them says of a speaker is metadata; the text is the digit's word."""
    people: dict[str | None, Row] = {}
    if (table := source / "speakers.csv").is_file():
        for row in read_rows(table, tabs=False):
            if isinstance(row, LeftOut):
                yield row
            else:
                people[row.get("speaker")] = row
    folder = source / "recordings" if (source / "recordings").is_dir() else source
    for audio in sorted(folder.glob("*.wav")):
        found = _NAME.fullmatch(audio.stem)
        if found is None:
            yield LeftOut("recording", str(source), "its name is not DIGIT_SPEAKER_INDEX.wav",
                          names=(audio.name,))
            continue
        about = {key: value for key, value in people.get(found[2], {}).items() if key != "speaker"}
        if "gender" in about:
            about["gender"] = gender(about["gender"])
        yield Utterance(audio.stem, audio, found[2], WORDS[int(found[1])], metadata=about)
