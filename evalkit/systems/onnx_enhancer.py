"""An enhancer that is a graph of ONNX, from waveform to waveform."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.core.types import Audio, Cost
from evalkit.models.onnx_cost import cost_of
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

    @property
    def cost(self) -> Cost:
        """Of the graph, for a second of audio."""
        files = self.files
        size = sum(file.stat().st_size for file in files)
        *_, axis = self._heard(self.session).shape
        if not isinstance(axis, str):
            return Cost(bytes=size, unknown="its axis of time has no name")
        if len(files) > 1:
            return Cost(bytes=size, unknown="its weights are in files of their own")
        return cost_of(lambda: [files[0].read_bytes()], size, axis=axis, rate=self.rate,
                       frames=self.rate)

    def enhance(self, batch: Sequence[Audio]) -> list[Audio]:
        """Each of its input's length and the delay. Raises UtteranceError of kind WrongShape."""
        return [one_signal(self.run(speech.samples), speech, self.delay) for speech in batch]
