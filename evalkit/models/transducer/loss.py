"""The loss of an RNN transducer (Graves 2012, arXiv:1211.3711), by anti-diagonals.

A node (t, u) of the lattice has heard t frames and said u labels. A blank leads to (t + 1, u), the
next label to (t, u + 1). Nodes of one t + u do not depend on each other: a recursion takes T + U
steps, each over all nodes of a diagonal and all utterances (Bagby et al. 2018, SLT). The sums from
the beginning and those from the end are two rows of one recursion, and the gradient follows from
both (Graves 2012, equations 16 to 20), so that nothing is differentiated step by step.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

NEVER = -float("inf")


def transducer_losses(logits: Tensor, targets: Tensor, frames: Tensor, lengths: Tensor, *,
                      blank: int = 0, fast_emit: float = 0.0,
                      lateness: Tensor | None = None) -> Tensor:
    """Nats of each text, shape (n,), given the joint network's ``logits`` (n, T, U + 1, labels),
    ``targets`` (n, U) of labels without blanks, of which the first ``lengths`` (n,) are valid, and
    ``frames`` (n,) that are valid of T.

    ``fast_emit`` is the weight λ by which gradients of labels are raised and those of blanks are
    not (Yu et al. 2021, arXiv:2010.11148, equation 9); the value stays that of the loss. What
    ``lateness`` (n, T, U) says in nats is taken from the log-probability of the label that leads
    from (t, u): a penalty for saying it there."""
    scores = logits.log_softmax(-1)
    silent = scores[..., blank]
    spoken = scores[:, :, :-1].gather(
        3, targets[:, None, :, None].expand(-1, scores.shape[1], -1, 1))[..., 0]
    if lateness is not None:
        spoken = spoken - lateness
    spoken = spoken + fast_emit * (spoken - spoken.detach())
    losses: Tensor = _Likelihood.apply(silent, spoken, frames, lengths)
    return losses


class _Likelihood(torch.autograd.Function):
    """Negative log-likelihoods (n,) of ``silent`` (n, T, U + 1), log-probabilities of a blank,
    and ``spoken`` (n, T, U), those of the next label. Their gradient is the share of the
    probability that goes by each blank and by each label."""

    @staticmethod
    def forward(ctx: Any, silent: Tensor, spoken: Tensor, frames: Tensor, lengths: Tensor,
                ) -> Tensor:
        spoken = nn.functional.pad(spoken, (0, 1), value=NEVER)
        from_start, to_end = _sums(silent, spoken, frames, lengths)
        after_blank = _after_blank(to_end, frames, lengths)
        total = to_end[:, :1, :1]
        ctx.save_for_backward(
            (from_start + silent + after_blank - total).exp(),
            (from_start[..., :-1] + spoken[..., :-1] + to_end[..., 1:] - total).exp())
        return -total[:, 0, 0]

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        by_blanks, by_labels = ctx.saved_tensors
        scale = -upstream[0][:, None, None]
        return scale * by_blanks, scale * by_labels, None, None


def _sums(silent: Tensor, spoken: Tensor, frames: Tensor, lengths: Tensor
          ) -> tuple[Tensor, Tensor]:
    """For every node (n, T, U + 1), the log of the summed probability of all ways to it from the
    beginning, and from it to the end."""
    turn = _Turn(silent, frames, lengths)
    arriving = torch.cat([nn.functional.pad(silent, (0, 0, 1, 0), value=NEVER)[:, :-1],
                          turn(silent)])
    sideways = torch.cat([nn.functional.pad(spoken, (1, 0), value=NEVER)[..., :-1], turn(spoken)])
    first = torch.cat([torch.zeros_like(silent[:, 0, 0]), turn(silent)[:, 0, 0]])
    from_start, to_end = _recursion(arriving, sideways, first).chunk(2)
    return from_start, turn(to_end)


def _recursion(arriving: Tensor, sideways: Tensor, first: Tensor) -> Tensor:
    """Sums (n, T, U + 1) from the node (0, 0), where they are ``first`` (n,), given for every node
    the log-probabilities of the step into it from the frame before and from the label before."""
    down, right = _skewed(arriving), _skewed(sideways)
    sums = down.new_full((*down.shape[:2], down.shape[2] + 1), NEVER)
    sums[0, :, 1] = first
    for before, after, blank, label in zip(sums, sums[1:], down[1:], right[1:], strict=False):
        torch.logaddexp(before[:, 1:] + blank, before[:, :-1] + label, out=after[:, 1:])
    return _straight(sums[..., 1:], arriving.shape[1])


def _after_blank(to_end: Tensor, frames: Tensor, lengths: Tensor) -> Tensor:
    """For every node, the sum to the end from where its blank leads: the last one's is the end."""
    after = nn.functional.pad(to_end, (0, 0, 0, 1), value=NEVER)
    after[torch.arange(len(frames), device=frames.device), frames, lengths] = 0.0
    return after[:, 1:]


class _Turn:
    """Turns each utterance's lattice (n, T, U + 1) about, so that its last node is at (0, 0) and
    what is no node of it has no probability."""

    def __init__(self, like: Tensor, frames: Tensor, lengths: Tensor) -> None:
        n, most_frames, nodes = like.shape
        rows = frames[:, None] - 1 - torch.arange(most_frames, device=like.device)
        columns = lengths[:, None] - torch.arange(nodes, device=like.device)
        self.outside = (rows < 0)[:, :, None] | (columns < 0)[:, None, :]
        self.index = (torch.arange(n, device=like.device)[:, None, None],
                      rows.clamp(min=0)[:, :, None], columns.clamp(min=0)[:, None, :])

    def __call__(self, x: Tensor) -> Tensor:
        return x[self.index].masked_fill(self.outside, NEVER)


def _skewed(x: Tensor) -> Tensor:
    """(n, T, U) as (T + U - 1, n, U): [t + u, :, u] is [:, t, u]."""
    n, frames, nodes = x.shape
    padded = nn.functional.pad(x.transpose(1, 2), (0, nodes), value=NEVER)
    rows = padded.reshape(n, -1)[:, :nodes * (frames + nodes - 1)]
    return rows.view(n, nodes, -1).permute(2, 0, 1).contiguous()


def _straight(x: Tensor, frames: int) -> Tensor:
    """What ``_skewed`` made (T + U - 1, n, U), as (n, T, U)."""
    _, n, nodes = x.shape
    padded = nn.functional.pad(x.permute(1, 2, 0).reshape(n, -1), (0, nodes))
    return padded.view(n, nodes, -1)[..., :frames].transpose(1, 2)
