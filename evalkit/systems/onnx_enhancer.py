"""An enhancer that is a graph of ONNX, from waveform to waveform."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.core.types import Audio
from evalkit.systems.one_signal import one_signal
from evalkit.systems.onnx_graph import OnnxGraph


@dataclass(frozen=True)
class OnnxEnhancer(OnnxGraph):
    """A graph that takes (samples,), (1, samples) or (1, 1, samples) and gives as many, late by
    ``delay_ms``."""

    delay_ms: float = 0.0

    @property
    def delay(self) -> float:
        return self.delay_ms / 1000

    def enhance(self, batch: Sequence[Audio]) -> list[Audio]:
        """Each of its input's length and the delay. Raises UtteranceError of kind WrongShape."""
        return [one_signal(self.run(speech.samples), speech, self.delay) for speech in batch]
