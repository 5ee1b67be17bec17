"""The reference recognizer, which comes with evalkit: evaluated, and taught further."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.core.errors import ConfigError
from evalkit.core.files import digest
from evalkit.core.types import Audio, Cost, Hypothesis, Recording
from evalkit.models import SHIPPED
from evalkit.systems.identity import bytes_in

if TYPE_CHECKING:
    from torch import Tensor

    from evalkit.models.ctc.network import CtcRecognizer


@dataclass(frozen=True)
class Reference:
    """The reference recognizer (evalkit.models.ctc). ``weights`` is a file that `evalkit train
    recognizer` or `evalkit mitigate` wrote; the one that evalkit ships where it is None."""

    weights: Path | str | None = None

    rate = 16_000
    batch = 1
    needs_audio = True
    output = ("output.",)

    def __post_init__(self) -> None:
        if not self._path.is_file():
            raise ConfigError(f"{self._path}: no such weights; `evalkit train recognizer` makes "
                              "some, and without the option the shipped ones are used")

    @property
    def identity(self) -> str:
        return f"Reference sha256:{digest(self._path)}"

    @property
    def cost(self) -> Cost:
        from evalkit.models.torch_cost import cost_of, second

        return cost_of(self.module, lambda: self.transcribe([second(self.rate)]),
                       bytes_in(self._path))

    @property
    def _path(self) -> Path:
        return Path(self.weights or SHIPPED / "recognizer.safetensors")

    @cached_property
    def module(self) -> CtcRecognizer:
        """The network, read when it is first asked for. Raises ConfigError where it cannot be."""
        from evalkit.models.ctc.network import CtcRecognizer

        return CtcRecognizer.load(self._path)

    @property
    def further_input(self) -> tuple[str, int]:
        """The output of the first convolution."""
        return "convolutions.0.0", self.module.config.channels

    def transcribe(self, batch: Sequence[Audio]) -> list[Hypothesis]:
        """One hypothesis each, of lower-case words."""
        texts = self.module.eval().transcribe([audio.samples for audio in batch])
        return [Hypothesis(text) for text in texts]

    def spell(self, text: str) -> list[int]:
        from evalkit.models.ctc.network import encode

        return encode(text)

    def losses(self, batch: Sequence[Recording]) -> Tensor:
        return self.module.loss([r.wave for r in batch], [r.text for r in batch])

    def posteriors(self, batch: Sequence[Recording]) -> tuple[Tensor, Tensor]:
        from evalkit.models.tensors import device_of, padded

        waves = padded([r.wave for r in batch], device_of(self.module))
        posteriors: tuple[Tensor, Tensor] = self.module(*waves)
        return posteriors

    def save(self, path: Path) -> None:
        """A file for the option ``weights``. One of a network with a cohort input, which this
        class does not have, is refused there."""
        self.module.save(path)
