"""Log-mel spectra of which each has heard nothing behind its own hop."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from evalkit.models.torchaudio_standin import ensure_torchaudio

ensure_torchaudio()

from torchaudio.functional import melscale_fbanks  # noqa: E402

RATE = 16_000
"""Sampling rate in Hz of every waveform."""
HOP = RATE // 100
WINDOW = RATE // 40
BEFORE = WINDOW - HOP
"""Samples before a hop that its window hears too."""
_FLOOR = 1e-5
"""Of a band's energy: about -60 dB of full scale, below which there is nothing to hear."""
_MIDDLE, _SPREAD = -30.0, 18.0
"""In dB, of speech: nothing is normalised by what an utterance has later, and what SpecAugment
hides is 0, neither loud nor silent."""


class LogMel(nn.Module):
    """Energies of ``mels`` bands from 20 Hz to half of RATE, in decibel, of windows of 25 ms (Hann)
    of which one ends with every hop of 10 ms."""

    window: Tensor
    bands: Tensor

    def __init__(self, mels: int) -> None:
        super().__init__()
        with torch.device("cpu"):  # torchaudio looks at their values, which a meta device lacks
            bands = melscale_fbanks(WINDOW // 2 + 1, 20.0, RATE / 2, mels, RATE, mel_scale="htk")
            window = torch.hann_window(WINDOW, periodic=False)
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("bands", bands, persistent=False)

    def forward(self, waves: Tensor) -> Tensor:
        """(n, BEFORE + hops x HOP), of which the first BEFORE samples were heard before, to
        (n, hops, mels)."""
        spectra = torch.fft.rfft(waves.unfold(-1, WINDOW, HOP) * self.window)
        energies = (spectra.real ** 2 + spectra.imag ** 2) @ self.bands
        return (10 * torch.log10(energies + _FLOOR) - _MIDDLE) / _SPREAD
