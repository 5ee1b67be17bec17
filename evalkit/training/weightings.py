"""Weights of training samples in a verification loss: even, by group labels, or adversarial.

Adversarially reweighted learning (ARL; Lahoti et al. 2020, Fairness without demographics
through adversarially reweighted learning, arXiv:2006.13114) is a game: the model minimises a
weighted loss, an adversary that sees the samples, but no group label, maximises it by choosing
the weights. Adversarial reweighting (ARW; Jin et al. 2022, arXiv:2207.07776) brings it to metric
learning, where a loss belongs to a pair of samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

import numpy as np
import torch
from pydantic import Field
from sklearn.cluster import KMeans
from torch import Tensor, nn
from torch.nn import functional

from evalkit.training.speaker_embeddings import balanced_mean, query_means

FLOOR = 1e-4
"""Of the mean that weights are divided by, as in the code of Lahoti et al."""

Variant = Literal["aps", "pl", "pw"]


@dataclass(frozen=True)
class PairBatch:
    """N speakers with M utterances each: their row numbers among the training utterances,
    (N, M), and their embeddings, (N, M, dimension), without gradient."""

    rows: Tensor
    embeddings: Tensor


class Weighting(Protocol):
    """What decides the weights of training samples."""

    pairwise: bool
    """Whether the weight of a pair is the sum of its two samples', or that of its query."""
    targets: bool
    """Whether pairs of one speaker are weighted too; else they all have the weight 1."""

    def samples(self, rows: Tensor, embeddings: Tensor) -> Tensor:
        """Weights (n,), without gradient, of the utterances ``rows`` with ``embeddings``."""
        ...

    def refit(self, embeddings: Tensor) -> None:
        """Before the first step and every so often: the embeddings of all training rows."""
        ...

    def update(self, batch: PairBatch, losses: Tensor) -> None:
        """One step after the model's: the losses (N, N) of the batch's pairs."""
        ...


@torch.no_grad()
def weights_of_pairs(weighting: Weighting, batch: PairBatch) -> Tensor:
    """(N, N) of mean 1, query i and prototype j, without gradient."""
    rows, embeddings = batch.rows.flatten(), batch.embeddings.flatten(0, 1)
    samples = weighting.samples(rows, embeddings).view(batch.rows.shape)
    return pair_weights(samples, weighting.pairwise, weighting.targets)


def pair_weights(samples: Tensor, pairwise: bool, targets: bool = True) -> Tensor:
    """Weights (N, N) of pairs from those of samples (N, M): the sum of the query's weight and of
    the mean weight of the utterances in the prototype, or only the query's; divided by their
    mean, so that weighting does not change the scale of the loss (Jin et al. 2022). Without
    ``targets`` the pairs of one speaker, the diagonal, have 1, and the mean is of the others."""
    n = len(samples)
    pairs = samples[:, -1:].expand(n, n)
    if pairwise:
        pairs = pairs + samples[:, :-1].mean(dim=1)
    if targets:
        return pairs / pairs.mean()
    same = torch.eye(n, dtype=torch.bool, device=pairs.device)
    return torch.where(same, 1.0, pairs / pairs[~same].mean())


def sample_weights(logits: Tensor, strength: float = 1.0) -> Tensor:
    """1 + s n sigma(a_i) / sum_j sigma(a_j) of n logits: mean 1 + s, within [1, 1 + s n]; the
    ``strength`` s is 1 in Lahoti et al. 2020, section 3.2. Where the mean of sigma is below FLOOR,
    it is divided by FLOOR."""
    shares = torch.sigmoid(logits)
    return 1 + strength * shares / shares.mean().clamp(min=FLOOR)


class EvenWeights:
    """Every sample counts the same: plain training."""

    pairwise = True
    targets = True

    def samples(self, rows: Tensor, embeddings: Tensor) -> Tensor:
        return torch.ones(len(rows), device=embeddings.device)

    def refit(self, embeddings: Tensor) -> None:
        pass

    def update(self, batch: PairBatch, losses: Tensor) -> None:
        pass


class GroupBalancedWeights(EvenWeights):
    """Weights by known groups: every group has the same total weight, however many utterances it
    has. ``groups`` is a label for each training row."""

    def __init__(self, groups: Sequence[str]) -> None:
        names, code = np.unique(np.asarray(groups, str), return_inverse=True)
        self.code = torch.as_tensor(code, device="cpu")
        self.share = torch.bincount(self.code).float() / len(code)
        self.mass = torch.full((len(names),), 1 / len(names), device="cpu")

    def samples(self, rows: Tensor, embeddings: Tensor) -> Tensor:
        code = self.code[rows.cpu()]
        return (self.mass[code] / self.share[code]).to(embeddings.device)


