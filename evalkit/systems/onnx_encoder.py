"""A speaker encoder that is a graph of ONNX, such as those of WeSpeaker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from evalkit.core.errors import UtteranceError
from evalkit.core.types import Audio
from evalkit.systems.identity import require
from evalkit.systems.onnx_graph import OnnxGraph

FRAME = 0.025
"""Seconds of a frame of features …"""
FRAMES = 100
"""… of which there are so many in a second."""


@dataclass(frozen=True)
class OnnxEncoder(OnnxGraph):
    """A graph from a waveform, or from ``features``, to a vector.

    "fbank" are log-energies of ``mels`` bands as Kaldi computes them, without dither, of samples
    times ``scale``, in frames of 25 ms with a ``window``, less their mean over the utterance:
    (1, frames, mels), with the values that WeSpeaker's models take (Wang et al. 2023,
    arXiv:2210.17016)."""

    features: Literal["waveform", "fbank"] = "waveform"
    mels: int = 80
    window: Literal["hamming", "hanning", "povey"] = "hamming"
    scale: float = 32_768.0

    needs_audio = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.features == "fbank":
            require("torchaudio", "torch")

    def embed(self, batch: Sequence[Audio]) -> np.ndarray:
        """(len(batch), dimension), float32, rows of unit length. Raises UtteranceError of kind
        TooShort for less than a frame."""
        vectors = [self.run(self._given(audio.samples)).reshape(-1) for audio in batch]
        return np.stack([vector / np.linalg.norm(vector) for vector in vectors])

    def _given(self, samples: np.ndarray) -> np.ndarray:
        return samples if self.features == "waveform" else self._bands(samples)

    def _bands(self, samples: np.ndarray) -> np.ndarray:
        """(frames, mels)."""
        if len(samples) < FRAME * self.rate:
            raise UtteranceError("TooShort", f"{len(samples)} samples are less than a frame of "
                                             f"{1000 * FRAME:g} ms")
        import torch

        from evalkit.models.tensors import threads
        from evalkit.models.torchaudio_standin import ensure_torchaudio

        ensure_torchaudio()
        from torchaudio.compliance import kaldi

        with torch.inference_mode(), threads(1):
            bands = kaldi.fbank(self.scale * torch.tensor(samples)[None], num_mel_bins=self.mels,
                                sample_frequency=self.rate, window_type=self.window,
                                frame_length=1000 * FRAME)
            return (bands - bands.mean(0)).numpy()

    @property
    def _second(self) -> int:
        return self.rate if self.features == "waveform" else FRAMES

    def _time(self, heard: Any) -> int:
        return super()._time(heard) - (self.features == "fbank")
