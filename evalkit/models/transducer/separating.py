"""A transducer of two speakers who talk at once: separator, transducer and segmenter (Sklyar et
al. 2022, arXiv:2205.05199), small.

What the first convolution of a transducer makes of a mixture goes through a separator, an LSTM that
says with a mask for each of two channels what of it is theirs. The rest of the transducer, which is
one and the same for both, writes each channel's text. The alphabet has two marks more: a turn's
beginning and its end. Channels are in the order in which their speakers begin.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from evalkit.core.types import Recording
from evalkit.models.tensors import device_of, load_network, padded, save_tensors, threads
from evalkit.models.transducer.config import ENGLISH, TransducerConfig
from evalkit.models.transducer.encoder import BLOCK
from evalkit.models.transducer.features import BEFORE, RATE
from evalkit.models.transducer.loss import transducer_losses
from evalkit.models.transducer.network import Transducer, blocks_of
from evalkit.models.transducer.objective import stepwise_losses
from evalkit.models.transducer.stream import Greedy, Said, words_in

BEGIN, END = "<", ">"
"""The marks of a turn."""
CHANNELS = 2
BETWEEN = "|"
"""Between the texts of channels, in the text of a recording to train on."""
ENDS = "turn_ends"
"""The key under which such a recording has the end of each turn in seconds, in the order of its
text, with commas between."""
FORMAT = "evalkit separating transducer 1"


class HeardTurn(NamedTuple):
    """What was heard on a ``channel`` from ``start`` until it was said that the turn had ended;
    seconds."""

    channel: int
    start: float
    end: float
    text: str


class Separating(nn.Module):
    """``transducer`` spells with BEGIN and END."""

    def __init__(self, config: TransducerConfig | None = None, separator: int = 128) -> None:
        super().__init__()
        self.transducer = Transducer(config or TransducerConfig(alphabet=ENGLISH + BEGIN + END))
        self.config = c = self.transducer.config
        self.separator = nn.LSTM(c.channels, separator, batch_first=True)
        self.masks = nn.Linear(separator, CHANNELS * c.channels)
        nn.init.constant_(self.masks.bias, 2.0)

    def begin_as(self, other: Transducer) -> None:
        """Takes the weights of a transducer whose alphabet has the two marks less."""
        own = self.transducer.state_dict()
        for name, weights in other.state_dict().items():
            own[name][:len(weights)] = weights
        self.transducer.load_state_dict(own)

    def encoded(self, waves: Tensor, samples: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of mixtures ``waves`` (n, longest), what is heard on both channels of each (2 n, blocks,
        hidden), the channels of a mixture one after the other, the lower layer's steps, and how
        many blocks are valid (2 n,)."""
        model, blocks = self.transducer, blocks_of(samples)
        behind = int(blocks.max()) * BLOCK - waves.shape[1]
        spectra = model.features(nn.functional.pad(waves, (BEFORE, behind)))
        if self.training:
            spectra = model.masking(spectra)
        encoder = model.encoder
        x, _ = encoder.convolution(spectra, encoder.begin(len(waves)).frames)
        x = self._separated(encoder.normalise(x))
        heard, steps, _ = encoder.after_first(x, encoder.begin(len(x)))
        return heard, steps, blocks.repeat_interleave(CHANNELS)

    def _separated(self, x: Tensor) -> Tensor:
        """(n, steps, channels) as (2 n, steps, channels)."""
        masks = self.masks(self.separator(x)[0]).sigmoid()
        each = masks.unflatten(-1, (CHANNELS, -1)) * x[:, :, None]
        return each.transpose(1, 2).flatten(0, 1)

    def targets(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """The labels of every channel of ``texts``, with BETWEEN between them: (2 n, most), and how
        many they are (2 n,). Raises UtteranceError for what cannot be spelt."""
        return self.transducer.targets([channel for text in texts for channel in channels_of(text)])

    def loss(self, waves: Sequence[np.ndarray], texts: Sequence[str]) -> Tensor:
        """Nats of the texts of both channels together (n,)."""
        targets, lengths = self.targets(texts)
        heard, _, blocks = self.encoded(*padded(waves, device_of(self)))
        losses = transducer_losses(self.transducer.logits(heard, targets), targets, blocks, lengths)
        return losses.view(-1, CHANNELS).sum(1)

    @torch.inference_mode()
    def turns(self, wave: np.ndarray) -> list[HeardTurn]:
        """What is heard in a mixture, greedily, by the beginnings of turns."""
        with threads(1):
            heard, _, _ = self.encoded(*padded([wave], device_of(self)))
            found = [turn for channel, blocks in enumerate(self.transducer.joint.heard(heard))
                     for turn in self._turns(channel, blocks)]
        return sorted(found, key=lambda turn: (turn.start, turn.channel))

    def _turns(self, channel: int, blocks: Tensor) -> list[HeardTurn]:
        search = Greedy(self.transducer)
        for block in blocks:
            search.hear(block)
        return turns_said(self.config, channel, search.said, len(blocks))

    def save(self, path: Path) -> None:
        """Writes weights and configuration as safetensors, by way of a temporary file."""
        save_tensors(path, self.state_dict(), {
            "format": FORMAT, "config": self.config.model_dump(mode="json"),
            "separator": self.separator.hidden_size})

    @classmethod
    def load(cls, path: Path) -> Separating:
        """What ``save`` wrote, in evaluation mode, on the CPU. Raises ConfigError for another
        file."""
        return load_network(path, lambda described: cls(
            TransducerConfig.model_validate(described["config"]), int(described["separator"])),
            form=FORMAT, kind="separating transducer", command="python -m benchmarks.smaller")


def channels_of(text: str) -> list[str]:
    """The texts of both channels; none is said where there is no BETWEEN."""
    return (text.split(BETWEEN) + [""] * CHANNELS)[:CHANNELS]


def turns_said(config: TransducerConfig, channel: int, said: Sequence[Said], blocks: int
               ) -> list[HeardTurn]:
    """The turns of labels and their blocks, of ``blocks`` in all. A turn begins with BEGIN, or its
    first letter; it ends with END, where it is not said with the next BEGIN, or with the last
    block. Turns without a word are none."""
    begin, end = config.encode(BEGIN + END)
    found = []
    for turn, closed in _parted(said, begin, end, blocks):
        labels = [label for label, _ in turn if label not in (begin, end)]
        if text := " ".join(word.text for word in words_in(config, labels)):
            found.append(HeardTurn(channel, turn[0][1] * BLOCK / RATE, closed * BLOCK / RATE, text))
    return found


def _parted(said: Sequence[Said], begin: int, end: int, blocks: int
            ) -> Iterator[tuple[list[Said], int]]:
    """The labels of each turn, and how many blocks had been heard when it ended."""
    turn: list[Said] = []
    for label, block in said:
        if label == begin and turn:
            yield turn, block
            turn = []
        turn.append((label, block))
        if label == end:
            yield turn, block + 1
            turn = []
    if turn:
        yield turn, blocks


class SeparatingObjective:
    """Nats of a batch (n,), of both channels, with ``stepwise`` times the connectionist temporal
    classification of the lower layer's steps. The end of a turn costs ``late`` nats for each second
    behind its true end and ``grace`` seconds, and ``early`` for each before."""

    def __init__(self, late: float = 0.0, early: float = 0.0, grace: float = 0.1,
                 stepwise: float = 0.3) -> None:
        self.late, self.early, self.grace, self.stepwise = late, early, grace, stepwise

    def __call__(self, model: Separating, batch: Sequence[Recording]) -> Tensor:
        targets, lengths = model.targets([r.text for r in batch])
        heard, steps, blocks = model.encoded(*padded([r.wave for r in batch], device_of(model)))
        losses = transducer_losses(
            model.transducer.logits(heard, targets), targets, blocks, lengths,
            lateness=self._lateness(model, batch, heard, targets))
        losses = losses + self.stepwise * stepwise_losses(model.transducer, steps, blocks, targets,
                                                          lengths)
        return losses.view(-1, CHANNELS).sum(1)

    def _lateness(self, model: Separating, batch: Sequence[Recording], heard: Tensor,
                  targets: Tensor) -> Tensor | None:
        """What the end of a turn costs at each node (2 n, blocks, U)."""
        if not (self.late or self.early):
            return None
        true = torch.tensor([float(each) for r in batch
                             for each in str(r.utterance.metadata[ENDS]).split(",")],
                            device=heard.device)
        rows, places = (targets == model.config.encode(END)[0]).nonzero(as_tuple=True)
        times = (torch.arange(heard.shape[1], device=heard.device) + 1) * (BLOCK / RATE)
        behind = times[:, None] - true
        cost = heard.new_zeros(*heard.shape[:2], targets.shape[1])
        cost[rows, :, places] = (self.late * (behind - self.grace).clamp(min=0)
                                 + self.early * (-behind).clamp(min=0)).T
        return cost
