"""An enhancer that is a module of TorchScript, from waveform to waveform.

Such a file is a program, which can read and write what you can: load only one that you trust.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.core.errors import ConfigError, UtteranceError, one_line
from evalkit.core.types import Audio, Cost
from evalkit.systems.identity import Precision, device_named, model_file, require, stamp
from evalkit.systems.one_signal import one_signal

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


@dataclass(frozen=True)
class TorchScriptEnhancer:
    """The module in the file ``path``, as ``torch.jit.save`` writes it, for sound at ``rate`` Hz.

    It takes (1, samples), or (1, 1, samples) where it has an axis of a ``channel``, and gives as
    many, late by ``delay_ms``. ``device`` is torch's name of where it computes, or auto, in
    numbers of ``precision``."""

    path: Path | str = field(repr=False)
    rate: int
    channel: bool = False
    delay_ms: float = 0.0
    device: str = "cpu"
    precision: Precision = "float32"

    batch = 1

    def __post_init__(self) -> None:
        require("torch")
        model_file(self.path)
        if self.rate <= 0:
            raise ValueError(f"rate must be above 0, not {self.rate!r}")

    @property
    def identity(self) -> str:
        mine = replace(self, device=device_named(self.device))
        return f"{mine!r}, {stamp('torch', [Path(self.path)])}"

    @property
    def delay(self) -> float:
        return self.delay_ms / 1000

    @property
    def cost(self) -> Cost:
        """Of the module, for a second of audio."""
        import torch

        from evalkit.models.torch_cost import cost_of

        silence = torch.zeros(self.rate, device="cpu")
        return cost_of(self.module, lambda: self._made(silence), Path(self.path).stat().st_size)

    @cached_property
    def module(self) -> Any:
        """Read when it is first asked for. Raises ConfigError where it cannot be."""
        import torch

        from evalkit.models.tensors import placed

        try:
            module = torch.jit.load(str(self.path), map_location="cpu")
        except (RuntimeError, ValueError) as error:
            raise ConfigError(f"{self.path}: cannot load a module of TorchScript: "
                              f"{one_line(error)}; save one by torch.jit.save") from error
        return placed(module.eval(), self.device)

    def enhance(self, batch: Sequence[Audio]) -> list[Audio]:
        """Each of its input's length and the delay. Raises UtteranceError of kind WrongShape."""
        return [one_signal(self._signal(speech), speech, self.delay) for speech in batch]

    def _signal(self, speech: Audio) -> np.ndarray:
        import torch

        made = self._made(torch.tensor(speech.samples, device="cpu"))
        return made.float().cpu().numpy()

    def _made(self, samples: Tensor) -> Tensor:
        import torch

        from evalkit.models.tensors import numbers, threads

        module, device = self.module, torch.device(device_named(self.device))
        waves = samples.reshape((1, 1, -1) if self.channel else (1, -1)).to(device)
        with (torch.inference_mode(), threads(1), numbers(device, self.precision),
              torch.jit.optimized_execution(False)):  # its first outputs are as the later ones
            made = module(waves)
        if not isinstance(made, torch.Tensor):
            raise UtteranceError("WrongShape", f"it gave a {type(made).__name__}, not a tensor")
        return made
