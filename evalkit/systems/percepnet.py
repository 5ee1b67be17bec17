"""PercepNet, the reference enhancer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from evalkit.core.protocols import AudioStream
from evalkit.core.types import Audio
from evalkit.models import SHIPPED
from evalkit.systems.identity import require, stamp
from evalkit.systems.resampled import Resampled

WEIGHTS = SHIPPED / "percepnet.onnx"


@dataclass(frozen=True)
class PercepNet:
    """PercepNet (Valin et al. 2020, arXiv:2008.04259): bands of the ear, a comb filter at the
    pitch, and a network that says how much of each band to keep.

    It works at 16 and 48 kHz; what has another rate is resampled. ``weights`` are those of
    `evalkit train enhancer`, the shipped ones where None; ``postfilter`` lowers what the network
    would leave of the noise. Raises ConfigError for a file that holds something else."""

    weights: Path | None = None
    postfilter: bool = True

    rate = None
    batch = 1
    delay = 0.03

    def __post_init__(self) -> None:
        require("onnxruntime", "soxr")

    @property
    def identity(self) -> str:
        return f"{self!r} {stamp('onnxruntime', [self._weights])}"

    @property
    def _weights(self) -> Path:
        return Path(self.weights or WEIGHTS)

    def enhance(self, batch: Sequence[Audio]) -> list[Audio]:
        """Each longer than its input by the delay of a stream at its rate."""
        return [self._enhanced(speech) for speech in batch]

    def _enhanced(self, speech: Audio) -> Audio:
        stream = self.open(speech.rate)
        made = [stream.push(speech.samples), stream.finish()]
        return Audio(np.concatenate(made).astype(np.float32), speech.rate)

    def open(self, rate: int) -> AudioStream:
        """A stream at ``rate`` Hz: 10 ms in, 10 ms out, 30 ms late at 16 and 48 kHz; at others
        as much later as resampling takes there and back."""
        from evalkit.models.percepnet.advice import Advice
        from evalkit.models.percepnet.frames import RATES, Framing
        from evalkit.models.percepnet.path import Path as SignalPath

        inner = rate if rate in RATES else min(r for r in RATES if r >= min(rate, max(RATES)))
        path = SignalPath(Framing(inner), Advice(_runtime(self._weights)), self.postfilter)
        return path if inner == rate else Resampled(path, rate, inner)


@lru_cache(maxsize=2)
def _runtime(weights: Path):  # type: ignore[no-untyped-def]
    from evalkit.models.percepnet.runtime import Runtime

    return Runtime(weights)
