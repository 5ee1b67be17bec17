"""Enhancers of SpeechBrain, each loaded from a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from evalkit.audio import fit
from evalkit.core.errors import ConfigError
from evalkit.core.types import Audio, Cost
from evalkit.systems.identity import Precision, bytes_in, device_named
from evalkit.systems.speechbrain_folder import (
    check_folder,
    ensure_importable,
    interface_on,
    stamp_parts,
)

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class SpeechBrainEnhancer:
    """A ``SpectralMaskEnhancement`` of SpeechBrain, such as MetricGAN+ (Fu et al. 2021,
    arXiv:2104.03538), a ``WaveformEnhancement`` or a ``SepformerSeparation`` of one voice
    (SepFormer, Subakan et al. 2021, arXiv:2010.13154), in the folder ``path``.

    ``device`` is torch's name of where it computes, or auto, in numbers of ``precision``. It
    hears the whole of an utterance, one at a time, and is not late. The level is the network's:
    a SepFormer's need not be that of its input."""

    path: Path | str = field(repr=False)
    interface: Literal["SpectralMaskEnhancement", "WaveformEnhancement",
                       "SepformerSeparation"] = "SpectralMaskEnhancement"
    device: str = "cpu"
    precision: Precision = "float32"

    delay = 0.0
    batch = 1

    def __post_init__(self) -> None:
        check_folder(self.path)

    @property
    def identity(self) -> str:
        mine = replace(self, device=device_named(self.device))
        return f"{mine!r}, {stamp_parts(self.path)}"

    @property
    def cost(self) -> Cost:
        """Of its networks."""
        import torch

        from evalkit.models.torch_cost import cost_of

        silence = torch.zeros(1, self.rate, device="cpu")
        return cost_of(self._loaded.mods, lambda: self._made(silence), bytes_in(self.path))

    @property
    def rate(self) -> int:
        """Sampling rate in Hz that the folder states."""
        if self.interface == "SepformerSeparation":
            return int(self._loaded.hparams.sample_rate)
        return int(self._loaded.audio_normalizer.sample_rate)

    @cached_property
    def _loaded(self) -> Any:
        """SpeechBrain's own object. Raises ConfigError where it cannot be loaded, or where it
        gives several voices."""
        ensure_importable()
        from speechbrain.inference import enhancement, separation

        kinds = {"SpectralMaskEnhancement": enhancement.SpectralMaskEnhancement,
                 "WaveformEnhancement": enhancement.WaveformEnhancement,
                 "SepformerSeparation": separation.SepformerSeparation}
        loaded = interface_on(self.device, kinds[self.interface], self.path)
        if self.interface == "SepformerSeparation" and loaded.hparams.num_spks != 1:
            raise ConfigError(f"{self.path}: separates {loaded.hparams.num_spks} voices; an "
                              "enhancer has one; give a SepFormer whose num_spks is 1")
        return loaded

    def enhance(self, batch: Sequence[Audio]) -> list[Audio]:
        """Each cut or padded with zeros at its end to its input's length."""
        import torch

        from evalkit.models.tensors import padded

        made = [self._made(padded([speech.samples], torch.device("cpu"))[0]) for speech in batch]
        return [Audio(fit(wave.flatten().float().cpu().numpy(), len(speech.samples)), speech.rate)
                for wave, speech in zip(made, batch, strict=True)]

    def _made(self, waves: Tensor) -> Tensor:
        """Of (1, samples)."""
        import torch

        from evalkit.models.tensors import numbers, threads

        inputs = waves.to(self._loaded.device)
        with torch.inference_mode(), threads(1), numbers(inputs.device, self.precision):
            if self.interface == "SpectralMaskEnhancement":
                whole = torch.ones(1, device=inputs.device)
                return self._loaded.enhance_batch(inputs, lengths=whole)
            if self.interface == "WaveformEnhancement":
                return self._loaded.enhance_batch(inputs)
            return self._loaded.separate_batch(inputs)