class GroupDroWeights(GroupBalancedWeights):
    """Group distributionally robust optimisation: a group's mass grows with the exponential of
    ``rate`` times its loss (Sagawa et al. 2020, arXiv:1911.08731, algorithm 1)."""

    def __init__(self, groups: Sequence[str], rate: float) -> None:
        super().__init__(groups)
        self.rate = rate

    def update(self, batch: PairBatch, losses: Tensor) -> None:
        code = self.code[batch.rows[:, -1].cpu()]
        total = torch.zeros_like(self.mass).index_add_(0, code, query_means(losses).cpu())
        mean = total / torch.bincount(code, minlength=len(self.mass)).clamp(min=1)
        mass = self.mass * torch.exp(self.rate * mean)
        self.mass = mass / mass.sum()


@dataclass(frozen=True)
class Adversary:
    """A linear adversary: one hidden layer of ``hidden`` units without a non-linearity, trained
    by Adagrad, as in the code of Lahoti et al. 2020; ``regions`` clusters of the embedding space.
    A faster adversary ends up with a few samples that are hard by noise alone, and so does any
    where training speakers are few. So the articles' ``strength`` of 1, and their weights on pairs
    of one speaker (``targets``), of which there are few, are not the defaults: they cost more
    than they gave (docs/mitigation_verification.md)."""

    hidden: Annotated[int, Field(gt=0)] = 32
    regions: Annotated[int, Field(gt=1)] = 8
    learning_rate: Annotated[float, Field(gt=0)] = 0.01
    strength: Annotated[float, Field(gt=0)] = 0.05
    targets: bool = False


class AdversarialWeights:
    """ARW in the three variants of Jin et al. 2022, as far as the article is known:

    - ``aps``, accumulated pairwise similarity: the losses of a query are summed over its pairs
      and weighted together, by what the adversary makes of its embedding;
    - ``pl``, pseudo-labelling: the same, but the adversary sees only the query's region;
    - ``pw``, pairwise weighting: a pair has the sum of the weights of its samples, and the
      adversary sees each sample's embedding and region.

    Regions are k-means clusters; a new fit starts from the last one's centres, so that a region
    keeps its number. No label is used. Draws come from ``seed``, torch's global state aside.
    """

    def __init__(self, variant: Variant, dimension: int, config: Adversary, *,
                 seed: int, device: torch.device | None = None) -> None:
        self.variant, self.config, self.seed = variant, config, seed
        self.pairwise, self.targets = variant == "pw", config.targets
        width = dimension * (variant != "pl") + config.regions * (variant != "aps")
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.network = nn.Sequential(
                nn.Linear(width, config.hidden, device="cpu"),
                nn.Linear(config.hidden, 1, device="cpu")).to(device)
        with torch.device("cpu"):  # where Adagrad counts its steps
            self._optimiser = torch.optim.Adagrad(self.network.parameters(), config.learning_rate)
        self._centres: np.ndarray | None = None

    def samples(self, rows: Tensor, embeddings: Tensor) -> Tensor:
        with torch.no_grad():
            return self._weigh(embeddings)

    def refit(self, embeddings: Tensor) -> None:
        again = self._centres is not None
        clusters = KMeans(min(self.config.regions, len(embeddings)), random_state=self.seed,
                          init=self._centres if again else "k-means++", n_init=1)
        self._centres = clusters.fit(embeddings.cpu().numpy()).cluster_centers_

    def update(self, batch: PairBatch, losses: Tensor) -> None:
        """A step up the weighted loss; neither embeddings nor losses get a gradient."""
        samples = self._weigh(batch.embeddings.detach().flatten(0, 1)).view(batch.rows.shape)
        weighted = pair_weights(samples, self.pairwise, self.targets) * losses.detach()
        self._optimiser.zero_grad()
        (-balanced_mean(weighted)).backward()
        self._optimiser.step()

    def _weigh(self, embeddings: Tensor) -> Tensor:
        logits = self.network(self._features(embeddings)).squeeze(1)
        return sample_weights(logits, self.config.strength)

    def _features(self, embeddings: Tensor) -> Tensor:
        """Embeddings, one-hot regions, or both side by side."""
        if self.variant == "aps":
            return embeddings
        centres = torch.as_tensor(self._centres, device="cpu").to(embeddings)
        region = torch.cdist(embeddings, centres).argmin(dim=1)
        onehot = functional.one_hot(region, self.config.regions).to(embeddings)
        return onehot if self.variant == "pl" else torch.cat([embeddings, onehot], dim=1)
