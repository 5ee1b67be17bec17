"""Handing audio to systems in batches of about one length, so that one utterance's failure is
its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from evalkit.core.clock import NOTHING, Spent, clock, since
from evalkit.core.endings import failure_of
from evalkit.core.errors import EvalkitError, UtteranceError
from evalkit.core.memory import forget_peak, peak_bytes
from evalkit.core.types import Audio, Utterance
from evalkit.run.exchange import handed, taken_list
from evalkit.run.guard import guarded

T = TypeVar("T")


def attempt(function: Callable[..., T], *values: Any) -> T | UtteranceError:
    """``function(*values)``, or the error: of the function, or the first among the values."""
    for value in values:
        if isinstance(value, UtteranceError):
            return value
    try:
        return function(*values)
    except UtteranceError as error:
        return error
    except EvalkitError:
        raise
    except Exception as error:  # a library may raise anything on one odd recording
        return failure_of(error)


@dataclass
class Answer:
    """What a system made of one utterance, or the error that took its place. ``spent`` is the
    utterance's share, by length, of what its batch took, resampling aside; nothing where it
    failed. ``peak`` is how many bytes the process had at most meanwhile."""

    value: Any
    spent: Spent = NOTHING
    peak: int | None = None
    resampled: set[str] = field(default_factory=set)

    def convert(self, rate: int | None) -> None:
        """Brings the value, audio, to ``rate`` Hz, remembering that it was resampled."""
        from evalkit.audio import resample

        if isinstance(self.value, Audio) and rate not in (None, self.value.rate):
            self.resampled.add(f"{self.value.rate}>{rate}")
            self.value = attempt(resample, self.value, rate)


def ask(function: Callable[[list[Audio]], Iterable[Any]], rate: int | None,
        heard: Sequence[Audio | UtteranceError | None], take: Callable[[Any, Audio], Any]
        ) -> list[Answer]:
    """An answer for every one of ``heard``, in one batch of those that are audio, at ``rate`` Hz:
    what ``take(result, audio)`` accepts of the system's results.

    Where the batch fails, each utterance is tried alone, so that only the guilty one has an
    error."""
    answers = [Answer(audio) for audio in heard]
    for answer in answers:
        answer.convert(rate)
    ready = [answer for answer in answers if isinstance(answer.value, Audio)]
    if ready:
        _put(function, ready, take)
    return answers


def _put(function: Callable[[list[Audio]], Iterable[Any]], asked: list[Answer],
         take: Callable[[Any, Audio], Any]) -> None:
    batch = [answer.value for answer in asked]
    given = [handed(audio) for audio in batch]
    forget_peak()
    started = clock()
    # One more than there should be is enough to see that there are too many.
    results: list[Any] | UtteranceError = attempt(
        guarded, lambda: taken_list(function(given), len(batch) + 1))
    spent, peak = since(started), peak_bytes()
    if not isinstance(results, UtteranceError) and len(results) != len(batch):
        many = "more" if len(results) > len(batch) else len(results)
        results = UtteranceError("WrongCount", f"{many} results of {len(batch)} utterances")
    if not isinstance(results, UtteranceError):
        length = sum(audio.duration for audio in batch)
        for answer, audio, result in zip(asked, batch, results, strict=True):
            share = audio.duration / length if length else 1 / len(batch)
            answer.spent, answer.peak = spent.part(share), peak
            answer.value = _sound(attempt(guarded, take, result, audio))
    elif len(asked) > 1:
        for answer in asked:
            _put(function, [answer], take)
    else:
        asked[0].value = results


def _sound(value: Any) -> Any:
    """``value``; a failure that a system gives in place of a result as any other."""
    return failure_of(value) if isinstance(value, UtteranceError) else value


def by_length(utterances: Sequence[Utterance], batches: Sequence[int]
              ) -> Iterator[list[Utterance]]:
    """Groups that are worked through one after another, so that only one group's audio is in
    memory: multiples of all ``batches``, sorted by length where any batch has several."""
    size = math.lcm(*batches)
    ordered = sorted(utterances, key=seconds_of) if size > 1 else list(utterances)
    for first in range(0, len(ordered), size):
        yield ordered[first:first + size]


def spread(utterances: Sequence[Utterance], n: int, seed: int) -> list[int]:
    """The places of ``n`` utterances, or of all where there are no more: one drawn from each of n
    parts of them by length, the same for the same seed."""
    by_seconds = sorted(range(len(utterances)), key=lambda i: seconds_of(utterances[i]))
    random = np.random.default_rng(seed)
    parts = np.array_split(np.array(by_seconds, int), min(n, len(utterances)))
    return sorted(int(random.choice(part)) for part in parts)


def seconds_of(utterance: Utterance) -> float:
    """How long it is, as the manifest or else its recording says; 0 where neither does."""
    if utterance.duration is not None:
        return utterance.duration
    if utterance.audio is None:
        return 0.0
    from evalkit.recordings.reading import seconds

    try:
        return seconds(utterance.audio) - utterance.offset
    except UtteranceError:  # reading it will say what is wrong
        return 0.0


def slices(group: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """``group`` cut into batches of ``size``."""
    for first in range(0, len(group), size):
        yield group[first:first + size]
