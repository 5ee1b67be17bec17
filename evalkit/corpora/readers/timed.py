"""STM and CTM beside the recordings that they are of: a segment, or a word, a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from evalkit.core.ledger import LeftOut
from evalkit.core.types import Utterance
from evalkit.corpora.readers.base import gender, read_lines, seconds
from evalkit.corpora.timing.ctm import Spoken, spoken
from evalkit.systems.transcripts.timed import NOT_SCORED

SUFFIXES = (".wav", ".flac", ".sph", ".mp3", ".ogg")
FIRST = frozenset({"1", "A", "a"})
_GENDERS = frozenset({"male", "female", "m", "f"})


def stm(source: Path, *, audio: Path | None = None) -> Iterator[Utterance | LeftOut]:
    """The segments of the file ``source``: recording, channel, speaker, start, end, perhaps labels
    such as ``<o,f0,female>``, and the text. Recordings are files of their names in the folder
    ``audio``, where the file is unless it is given."""
    recordings = _recordings(audio or source.parent)
    for number, line in enumerate(read_lines(source), 1):
        if line.strip() and not line.startswith(";;"):
            try:
                yield _segment(line, recordings)
            except ValueError as error:
                yield LeftOut("row", str(source), str(error), names=(f"line {number}",))


def _segment(line: str, recordings: dict[str, Path]) -> Utterance:
    """Raises ValueError where the line is no segment to score."""
    fields = line.split(maxsplit=5)
    if len(fields) < 5:
        raise ValueError("is not a recording, a channel, a speaker, a start, an end and a text")
    recording, channel, speaker, start, end = fields[:5]
    labels, text = _labelled(fields[5] if len(fields) > 5 else "")
    if NOT_SCORED in text.lower():
        raise ValueError("is not to be scored (ignore_time_segment_in_scoring)")
    offset = seconds(start) or 0.0
    length = round((seconds(end) or 0.0) - offset, 6)
    if length <= 0:
        raise ValueError("ends before it starts")
    name = f"{recording}-{round(1000 * offset):07d}-{round(1000 * (offset + length)):07d}"
    return Utterance(name, _of(recordings, recording, channel), speaker, text, None, offset, length,
                     labels)


def _labelled(text: str) -> tuple[dict[str, str | None], str]:
    """What the labels before a text, such as ``<o,f0,female>``, say of who speaks; and the text."""
    labels, closed, rest = text.strip().partition(">")
    if not (closed and labels.startswith("<")):
        return {}, text.strip()
    sexes = sorted(_GENDERS & set(labels[1:].lower().split(",")))
    return {"gender": gender(sexes[0])} if sexes else {}, rest.strip()


def ctm(source: Path, *, audio: Path | None = None) -> Iterator[Utterance | LeftOut]:
    """The recordings of the file ``source``, whose words, with their times, are their texts:
    recording, channel, start, duration and word a line. ``audio`` as for ``stm``."""
    recordings = _recordings(audio or source.parent)
    for item in spoken(source):
        yield item if isinstance(item, LeftOut) else _utterance(source, recordings, item)


def _utterance(source: Path, recordings: dict[str, Path], said: Spoken) -> Utterance | LeftOut:
    try:
        audio = _of(recordings, said.recording, said.channel)
    except ValueError as error:
        return LeftOut("recording", str(source), str(error), names=(said.recording,))
    return Utterance(said.recording, audio, text=" ".join(word.text for word in said.words),
                     words=said.words)


def _of(recordings: dict[str, Path], name: str, channel: str) -> Path:
    """Raises ValueError."""
    if channel not in FIRST:
        raise ValueError("is of another channel than the first, which alone is heard: make a file "
                         "of every channel")
    if name not in recordings:
        raise ValueError(f"there is no recording of its name ({', '.join(SUFFIXES)})")
    return recordings[name]


def _recordings(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob("*"))
            if path.suffix.lower() in SUFFIXES}
