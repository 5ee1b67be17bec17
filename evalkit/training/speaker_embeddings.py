"""Models of speaker embeddings, and the verification loss they are trained with."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

LEAST_SCALE = 1e-3


class EmbeddingModel(nn.Module):
    """Unit-length embeddings by ``network``, which maps (n, …) to (n, dimension), or to
    (n, 1, dimension) as SpeechBrain's encoders do. A copy of the parameters it is made with is
    kept, for the penalty ``drift``."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self._start = [p.detach().clone() for p in network.parameters()]

    def forward(self, x: Tensor) -> Tensor:
        """(n, dimension), rows of unit length."""
        return functional.normalize(self.network(x).flatten(1), dim=1)

    def drift(self) -> Tensor:
        """Squared Euclidean distance of all parameters from where they started."""
        now = self.network.parameters()
        squares = [(p - s.to(p)).square().sum() for p, s in zip(now, self._start, strict=True)]
        return torch.stack(squares).sum()


def identity_head(dimension: int) -> nn.Linear:
    """An affine map (n, dimension) to (n, dimension) that changes nothing yet."""
    head = nn.Linear(dimension, dimension, device="cpu")
    with torch.no_grad():
        head.weight.copy_(torch.eye(dimension, device="cpu"))
        nn.init.zeros_(head.bias)
    return head


class Similarity(nn.Module):
    """The angular prototypical similarity w cos(z, c) + b of a query z and a prototype c, the
    mean of a speaker's other embeddings; w > 0 and b are learned (Chung et al. 2020, In defence
    of metric learning for speaker recognition, arXiv:2003.11982, section 2.2)."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(10.0, device="cpu"))
        self.offset = nn.Parameter(torch.tensor(-5.0, device="cpu"))

    def forward(self, embeddings: Tensor) -> Tensor:
        """Of (N, M, dimension), N speakers with M > 1 utterances each: (N, N), query i, the
        last utterance of speaker i, against prototype j."""
        prototypes = functional.normalize(embeddings[:, :-1].mean(dim=1), dim=1)
        cosines = embeddings[:, -1] @ prototypes.T
        return self.scale.clamp(min=LEAST_SCALE) * cosines + self.offset


def pair_losses(similarities: Tensor) -> Tensor:
    """Cross-entropy in nats, (N, N), of deciding for each pair by itself whether query and
    prototype are of one speaker, as verification does with one threshold for everybody."""
    same = torch.eye(len(similarities), device=similarities.device)
    return functional.binary_cross_entropy_with_logits(similarities, same, reduction="none")


def balanced_mean(pairs: Tensor) -> Tensor:
    """Mean of (N, N) values of pairs where those of one speaker, the diagonal, count as much in
    all as the others."""
    return query_means(pairs).mean()


def query_means(pairs: Tensor) -> Tensor:
    """``balanced_mean`` of the pairs of every query, (N,)."""
    same = pairs.diagonal()
    return (same + (pairs.sum(dim=1) - same) / (len(pairs) - 1)) / 2
