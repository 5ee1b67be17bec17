"""PercepNet, the reference enhancer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.protocols import AudioStream
from evalkit.core.types import Audio, Cost
from evalkit.models import SHIPPED
from evalkit.models.onnx_cost import cost_of
from evalkit.systems.framed import whole
from evalkit.systems.identity import require, stamp

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

    from evalkit.models.percepnet.runtime import Runtime

FRAMES = 100
"""A second."""
LARGEST, BEGINNING = 1 << 31, b"\x3a"
"""Bytes of a file of weights, a message of protobuf, at most; and its first, before the weights."""
SLOWEST, FASTEST = 4_000, 192_000
"""Hz of the rates that can be heard: slower is no speech, and filters grow with the rate."""


@dataclass(frozen=True)
class PercepNet:
    """PercepNet (Valin et al. 2020, arXiv:2008.04259): bands of the ear, a comb filter at the
    pitch, and a network that says how much of each band to keep.

    It works at 16 and 48 kHz; what has another rate is resampled. ``weights`` are a file of
    `evalkit train enhancer`, the shipped ones where None; ``postfilter`` lowers what the network
    would leave of the noise."""

    weights: Path | str | None = None
    postfilter: bool = True

    rate = None
    batch = 1
    delay = 0.03

    def __post_init__(self) -> None:
        require("onnxruntime")
        _check(self._path)

    @property
    def identity(self) -> str:
        from evalkit.models.percepnet.path import VERSION

        return (f"PercepNet {VERSION} postfilter={self.postfilter} "
                f"{stamp('onnxruntime', [self._path])}")

    @property
    def cost(self) -> Cost:
        """Of the network; the signal path aside."""
        return cost_of(lambda: [self._path.read_bytes()], self._path.stat().st_size,
                       axis=None, rate=FRAMES)

    @property
    def _path(self) -> Path:
        return Path(self.weights or SHIPPED / "percepnet.onnx")

    @cached_property
    def _runtime(self) -> Runtime:
        from evalkit.models.percepnet.runtime import Runtime

        return Runtime(self._path)

    def enhance(self, batch: Sequence[Audio]) -> list[Audio]:
        """What comes out of a stream each, later than its input by ``delay`` at any rate, and so
        much longer. Raises UtteranceError and ConfigError as ``open`` does."""
        with _threads().limit(limits=1):  # products this small only wait for further threads
            return [self._enhance(speech) for speech in batch]

    def _enhance(self, speech: Audio) -> Audio:
        stream = self.open(speech.rate)
        later = stream.delay - round(self.delay * speech.rate)
        return Audio(whole(stream, speech).samples[later:], speech.rate)

    def open(self, rate: int) -> AudioStream:
        """A stream at ``rate`` Hz: 10 ms in, 10 ms out, late by ``delay`` at 16 and 48 kHz; at
        others 64 samples later, of the lower rate where 48 kHz is lower. Raises UtteranceError of
        kind WrongRate, and ConfigError where the weights are none."""
        from evalkit.models.percepnet.advice import Advice
        from evalkit.models.percepnet.frames import RATES, Framing
        from evalkit.models.percepnet.path import Path as SignalPath
        from evalkit.systems.resampled import Resampled

        if not SLOWEST <= rate <= FASTEST:
            raise UtteranceError("WrongRate", f"PercepNet hears {SLOWEST:,} to {FASTEST:,} Hz, "
                                              f"not {rate:,}")
        inner = next((known for known in RATES if rate <= known), RATES[-1])
        path = SignalPath(Framing(inner), Advice(self._runtime), self.postfilter)
        return path if rate == inner else Resampled(path, inner, rate)


@cache
def _threads() -> ThreadpoolController:
    """NumPy's: looking for them takes as long as half a second of speech."""
    import numpy  # noqa: F401 -- it is there before it is looked for
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _check(path: Path) -> None:
    """Raises ConfigError where there can be no weights, before the whole is read."""
    if not path.is_file():
        raise ConfigError(f"{path}: no such weights; give the option `weights` a file that "
                          "`evalkit train enhancer` wrote")
    with path.open("rb") as file:
        begins = file.read(1) == BEGINNING
    if not begins or path.stat().st_size > LARGEST:
        raise ConfigError(f"{path}: no network of PercepNet; give the option `weights` a file that "
                          "`evalkit train enhancer` wrote")
