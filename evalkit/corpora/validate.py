"""Whether a corpus can be used: every line of its manifest, and every recording it names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import track

from evalkit.core.errors import UtteranceError
from evalkit.core.text import count
from evalkit.core.types import Utterance
from evalkit.recordings.reading import load
from evalkit.store.manifest import Manifest, Problem, read_manifest
from evalkit.store.other_layouts import importer

SAID_FROM = 1_000
"""Utterances from which on progress is said where no bar can be shown."""


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
            f"{self.manifest.path}: {count(len(utterances), 'utterance')} of "
            f"{count(len(speakers), 'speaker') if speakers else 'speakers unknown'}, "
            f"{self.hours:.2f} h",
            f"without text: {sum(u.text is None for u in utterances)}, without speaker: "
            f"{sum(u.speaker is None for u in utterances)}, without audio: "
            f"{sum(u.audio is None for u in utterances)}",
            f"metadata: {', '.join(self.columns) or 'none'}",
            f"problems: {len(self.problems)}"]
        advice = None if utterances else importer(self.manifest.path)
        lines += [advice] if advice else []
        return "\n".join([*lines, *filter(None, [self.manifest.describe_problems()])])


class _Heard(NamedTuple):
    """What came of reading an utterance: seconds of audio, and what is wrong, by field."""

    seconds: float = 0.0
    wrong: tuple[tuple[str, str], ...] = ()


def validate(manifest: Path, *, outside: bool = False,
             say: Callable[[str], None] = lambda line: None) -> Report:
    """Reads every line, and all of every recording that it names, as a run would
    (``evalkit.recordings.reading.load``). ``say`` receives lines of progress where no bar can be
    shown. Raises ManifestError only where the manifest cannot be read."""
    read = read_manifest(manifest, outside=outside)
    problems, seconds = list(read.problems), 0.0
    with ThreadPoolExecutor() as pool:
        heard = _shown(pool.map(_hear, read.utterances), len(read.utterances), say)
        for line, (length, wrong) in zip(read.lines, heard, strict=True):
            problems += [Problem(line, field, message) for field, message in wrong]
            seconds += length
    problems.sort(key=lambda problem: problem.line)
    columns = dict.fromkeys(key for u in read.utterances for key in u.metadata)
    return Report(replace(read, problems=tuple(problems)), seconds / 3600, tuple(columns))


def _shown(heard: Iterator[_Heard], total: int, say: Callable[[str], None]) -> Iterator[_Heard]:
    """``heard``, with a bar on standard error, or a line to ``say`` for every tenth."""
    console = Console(stderr=True)
    bar = track(heard, "reading", total, console=console, transient=True,
                disable=not console.is_terminal)
    for done, one in enumerate(bar, 1):
        yield one
        if not console.is_terminal and total >= SAID_FROM and done % (total // 10) == 0:
            say(f"{done:,} of {total:,} utterances read")


def _hear(utterance: Utterance) -> _Heard:
    """Hours count of utterances all of whose recordings are good."""
    seconds, wrong = 0.0, []
    for field, path in (("reference_audio", utterance.reference_audio),
                        ("audio", utterance.audio)):
        if path is not None:
            try:
                seconds = load(path, offset=utterance.offset,
                               duration=utterance.duration).duration
            except UtteranceError as error:
                wrong.append((field, error.reason))
    return _Heard(0.0, tuple(reversed(wrong))) if wrong or not utterance.audio else _Heard(seconds)
