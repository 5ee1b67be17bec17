"""The network of an RNN transducer (Graves 2012, arXiv:1211.3711).

An encoder of what was heard, a predictor that has read what was said, and a joint network of both,
which gives for every block of audio and every text so far the probabilities of the next label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from evalkit.models.tensors import device_of, load_network, padded, save_tensors
from evalkit.models.torchaudio_standin import ensure_speechbrain
from evalkit.models.transducer.amortised import AmortisedEncoder
from evalkit.models.transducer.biasing import Biasing, Listed
from evalkit.models.transducer.branching import BranchingEncoder
from evalkit.models.transducer.config import BLANK, TransducerConfig
from evalkit.models.transducer.encoder import (
    BLOCK,
    STEPS,
    Encoder,
    Recurrent,
    RecurrentEncoder,
    recurrent,
)
from evalkit.models.transducer.features import BEFORE, LogMel
from evalkit.models.transducer.loss import transducer_losses

ensure_speechbrain()

from speechbrain.augment.freq_domain import SpectrogramDrop  # noqa: E402

FORMAT = "evalkit transducer 1"
ENCODERS: Mapping[str, type[Encoder]] = {
    "recurrent": RecurrentEncoder, "branching": BranchingEncoder, "amortised": AmortisedEncoder}
TAIL = 2
"""Blocks of silence behind an utterance that has ended, in which its last labels may be said."""


class Predictor(nn.Module):
    """What was said so far, one LSTM."""

    def __init__(self, config: TransducerConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.labels, config.embedding)
        self.recurrent = nn.LSTM(config.embedding, config.prediction, batch_first=True)

    def forward(self, labels: Tensor, state: Recurrent | None = None) -> tuple[Tensor, Recurrent]:
        """Of ``labels`` (n, u), (n, u, prediction) and the state behind them. The text begins
        with a blank."""
        return recurrent(self.recurrent, self.embedding(labels), state)

    def step(self, labels: Tensor, state: Recurrent) -> Recurrent:
        """The states (n, prediction) behind one label more (n,), of which the first is what was
        said: as ``forward``, but for rounding, in half the time."""
        (weights,) = self.recurrent.all_weights
        h, c = torch.lstm_cell(self.embedding(labels), state, *weights)
        return h, c


class Joint(nn.Module):
    """Logits of the next label: a linear layer of the tanh of a sum."""

    def __init__(self, config: TransducerConfig) -> None:
        super().__init__()
        self.heard = nn.Linear(config.hidden, config.joint)
        self.said = nn.Linear(config.prediction, config.joint, bias=False)
        self.output = nn.Linear(config.joint, config.labels)

    def forward(self, heard: Tensor, said: Tensor) -> Tensor:
        """Of ``heard`` and ``said``, already through their linear layers, of shapes that broadcast:
        (…, joint) to (…, labels)."""
        logits: Tensor = self.output(torch.tanh(heard + said))
        return logits


class Encoded(NamedTuple):
    """What an encoder makes of waveforms: ``heard`` (n, blocks, hidden), ``steps``, how many
    ``blocks`` are valid (n,), and of each what was ``computed`` (evalkit.models.transducer.encoder
    .State)."""

    heard: Tensor
    steps: Tensor
    blocks: Tensor
    computed: Tensor | None


class Transducer(nn.Module):
    """Waveforms at 16 kHz to the characters of its alphabet. In training mode, dropout and
    SpecAugment (Park et al. 2019, arXiv:1904.08779) are on and draw from torch's generator."""

    def __init__(self, config: TransducerConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or TransducerConfig()
        self.features = LogMel(c.mels)
        self.masking = nn.Sequential(
            SpectrogramDrop(drop_length_low=5, drop_length_high=20, drop_count_high=2, dim=1),
            SpectrogramDrop(drop_length_low=4, drop_length_high=14, drop_count_high=2, dim=2))
        self.encoder = ENCODERS[c.encoder](c)
        self.predictor = Predictor(c)
        self.joint = Joint(c)
        self.stepwise = nn.Linear(c.hidden, c.labels)
        self.biasing = Biasing(c) if c.bias else None

    def listed(self, phrases: Sequence[str]) -> Listed | None:
        """A list of phrases that the network attends to, None where it has no such part. Raises
        UtteranceError of kind BadText for one that the alphabet cannot spell."""
        if self.biasing is None:
            return None
        labels = [self.config.encode(" ".join(phrase.split())) for phrase in phrases]
        return self.biasing.listed([each for each in labels if each], self.config.encode(" ")[0])

    def said(self, said: Tensor, listed: Listed | None) -> Tensor:
        """The joint network's input of what was ``said`` (…, prediction), given a list."""
        joined: Tensor = self.joint.said(said)
        if listed is None or self.biasing is None:
            return joined
        return joined + self.biasing(said, listed)

    def encoded(self, waves: Tensor, samples: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What the encoder makes of ``waves`` (n, longest), of which the first ``samples`` (n,) are
        valid: blocks (n, blocks, hidden), steps, and how many blocks are valid (n,)."""
        return self.encode(waves, samples)[:3]

    def encode(self, waves: Tensor, samples: Tensor) -> Encoded:
        """As ``encoded``, with what was computed."""
        blocks = blocks_of(samples)
        longest = int(blocks.max())
        behind = longest * BLOCK - waves.shape[1]
        spectra = self.features(nn.functional.pad(waves, (BEFORE, behind)))
        if self.training:
            spectra = self.masking(spectra)
        heard, steps, state = self.encoder(spectra, self.encoder.begin(len(waves)))
        return Encoded(heard, steps, blocks, state.computed)

    def logits(self, heard: Tensor, targets: Tensor, listed: Listed | None = None) -> Tensor:
        """The whole lattice (n, blocks, U + 1, labels) of ``targets`` (n, U)."""
        said, _ = self.predictor(nn.functional.pad(targets, (1, 0), value=BLANK))
        joined: Tensor = self.joint(self.joint.heard(heard)[:, :, None],
                                    self.said(said, listed)[:, None])
        return joined

    def loss(self, waves: Sequence[np.ndarray], texts: Sequence[str]) -> Tensor:
        """Negative log-likelihood in nats of each text given its waveform, shape (n,). Raises
        UtteranceError of kind BadText."""
        targets, lengths = self.targets(texts)
        heard, _, blocks = self.encoded(*padded(waves, device_of(self)))
        return transducer_losses(self.logits(heard, targets), targets, blocks, lengths)

    def posteriors(self, waves: Sequence[np.ndarray], texts: Sequence[str]
                   ) -> tuple[Tensor, Tensor]:
        """Log-posteriors (n, most nodes, labels) of the next label at every node of each text's
        lattice, and how many nodes are valid (n,)."""
        targets, lengths = self.targets(texts)
        heard, _, blocks = self.encoded(*padded(waves, device_of(self)))
        scores = self.logits(heard, targets).log_softmax(-1)
        nodes = [each[:frames, :length + 1].flatten(0, 1)
                 for each, frames, length in zip(scores, blocks, lengths, strict=True)]
        return (nn.utils.rnn.pad_sequence(nodes, batch_first=True),
                blocks * (lengths + 1))

    def stepwise_losses(self, steps: Tensor, blocks: Tensor, targets: Tensor, lengths: Tensor
                        ) -> Tensor:
        """Connectionist temporal classification of the lower layer's steps, shape (n,); 0 where
        they are too few for the text."""
        posteriors = self.stepwise(steps).log_softmax(-1)
        losses: Tensor = nn.functional.ctc_loss(
            posteriors.transpose(0, 1), targets, STEPS * blocks, lengths, BLANK, reduction="none",
            zero_infinity=True)
        return losses

    def targets(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """The labels of each text (n, most), with its end token where there is one, zeros behind;
        and how many they are (n,)."""
        end = [] if self.config.end is None else [self.config.end]
        device = device_of(self)
        labels = [torch.tensor([*self.config.encode(text), *end], dtype=torch.long, device=device)
                  for text in texts]
        return (nn.utils.rnn.pad_sequence(labels, batch_first=True),
                torch.tensor([len(each) for each in labels], device=device))

    def save(self, path: Path) -> None:
        """Writes weights and configuration as safetensors, by way of a temporary file."""
        save_tensors(path, self.state_dict(),
                     {"format": FORMAT, "config": self.config.model_dump(mode="json")})

    @classmethod
    def load(cls, path: Path) -> Transducer:
        """The transducer that ``save`` wrote, in evaluation mode, on the CPU. Nothing in the file
        is run. Raises ConfigError where the file cannot be read or holds something else."""
        return load_network(
            path, lambda described: cls(TransducerConfig.model_validate(described["config"])),
            form=FORMAT, kind="transducer", command="evalkit train transducer")


def blocks_of(samples: Tensor) -> Tensor:
    """How many blocks the encoder makes of so many ``samples``."""
    return -(-samples // BLOCK) + TAIL
