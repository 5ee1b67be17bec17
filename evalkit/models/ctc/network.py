"""The reference recognizer: a small character CTC network built of SpeechBrain parts.

Filterbank, normalisation per utterance, strided convolutions, bidirectional GRUs and a linear
layer, after SpeechBrain's CRDNN (Ravanelli et al. 2021, arXiv:2106.04624), trained with
connectionist temporal classification (Graves et al. 2006) and SpecAugment (Park et al. 2019,
arXiv:1904.08779).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from evalkit.core.errors import UtteranceError
from evalkit.core.strict import Strict
from evalkit.models import SHIPPED
from evalkit.models.ctc.loss import check_room, ctc_losses
from evalkit.models.tensors import device_of, load_network, padded, save_tensors, threads
from evalkit.models.torchaudio_standin import ensure_speechbrain

ensure_speechbrain()

from speechbrain.augment.freq_domain import SpectrogramDrop  # noqa: E402
from speechbrain.decoders.ctc import filter_ctc_output  # noqa: E402
from speechbrain.lobes.features import Fbank  # noqa: E402
from speechbrain.nnet.CNN import Conv1d  # noqa: E402
from speechbrain.nnet.linear import Linear  # noqa: E402
from speechbrain.nnet.normalization import LayerNorm  # noqa: E402
from speechbrain.nnet.RNN import GRU  # noqa: E402
from speechbrain.processing.features import InputNormalization  # noqa: E402

RATE = 16_000
"""Sampling rate in Hz of every waveform."""
WEIGHTS = SHIPPED / "recognizer.safetensors"
FORMAT = "evalkit CTC recognizer 1"
LABELS = ("", " ", "'", *"abcdefghijklmnopqrstuvwxyz")
BLANK = 0
_HOP = RATE // 100
WINDOW = RATE // 40
"""Samples of the shortest waveform in which anything can be heard."""

Count = TypeVar("Count", int, Tensor)


class NetworkConfig(Strict):
    """Sizes of the network. ``strides`` has one time stride for each convolution, of frames that
    come 100 a second."""

    mels: int = Field(64, gt=0, le=128)
    channels: int = Field(160, gt=0, le=1024)
    kernel: int = Field(5, gt=0, le=31)
    strides: tuple[int, ...] = Field((3, 1), min_length=1, max_length=8)
    hidden: int = Field(152, gt=0, le=1024)
    layers: int = Field(2, gt=0, le=8)
    dropout: float = Field(0.2, ge=0, lt=1)


class CtcRecognizer(nn.Module):
    """Waveforms at RATE to characters of LABELS.

    In training mode, dropout and SpecAugment are on and draw from torch's global generator.
    """

    def __init__(self, config: NetworkConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or NetworkConfig()
        # SpeechBrain's filters are tensors that .to() does not move: made on another default
        # device than the CPU, they would not go with what the filterbank makes on the CPU.
        with torch.device("cpu"):
            self.filterbank = Fbank(sample_rate=RATE, n_mels=c.mels)
        # Below a spread of 1 dB there is nothing to hear, only rounding to be blown up.
        self.normalise = InputNormalization(norm_type="sentence", epsilon=1.0)
        self.masking = nn.Sequential(
            SpectrogramDrop(drop_length_low=5, drop_length_high=20, drop_count_high=2, dim=1),
            SpectrogramDrop(drop_length_low=4, drop_length_high=14, drop_count_high=2, dim=2))
        widths = [c.mels] + [c.channels] * (len(c.strides) - 1)
        self.convolutions = nn.ModuleList(
            _convolution(width, c, stride) for width, stride in zip(widths, c.strides, strict=True))
        self.recurrent = BidirectionalGRU(c.channels, c.hidden, c.layers, c.dropout)
        self.output = nn.Sequential(
            nn.Dropout(c.dropout), Linear(len(LABELS), input_size=2 * c.hidden))

    def forward(self, waves: Tensor, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Log-posteriors (n, frames, labels) and how many frames are valid (n,), of ``waves``
        (n, longest) of which the first ``samples`` (n,) are valid and zeros follow. What comes
        out for one utterance does not depend on the others, rounding aside."""
        x, frames = self.convolved(waves, samples)
        return self.posteriors(x, frames), frames

    def convolved(self, waves: Tensor, samples: Tensor) -> tuple[Tensor, Tensor]:
        """What the convolutions make of ``waves``, (n, frames, channels), and how many frames
        are valid (n,)."""
        x, frames = self.features(waves, samples)
        for convolution, stride in zip(self.convolutions, self.config.strides, strict=True):
            x = convolution(x * _valid(frames, x)[:, :, None])
            frames = _strided(frames, stride)
        return x, frames

    def posteriors(self, x: Tensor, frames: Tensor) -> Tensor:
        """Log-posteriors (n, frames, labels) of what ``convolved`` returned."""
        return self.output(self.recurrent(x, frames)).log_softmax(-1)

    @torch.no_grad()
    def features(self, waves: Tensor, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised log-mel spectra (n, frames, mels), 100 a second, in training mode with
        SpecAugment; and how many frames are valid (n,)."""
        spectra, frames = self.filterbank(waves), _spectra(samples)
        spectra = self.normalise(spectra, frames.double() / spectra.shape[1])
        return self.masking(spectra) if self.training else spectra, frames

    def loss(self, waves: Sequence[np.ndarray], texts: Sequence[str]) -> Tensor:
        """Negative log-likelihood in nats of each text given its waveform, shape (n,).

        Raises UtteranceError of kind BadText or TooShort."""
        targets = [encode(text) for text in texts]
        for target, wave in zip(targets, waves, strict=True):
            check_room(target, reduce(_strided, self.config.strides, _spectra(len(wave))))
        posteriors, frames = self(*padded(waves, device_of(self)))
        return ctc_losses(posteriors, frames, targets, BLANK)

    @torch.inference_mode()
    def transcribe(self, waves: Sequence[np.ndarray]) -> list[str]:
        """The best label of every frame, repeats merged, blanks removed (Graves et al. 2006,
        section 3.2). Utterances are decoded one at a time on one thread, so that a hypothesis
        depends on its waveform alone; one under 25 ms has the empty hypothesis. To be called in
        evaluation mode."""
        with threads(1):
            return [self._decode(wave) if len(wave) >= WINDOW else "" for wave in waves]

    def _decode(self, wave: np.ndarray) -> str:
        posteriors, _ = self(*padded([wave], device_of(self)))
        best = filter_ctc_output(posteriors[0].argmax(-1).tolist(), blank_id=BLANK)
        return " ".join("".join(LABELS[label] for label in best).split())

    def save(self, path: Path) -> None:
        """Writes weights, configuration and labels as safetensors, by way of a temporary file."""
        description = {"format": FORMAT, "labels": LABELS, "config": self.config.model_dump()}
        save_tensors(path, self.state_dict(), description)

    @classmethod
    def load(cls, path: Path) -> CtcRecognizer:
        """The recognizer that ``save`` wrote, in evaluation mode, on the CPU. Nothing in the file
        is run. Raises ConfigError where the file cannot be read or holds something else."""
        return load_network(path, cls._described, form=FORMAT, kind="recognizer",
                            command="evalkit train recognizer")

    @classmethod
    def _described(cls, description: dict[str, Any]) -> CtcRecognizer:
        if description.get("labels") != [*LABELS]:
            raise ValueError(f"it is not an {FORMAT}")
        return cls(NetworkConfig.model_validate(description["config"]))


class BidirectionalGRU(nn.Module):
    """Layers of two GRUs, one of which reads each utterance from its own end. Packed sequences
    would do the same, but torch trains through them more slowly on a CPU."""

    def __init__(self, width: int, hidden: int, layers: int, dropout: float) -> None:
        super().__init__()
        widths = [width] + [2 * hidden] * (layers - 1)
        self.rightward = nn.ModuleList(GRU(hidden, input_size=width) for width in widths)
        self.leftward = nn.ModuleList(GRU(hidden, input_size=width) for width in widths)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, frames: Tensor) -> Tensor:
        """(n, longest, width) to (n, longest, 2 hidden); the first ``frames`` (n,) are valid."""
        for rightward, leftward in zip(self.rightward, self.leftward, strict=True):
            x = self.dropout(x)
            right, left = rightward(x)[0], leftward(_reversed(x, frames))[0]
            x = torch.cat([right, _reversed(left, frames)], dim=-1)
        return x


def encode(text: str) -> list[int]:
    """Indices into LABELS of the characters of ``text``. Raises UtteranceError of kind BadText
    for other characters than a to z, apostrophe and space."""
    foreign = sorted(set(text) - set(LABELS[1:]))
    if foreign:
        raise UtteranceError("BadText", f"{text!r} holds {foreign[0]!r}; the recognizer spells "
                             "with a to z, apostrophe and space")
    return [LABELS.index(character) for character in text]


def _convolution(width: int, config: NetworkConfig, stride: int) -> nn.Module:
    return nn.Sequential(
        Conv1d(config.channels, config.kernel, in_channels=width, stride=stride,
               padding_mode="constant"),
        LayerNorm(config.channels), nn.GELU())


def _valid(frames: Tensor, x: Tensor) -> Tensor:
    """True where a frame of ``x`` (n, longest, …) is one of the first ``frames`` (n,)."""
    return torch.arange(x.shape[1], device=x.device) < frames[:, None]


def _reversed(x: Tensor, frames: Tensor) -> Tensor:
    """``x`` (n, longest, width) with the first ``frames`` (n,) of each row in reverse."""
    index = torch.arange(x.shape[1], device=x.device)
    index = torch.where(_valid(frames, x), frames[:, None] - 1 - index, index)
    return x.gather(1, index[:, :, None].expand_as(x))


def _spectra(samples: Count) -> Count:
    """How many spectra the filterbank makes of waveforms of so many ``samples``."""
    return samples // _HOP + 1


def _strided(frames: Count, stride: int) -> Count:
    """How many of ``frames`` a convolution leaves."""
    return (frames - 1) // stride + 1
