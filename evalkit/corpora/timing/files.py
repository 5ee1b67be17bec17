"""Files of word times that other tools made, and which of them are an utterance's."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from evalkit.core.errors import ManifestError, UtteranceError
from evalkit.core.ledger import LeftOut
from evalkit.core.names import instead
from evalkit.core.types import Utterance, Word
from evalkit.corpora.timing.ctm import spoken
from evalkit.corpora.timing.textgrid import SUFFIX, words_in


@dataclass(frozen=True)
class Times:
    """The words of a file or a folder by the name of what they were said in: an utterance, or the
    recording that it is of. ``failed`` are names that are there and cannot be used, and why."""

    kind: str
    where: str
    words: dict[str, tuple[Word, ...]]
    failed: dict[str, str]
    left_out: tuple[LeftOut, ...] = ()

    def of(self, utterance: Utterance) -> tuple[Word, ...]:
        """From the beginning of the utterance: those under its id, which count from there, or else
        those of its recording that are in it. Raises UtteranceError."""
        for name in _names(utterance):
            if name in self.failed:
                raise UtteranceError("BadTimes", self.failed[name])
            if name in self.words:
                words = self.words[name]
                return words if name == utterance.id else _within(words, utterance)
        raise UtteranceError("NoWordTimes", "there are none of its id, nor of its recording's name")

    def besides(self, utterances: Iterable[Utterance]) -> Iterator[LeftOut]:
        """The names that are no utterance's."""
        wanted = {name for utterance in utterances for name in _names(utterance)}
        for name in sorted((self.words.keys() | self.failed.keys()) - wanted):
            yield LeftOut("word times", self.where, "no utterance of the manifest has this id, nor "
                          "a recording of this name", names=(name,))


def times_of(source: Path, tier: str | None = None) -> Times:
    """What ``source`` has: a CTM, or a TextGrid or a folder with some in it, whose words are in the
    ``tier``. Raises ManifestError where there is none."""
    if source.is_dir():
        found = sorted(path for path in source.rglob("*") if path.suffix.lower() == SUFFIX)
        if not found:
            raise ManifestError(f"{source}: holds no TextGrid (*.TextGrid)")
        return _text_grids(source, found, tier)
    if not source.exists():
        raise ManifestError(f"{source}: no such file or folder{instead(source)}")
    if source.suffix.lower() == SUFFIX:
        return _text_grids(source, [source], tier)
    if tier is not None:
        raise ManifestError(f"{source}: is read as a CTM, which has no tiers; leave out --tier, or "
                            "name a TextGrid (*.TextGrid)")
    return _ctm(source)


def _text_grids(source: Path, paths: Iterable[Path], tier: str | None) -> Times:
    words: dict[str, tuple[Word, ...]] = {}
    failed: dict[str, str] = {}
    for path in paths:
        if path.stem in words or path.stem in failed:
            words.pop(path.stem, None)
            failed[path.stem] = "several TextGrids have its name"
            continue
        try:
            words[path.stem] = words_in(path, tier)
        except ValueError as error:
            failed[path.stem] = f"the TextGrid {error}"
    return Times("TextGrids" if source.is_dir() else "TextGrid", str(source), words, failed)


def _ctm(source: Path) -> Times:
    words: dict[str, tuple[Word, ...]] = {}
    failed: dict[str, str] = {}
    left_out: list[LeftOut] = []
    for item in spoken(source):
        if isinstance(item, LeftOut):
            left_out.append(item)
        elif item.recording in words:
            failed[item.recording] = "several channels of it have words"
        else:
            words[item.recording] = item.words
    if not words:
        raise ManifestError(f"{source}: is no CTM: no line is a recording, a channel, a start, a "
                            "duration and a word")
    return Times("CTM", str(source), words, failed, tuple(left_out))


def _names(utterance: Utterance) -> Iterator[str]:
    yield utterance.id
    if utterance.audio is not None:
        yield utterance.audio.stem


def _within(words: Iterable[Word], utterance: Utterance) -> tuple[Word, ...]:
    """The words of a recording whose middle is in the segment of it that the utterance is, with
    their times from its beginning."""
    length = math.inf if utterance.duration is None else utterance.duration
    moved = (_moved(word, utterance.offset) for word in words)
    return tuple(replace(word, start=max(0.0, start), end=end) for word, start, end in moved
                 if 0 <= (start + end) / 2 < length)


def _moved(word: Word, offset: float) -> tuple[Word, float, float]:
    """The word, and its start and end in seconds from ``offset``."""
    return (word, round((word.start or 0.0) - offset, 6), round((word.end or 0.0) - offset, 6))
