"""What the training of a transducer makes small: its loss, and what an experiment adds."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor

from evalkit.core.strict import Strict
from evalkit.core.types import Recording
from evalkit.metrics.word_lists import listed_in
from evalkit.models.tensors import device_of, padded
from evalkit.models.transducer.biasing import Listed
from evalkit.models.transducer.encoder import BLOCK, STEPS
from evalkit.models.transducer.features import RATE
from evalkit.models.transducer.loss import transducer_losses
from evalkit.models.transducer.network import Transducer

NAMES = "names"
"""The key of a manifest that has the names of an utterance."""


class ObjectiveConfig(Strict):
    """``stepwise`` is the weight of the connectionist temporal classification of the lower layer's
    steps, by which an encoder learns sooner what it hears. ``fast_emit`` as in transducer_losses.
    The end token costs ``early`` nats for each second before the speaker has ended, and ``late``
    nats for each second after ``grace`` seconds behind (Li et al. 2020, arXiv:2004.11544, section
    4). A network that attends to phrases hears each batch with the names of its utterances and
    ``distractors`` drawn from those of others; a share ``unlisted`` of batches without a list.
    ``compute`` is how many nats it costs an encoder that chooses what it computes to compute all
    of a block; what it computes less costs less."""

    stepwise: float = Field(0.5, ge=0)
    fast_emit: float = Field(0.0, ge=0, le=1)
    early: float = Field(50.0, ge=0)
    late: float = Field(10.0, ge=0)
    grace: float = Field(0.2, ge=0)
    distractors: int = Field(60, ge=0)
    unlisted: float = Field(0.2, ge=0, le=1)
    compute: float = Field(0.0, ge=0, allow_inf_nan=False)


class Objective:
    """Nats of a batch, (n,), of which training takes the sum. Distractors are drawn from ``names``
    by torch's global generator."""

    def __init__(self, config: ObjectiveConfig, names: Sequence[str] = ()) -> None:
        self.config, self.names = config, list(names)

    def __call__(self, model: Transducer, batch: Sequence[Recording]) -> Tensor:
        c = self.config
        targets, lengths = model.targets([r.text for r in batch])
        heard, steps, blocks, computed = model.encode(
            *padded([r.wave for r in batch], device_of(model)))
        losses = transducer_losses(
            model.logits(heard, targets, self._listed(model, batch)), targets, blocks, lengths,
            fast_emit=c.fast_emit, lateness=self._lateness(model, batch, heard, lengths))
        if c.stepwise:
            losses = losses + c.stepwise * stepwise_losses(model, steps, blocks, targets, lengths)
        if c.compute and computed is not None:
            losses = losses + c.compute * total(computed, blocks)
        return losses

    def _listed(self, model: Transducer, batch: Sequence[Recording]) -> Listed | None:
        if model.biasing is None or float(torch.rand(())) < self.config.unlisted:
            return None
        said = [name for r in batch for name in listed_in(r.utterance.metadata.get(NAMES) or "")]
        others = torch.randperm(len(self.names))[:self.config.distractors].tolist()
        return model.listed(sorted({*said, *(self.names[n] for n in others)}))

    def _lateness(self, model: Transducer, batch: Sequence[Recording], heard: Tensor,
                  lengths: Tensor) -> Tensor | None:
        """What the end token costs at each node (n, blocks, U)."""
        if model.config.end is None:
            return None
        ended = torch.tensor([r.utterance.duration or len(r.wave) / RATE for r in batch],
                             device=heard.device)
        times = (torch.arange(heard.shape[1], device=heard.device) + 1) * (BLOCK / RATE)
        behind = times - ended[:, None]
        cost = (self.config.late * (behind - self.config.grace).clamp(min=0)
                + self.config.early * (-behind).clamp(min=0))
        lateness = cost.new_zeros(*cost.shape, int(lengths.max()))
        lateness[torch.arange(len(batch), device=heard.device), :, lengths - 1] = cost
        return lateness


def total(computed: Tensor, blocks: Tensor) -> Tensor:
    """The sum of ``computed`` (n, longest) over the valid ``blocks`` (n,) of each, (n,)."""
    valid = torch.arange(computed.shape[1], device=computed.device) < blocks[:, None]
    return (computed * valid).sum(1)


def stepwise_losses(model: Transducer, steps: Tensor, blocks: Tensor, targets: Tensor,
                    lengths: Tensor) -> Tensor:
    """Connectionist temporal classification of the lower layer's steps, shape (n,); 0 where they
    are too few for the text."""
    posteriors = model.stepwise(steps).log_softmax(-1)
    losses: Tensor = torch.nn.functional.ctc_loss(
        posteriors.transpose(0, 1), targets, STEPS * blocks, lengths, reduction="none",
        zero_infinity=True)
    return losses


def expected_errors(model: Transducer, batch: Sequence[Recording],
                    guesses: Sequence[Sequence[tuple[str, int]]], keep: float) -> Tensor:
    """The number of word errors that is to be expected of each recording's ``guesses``, texts with
    their errors, whose probabilities are divided by their sum (Guo et al. 2020, arXiv:2007.13802,
    equation 3), less their mean; and ``keep`` times the loss of the text that was said. (n,)."""
    heard, _, blocks = model.encoded(*padded([r.wave for r in batch], device_of(model)))
    counts = torch.tensor([len(each) for each in guesses], device=heard.device)
    texts = [text for each in guesses for text, _ in each] + [r.text for r in batch]
    rows = torch.cat([torch.arange(len(batch), device=heard.device).repeat_interleave(counts),
                      torch.arange(len(batch), device=heard.device)])
    targets, lengths = model.targets(texts)
    losses = transducer_losses(model.logits(heard[rows], targets), targets, blocks[rows], lengths)
    of_guesses, said = losses[:-len(batch)].split(counts.tolist()), losses[-len(batch):]
    risks = []
    for nats, each in zip(of_guesses, guesses, strict=True):
        errors = torch.tensor([float(e) for _, e in each], device=heard.device)
        risks.append(((-nats).softmax(0) * (errors - errors.mean())).sum())
    return torch.stack(risks) + keep * said
