"""Whether a corpus can be used: every line of its manifest, and every recording it names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import soundfile

from evalkit.core.errors import one_line
from evalkit.core.types import Utterance
from evalkit.store.manifest import Manifest, Problem, read_manifest
from evalkit.store.other_layouts import importer

TOLERANCE = 0.01
"""Seconds by which a stated end may pass the recording's: manifests round."""


@dataclass(frozen=True)
class Report:
    """A manifest with everything that is wrong with it or its recordings, and what it holds.
    ``hours`` are those of readable audio; ``columns`` are the metadata's."""

    manifest: Manifest
    hours: float
    columns: tuple[str, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self.manifest.problems

    def describe(self) -> str:
        """Counts, then the first problems by line and field, for a person."""
        utterances = self.manifest.utterances
        speakers = {u.speaker for u in utterances} - {None}
        lines = [
            f"{self.manifest.path}: {len(utterances)} utterances of {len(speakers)} speakers, "
            f"{self.hours:.2f} h",
            f"without text: {sum(u.text is None for u in utterances)}, without speaker: "
            f"{sum(u.speaker is None for u in utterances)}, without audio: "
            f"{sum(u.audio is None for u in utterances)}",
            f"metadata: {', '.join(self.columns) or 'none'}",
            f"problems: {len(self.problems)}"]
        advice = None if utterances else importer(self.manifest.path)
        lines += [advice] if advice else []
        return "\n".join([*lines, *filter(None, [self.manifest.describe_problems()])])


def validate(manifest: Path, *, outside: bool = False) -> Report:
    """Reads every line, and the header of every recording: it must open, not be empty, and last
    until ``offset + duration``. Raises ManifestError only where the manifest cannot be read."""
    read = read_manifest(manifest, outside=outside)
    problems = list(read.problems)
    seconds = 0.0
    for line, utterance in zip(read.lines, read.utterances, strict=True):
        wrong = [Problem(line, field, message) for field, message in _problems(utterance)]
        problems += wrong
        if utterance.audio is not None and not wrong:
            seconds += utterance.duration or _length(utterance.audio) - utterance.offset
    problems.sort(key=lambda problem: problem.line)
    columns = dict.fromkeys(key for u in read.utterances for key in u.metadata)
    return Report(replace(read, problems=tuple(problems)), seconds / 3600, tuple(columns))


def _problems(utterance: Utterance) -> Iterator[tuple[str, str]]:
    """What is wrong with an utterance's recordings, by field."""
    for field, path in (("audio", utterance.audio),
                        ("reference_audio", utterance.reference_audio)):
        if path is not None:
            try:
                _check(_length(path), utterance)
            except ValueError as error:
                yield field, f"{path} {one_line(error)}"


def _check(length: float, utterance: Utterance) -> None:
    if length == 0:
        raise ValueError("holds no samples")
    if utterance.offset >= length:
        raise ValueError(f"lasts {length:.3f} s, offset is {utterance.offset:g} s")
    if utterance.duration == 0:
        raise ValueError("has a duration of 0 s; leave it out to use the whole recording")
    end = utterance.offset + (utterance.duration or 0.0)
    if end > length + TOLERANCE:
        raise ValueError(f"lasts {length:.3f} s, offset and duration end at {end:.3f} s")


@lru_cache(maxsize=1)
def _length(path: Path) -> float:
    """Seconds of a recording, by its header. Raises ValueError where it cannot be opened. The
    lines of one long recording follow one another, so the last one is kept."""
    if not path.is_file():
        raise ValueError("does not exist")
    try:
        info = soundfile.info(path)
    except (soundfile.SoundFileError, OSError) as error:
        raise ValueError(f"cannot be read as audio: {error}") from error
    return info.frames / info.samplerate
