"""A speaker encoder as one network, from the waveform to the embedding."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class WaveformEncoder(nn.Module):
    """``features`` of waveforms, a ``normaliser`` and an ``encoder`` in a row, as SpeechBrain's
    ``EncoderClassifier`` has them: waveforms (n, samples) to (n, 1, dimension)."""

    def __init__(self, features: nn.Module, normaliser: nn.Module, encoder: nn.Module) -> None:
        super().__init__()
        self.features, self.normaliser, self.encoder = features, normaliser, encoder

    def forward(self, waves: Tensor) -> Tensor:
        whole = torch.ones(len(waves), device=waves.device)
        embeddings: Tensor = self.encoder(self.normaliser(self.features(waves), whole), whole)
        return embeddings
