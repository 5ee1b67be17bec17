"""An enhancer that is given its input in pieces, as it would come in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.audio import advance
from evalkit.core.pace import cuts
from evalkit.core.protocols import AudioStream, StreamingEnhancer
from evalkit.core.types import Audio, Cost
from evalkit.run.exchange import handed, taken_delay, taken_end, taken_piece


@dataclass(frozen=True)
class Streamed:
    """``enhancer`` as an Enhancer whose output comes out of a stream, given ``seconds`` at a
    time. What its stream is later than ``delay``, such as by resampling, is taken off."""

    enhancer: StreamingEnhancer
    seconds: float

    batch = 1

    @property
    def rate(self) -> int | None:
        return self.enhancer.rate

    @property
    def delay(self) -> float:
        return self.enhancer.delay

    @property
    def identity(self) -> str:
        return self.enhancer.identity

    @property
    def cost(self) -> Cost:
        return self.enhancer.cost

    def enhance(self, batch: Sequence[Audio]) -> list[Audio]:
        """Raises UtteranceError where a stream is not as its protocol says."""
        return [self._enhance(speech) for speech in batch]

    def _enhance(self, speech: Audio) -> Audio:
        stream = self.enhancer.open(speech.rate)
        delay = taken_delay(stream.delay)
        made = Audio(np.concatenate([*self._pieces(stream, speech, delay)]), speech.rate)
        later = delay - round(self.delay * speech.rate)
        return advance(made, later / speech.rate)

    def _pieces(self, stream: AudioStream, speech: Audio, delay: int) -> Iterator[np.ndarray]:
        """What comes out, none of it before it could."""
        left = 0
        for first, end in cuts(len(speech.samples), self.seconds, speech.rate):
            piece = handed(Audio(speech.samples[first:end], speech.rate)).samples
            made = taken_piece(stream.push(piece), left + len(piece))
            left += len(piece) - len(made)
            yield made
        yield taken_end(stream.finish(), left + delay)
