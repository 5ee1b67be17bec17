"""What comes out of a stream however its input is cut."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from evalkit.core.protocols import Endpointer, StreamingEnhancer, StreamingRecognizer
from evalkit.core.types import Audio
from evalkit.run.dependencies import differs
from evalkit.run.endpointed import taken_endpoints
from evalkit.run.events import taken_shown
from evalkit.run.exchange import (
    handed,
    taken_delay,
    taken_end,
    taken_hypothesis,
    taken_piece,
)

FINE, COARSE = 0.01, 0.1
"""Seconds of the pieces that all others are compared with, and of the borders that all have."""
EXCERPT = 0.2
"""Seconds of the beginning that is given sample by sample."""


def ways_to_cut(samples: int, rate: int, seed: int = 0) -> Mapping[str, Sequence[int]]:
    """By what they are called, borders of pieces of a signal, its ends among them."""
    coarse = [*range(0, samples, round(COARSE * rate)), samples]
    drawn = np.random.default_rng(seed).integers(1, samples, samples // round(0.02 * rate))
    return {"10 ms at a time": [*range(0, samples, round(FINE * rate)), samples],
            "100 ms at a time": coarse,
            "in pieces of any length": sorted({*coarse, *map(int, drawn)}),
            "at once": [0, samples]}


def in_pieces(audio: Audio, borders: Sequence[int]) -> Iterator[tuple[int, np.ndarray]]:
    """The pieces, with how many samples there are with each."""
    for first, end in pairwise(borders):
        yield end, handed(Audio(audio.samples[first:end], audio.rate)).samples


def enhanced(system: StreamingEnhancer, audio: Audio, borders: Sequence[int]) -> np.ndarray:
    """All that comes out of a stream. Raises UtteranceError where that is not as it should be."""
    stream = system.open(audio.rate)
    delay, left, made = taken_delay(stream.delay), 0, []
    for _, piece in in_pieces(audio, borders):
        made.append(taken_piece(stream.push(piece), left + len(piece)))
        left += len(piece) - len(made[-1])
    return np.concatenate([*made, taken_end(stream.finish(), left + delay)])


@dataclass(frozen=True)
class Watched:
    """What a stream showed, and after how many samples; the ``result`` of the whole."""

    samples: Sequence[int]
    shown: Sequence[Any]
    result: Any

    def at(self, sample: int) -> Any:
        """What it shows once so many samples were given; None before it shows anything."""
        place = bisect_right(self.samples, sample)
        return self.shown[place - 1] if place else None


def recognised(system: StreamingRecognizer, audio: Audio, borders: Sequence[int]) -> Watched:
    """Raises UtteranceError where the stream is not as its protocol says."""
    stream = system.open(audio.rate)
    log = [(given, each) for given, piece in in_pieces(audio, borders)
           for each in taken_shown(stream.push(piece))]
    result = taken_hypothesis(stream.finish())
    return Watched([given for given, _ in log], [each for _, each in log], result)


def ended(system: Endpointer, audio: Audio, borders: Sequence[int]) -> Watched:
    """The end-points, at the samples that they lie at, which may be earlier than they are known.
    Raises UtteranceError where the stream is not as its protocol says."""
    stream, before, found = system.open(audio.rate), 0.0, []
    for given, piece in in_pieces(audio, borders):
        now = given / audio.rate
        found += taken_endpoints(stream.push(piece), before, now)
        before = now
    return Watched([round(each.audio * audio.rate) for each in found], found, found)


class Difference(NamedTuple):
    """From which second on something is otherwise, and what in words."""

    seconds: float
    what: str


def differing_audio(made: np.ndarray, base: np.ndarray, rate: int) -> Difference | None:
    """The first sample that is otherwise."""
    found = differs(made, base)
    if not found.any():
        return None
    if len(made) != len(base):
        return Difference(len(base) / rate, f"{len(made):,} samples come out in place of "
                                            f"{len(base):,}")
    share = np.abs(made - base).max() / np.abs(base).max()
    return Difference(int(found.argmax()) / rate, f"by {share:.2g} of the peak")


def differing_text(made: Watched, base: Watched, borders: Sequence[int], rate: int
                   ) -> Difference | None:
    """The first of the ``borders`` at which something else is shown, or else the result."""
    for border in borders:
        if made.at(border) != base.at(border):
            return Difference(border / rate, f"{_said(made.at(border))} in place of "
                                             f"{_said(base.at(border))}")
    if made.result != base.result:
        return Difference(borders[-1] / rate, f"{_said(made.result)} in place of "
                                              f"{_said(base.result)} in the end")
    return None


def _said(shown: Any) -> str:
    if shown is None:
        return "nothing"
    text = shown.text if "text" in dir(shown) else str(shown)
    return repr(text if len(text) <= 60 else text[:59] + "…")


Streaming = Callable[[Audio, Sequence[int]], Any]
"""What a system makes of audio that is cut at the borders."""


def first_difference(streamed: Streaming, audio: Audio) -> str | None:
    """How what comes out depends on how the audio is cut, None where it does not."""
    for part, ways in ((audio, ways_to_cut(len(audio.samples), audio.rate)), _singly(audio)):
        (base_name, base), *others = ways.items()
        wanted = streamed(part, base)
        for name, borders in others:
            common = sorted({*base} & {*borders})
            found = difference(streamed(part, borders), wanted, common, part.rate)
            if found is not None:
                return (f"given {name} it is otherwise from {found.seconds:.3f} s on than "
                        f"{base_name}: {found.what}")
    return None


def difference(made: Any, base: Any, borders: Sequence[int], rate: int) -> Difference | None:
    """Of two Watched, at the ``borders``, or of two signals."""
    return (differing_text(made, base, borders, rate) if isinstance(made, Watched) else
            differing_audio(made, base, rate))


def _singly(audio: Audio) -> tuple[Audio, Mapping[str, Sequence[int]]]:
    """The beginning, in pieces and sample by sample."""
    part = Audio(audio.samples[:round(EXCERPT * audio.rate)], audio.rate)
    n = len(part.samples)
    return part, {"10 ms at a time": ways_to_cut(n, audio.rate)["10 ms at a time"],
                  "sample by sample": range(n + 1)}
