"""Training a learner of speaker embeddings, its samples weighted, and stopping it in time."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from evalkit.core.config import Strict
from evalkit.core.errors import ManifestError
from evalkit.mitigation.verification.learner import Learner, Similarity, balanced_mean, pair_losses
from evalkit.mitigation.verification.reweighting import Batch, Weighting, weights_of_pairs
from evalkit.store.trials import equal_error_rate

AT_ONCE = 256
"""Utterances that are embedded at once."""


class LearningConfig(Strict):
    """Adam (Kingma and Ba 2015) on batches of ``speakers`` with ``utterances`` each. ``anchor``
    holds the learner near its start. After ``warm_up`` steps with even weights, one step of the
    weighting follows each of the learner. Regions are found again every ``refit`` steps; the
    equal error rate on dev is looked at every ``look`` steps, and training ends when it has not
    fallen ``patience`` times in a row."""

    steps: int = Field(300, gt=0)
    speakers: int = Field(40, gt=1)
    utterances: int = Field(2, gt=1)
    learning_rate: float = Field(3e-4, gt=0)
    scale_learning_rate: float = Field(0.05, gt=0)
    anchor: float = Field(0.03, ge=0)
    warm_up: int = Field(25, ge=0)
    refit: int = Field(25, gt=0)
    look: int = Field(25, gt=0)
    patience: int = Field(6, gt=0)


@dataclass(frozen=True)
class Voices:
    """What a learner hears, (n, …), and the codes of the speakers, (n,)."""

    x: Tensor
    speakers: np.ndarray


@dataclass(frozen=True)
class Fitted:
    """Where training was stopped: after how many steps, the equal error rate on dev there and at
    the start, and the weights (n,) that the training utterances had there."""

    step: int
    dev: float
    dev_at_start: float
    weights: Tensor


def fit(learner: Learner, train: Voices, dev: Voices, weighting: Weighting,
        config: LearningConfig, *, seed: int) -> Fitted:
    """Trains ``learner`` in place and leaves it as it was when the equal error rate on ``dev``
    was lowest, which may be the start. The batches follow from ``seed`` alone, so that arms
    which differ in their weighting see the same ones. Speakers with fewer utterances than a batch
    takes have no part. Raises ManifestError where there is nothing to learn or to stop by."""
    training = Training(learner, train, weighting, config)
    start = dev_error(learner, dev)
    if np.isnan(start):
        raise ManifestError("dev needs two speakers, and two utterances of one of them, to tell "
                            "when to stop")
    best, state = Fitted(0, start, start, training.weights()), deepcopy(learner.state_dict())
    for step, rows in enumerate(_batches(train.speakers, config, seed), 1):
        training.step(rows, warm=step <= config.warm_up)
        if step % config.refit == 0:
            training.refit()
        if step % config.look == 0:
            error = dev_error(learner, dev)
            if error < best.dev:
                best = Fitted(step, error, start, training.weights())
                state = deepcopy(learner.state_dict())
            elif step - best.step >= config.patience * config.look:
                break
    learner.load_state_dict(state)
    return best


class Training:
    """A learner and a weighting that take turns."""

    def __init__(self, learner: Learner, train: Voices, weighting: Weighting,
                 config: LearningConfig) -> None:
        self.learner, self.train, self.weighting, self.config = learner, train, weighting, config
        self.similarity = Similarity().to(train.x.device)
        self._optimiser = torch.optim.Adam([
            {"params": learner.parameters(), "lr": config.learning_rate},
            {"params": self.similarity.parameters(), "lr": config.scale_learning_rate}])
        self.refit()

    def refit(self) -> None:
        """Shows the weighting where the training utterances are now."""
        self.weighting.refit(embed(self.learner, self.train.x))

    def weights(self) -> Tensor:
        """Of all training utterances, (n,)."""
        rows = torch.arange(len(self.train.x))
        return self.weighting.samples(rows, embed(self.learner, self.train.x)).cpu()

    def step(self, rows: Tensor, *, warm: bool) -> Tensor:
        """One step of the learner on the utterances ``rows`` (N, M) and, unless ``warm``, one of
        the weighting after it. Returns the unweighted loss in nats."""
        self.learner.train()
        embeddings = self.learner(self.train.x[rows.flatten()]).unflatten(0, rows.shape)
        losses, batch = pair_losses(self.similarity(embeddings)), Batch(rows, embeddings.detach())
        weighted = losses if warm else weights_of_pairs(self.weighting, batch) * losses
        self._optimiser.zero_grad()
        (balanced_mean(weighted) + self.config.anchor * self.learner.drift()).backward()
        self._optimiser.step()
        if not warm:
            self.weighting.learn(batch, losses.detach())
        return balanced_mean(losses.detach())


@torch.no_grad()
def embed(learner: Learner, x: Tensor) -> Tensor:
    """Embeddings (n, dimension) in evaluation mode."""
    learner.eval()
    return torch.cat([learner(part) for part in x.split(AT_ONCE)])


def dev_error(learner: Learner, dev: Voices) -> float:
    """Equal error rate in [0, 1] over all pairs of ``dev``."""
    vectors = embed(learner, dev.x).cpu().double().numpy()
    first, second = np.triu_indices(len(vectors), 1)
    scores = (vectors @ vectors.T)[first, second]
    return equal_error_rate(scores, dev.speakers[first] == dev.speakers[second]).value


def _batches(speakers: np.ndarray, config: LearningConfig, seed: int) -> Iterator[Tensor]:
    """Row numbers (N, M): different speakers, different utterances of each."""
    rng = np.random.default_rng(seed)
    members = [rows for s in np.unique(speakers)
               if len(rows := np.flatnonzero(speakers == s)) >= config.utterances]
    if len(members) < 2:
        raise ManifestError(f"train has {len(members)} speakers with {config.utterances} "
                            "utterances or more; at least two are needed")
    for _ in range(config.steps):
        drawn = rng.permutation(len(members))[:config.speakers]
        yield torch.as_tensor(np.stack([
            rng.choice(members[i], config.utterances, replace=False) for i in drawn]))
