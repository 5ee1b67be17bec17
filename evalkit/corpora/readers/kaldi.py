"""A Kaldi data directory: wav.scp, text, utt2spk, segments, spk2gender, spk2age."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from evalkit.core.ledger import LeftOut
from evalkit.core.types import Utterance
from evalkit.corpora.readers.base import Pairs, gender, read_pairs, seconds

FILES = ("wav.scp", "text", "utt2spk", "segments", "spk2gender", "spk2age")
OF_UTTERANCES = ("segments", "text", "utt2spk")
OF_SPEAKERS = ("spk2gender", "spk2age")
TWICE = "stands there with several values"


def kaldi(source: Path) -> Iterator[Utterance | LeftOut]:
    """The utterances of the directory ``source``, to which the paths in wav.scp are relative.

    Left out are an entry of wav.scp that is a command, which is never run, a segment of another
    channel than the first, an utterance whose key has several values in one file, and texts and
    recordings without the other; what has several values for a speaker is unknown."""
    files = {name: read_pairs(source / name, optional=name != "wav.scp") for name in FILES}
    segments = files["segments"].values or {key: key for key in files["wav.scp"].values}
    for name, segment in segments.items():
        try:
            yield _utterance(source, name, segment, files)
        except _RefusedError as refused:
            yield LeftOut("utterance", str(refused.path), str(refused), names=(name,))
    yield from _unused(source, segments, files)
    for file in OF_SPEAKERS:
        for name in sorted(files[file].twice):
            yield LeftOut("cell", str(source / file), TWICE, names=(name,))


class _RefusedError(ValueError):
    """An utterance that cannot be used, by what ``path`` says of it."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(why)
        self.path = path


def _utterance(source: Path, name: str, segment: str, files: Mapping[str, Pairs]) -> Utterance:
    for file in OF_UTTERANCES:
        if name in files[file].twice:
            raise _RefusedError(source / file, TWICE)
    recording, *bounds = segment.split() or [""]
    entry = _entry(recording, files["wav.scp"])
    try:
        offset, duration = _span(bounds)
    except ValueError as error:
        raise _RefusedError(source / "segments", str(error)) from error
    speaker = files["utt2spk"].values.get(name, "")
    sex, age = (None if speaker in files[file].twice else files[file].values.get(speaker)
                for file in OF_SPEAKERS)
    return Utterance(name, source / entry, speaker or None, files["text"].values.get(name),
                     offset=offset, duration=duration,
                     metadata={"gender": gender(sex), "age": age})


def _entry(recording: str, recordings: Pairs) -> str:
    entry = recordings.values.get(recording, "")
    if not entry:
        raise _RefusedError(recordings.path, "does not hold its recording")
    if recording in recordings.twice:
        raise _RefusedError(recordings.path, f"its recording {TWICE}")
    if entry.endswith("|"):
        raise _RefusedError(recordings.path, "its entry is a command, which is not run")
    return entry


def _span(bounds: list[str]) -> tuple[float, float | None]:
    """Offset and duration of ``[start end [channel]]``; an end of -1 is that of the recording.
    Raises ValueError."""
    if not bounds:
        return 0.0, None
    if len(bounds) not in {2, 3}:
        raise ValueError("its segment is not a recording, a start, an end and perhaps a channel")
    if bounds[2:] not in ([], ["0"]):
        raise ValueError("its segment is of another channel than the first, which alone is "
                         "heard: make a file of every channel")
    start = seconds(bounds[0]) or 0.0
    if bounds[1] == "-1":
        return start, None
    end = seconds(bounds[1]) or 0.0
    if end <= start:
        raise ValueError("its segment ends before it starts")
    return start, round(end - start, 6)


def _unused(source: Path, segments: Mapping[str, str], files: Mapping[str, Pairs]
            ) -> Iterator[LeftOut]:
    """Texts and speakers of utterances, and recordings, that nothing is made of."""
    within = "segments" if files["segments"].values else "wav.scp"
    for file in ("text", "utt2spk"):
        for name in sorted(files[file].values.keys() - segments.keys()):
            yield LeftOut("utterance", str(source / file), f"{within} does not hold it",
                          names=(name,))
    used = {recording for segment in segments.values() for recording in segment.split()[:1]}
    for name in sorted(files["wav.scp"].values.keys() - used):
        yield LeftOut("recording", str(source / "wav.scp"), "segments does not hold it",
                      names=(name,))
