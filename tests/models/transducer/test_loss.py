"""The transducer's loss against sums over all paths, and against a published example."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.models.transducer.loss import transducer_losses

PUBLISHED = torch.tensor(
    [[[[0.1, 0.6, 0.1, 0.1, 0.1], [0.1, 0.1, 0.6, 0.1, 0.1], [0.1, 0.1, 0.2, 0.8, 0.1]],
      [[0.1, 0.6, 0.1, 0.1, 0.1], [0.1, 0.1, 0.2, 0.1, 0.1], [0.7, 0.1, 0.2, 0.1, 0.1]]]])
"""The small test of warp-transducer, whose cost is 4.495666."""


def over_all_paths(scores, text) -> float:
    """Log-probability of ``text``: of every way to say it in so many frames."""
    frames = scores.shape[0]
    ways = []
    for said_at in combinations(range(frames - 1 + len(text)), len(text)):
        t = u = 0
        way = torch.zeros((), dtype=scores.dtype)
        for step in range(frames - 1 + len(text)):
            if step in said_at:
                way, u = way + scores[t, u, text[u]], u + 1
            else:
                way, t = way + scores[t, u, 0], t + 1
        ways.append(way + scores[t, u, 0])
    return float(torch.logsumexp(torch.stack(ways), 0))


def test_the_published_example():
    loss = transducer_losses(PUBLISHED, torch.tensor([[1, 2]]), torch.tensor([2]),
                             torch.tensor([2]))
    assert loss.item() == pytest.approx(4.495666, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 4)), min_size=1, max_size=4),
       st.integers(0, 2**32 - 1))
def test_the_loss_is_that_of_all_paths_whatever_else_is_in_the_batch(sizes, seed):
    torch.manual_seed(seed)
    longest, most = max(t for t, _ in sizes), max(u for _, u in sizes)
    logits = 3 * torch.randn(len(sizes), longest, most + 1, 4, dtype=torch.double)
    targets = torch.randint(1, 4, (len(sizes), most))
    losses = transducer_losses(logits, targets, torch.tensor([t for t, _ in sizes]),
                               torch.tensor([u for _, u in sizes]))
    for loss, scores, target, (t, u) in zip(losses, logits.log_softmax(-1), targets, sizes,
                                            strict=True):
        expected = over_all_paths(scores[:t], target[:u].tolist())
        assert -loss.item() == pytest.approx(expected, abs=1e-9)


def ragged():
    torch.manual_seed(0)
    return (torch.randn(3, 5, 4, 4, dtype=torch.double, requires_grad=True),
            torch.randint(1, 4, (3, 3)), torch.tensor([5, 2, 4]), torch.tensor([3, 1, 0]))


def test_gradients_are_those_of_finite_differences():
    logits, *rest = ragged()
    late = torch.rand(3, 5, 3, dtype=torch.double)
    assert torch.autograd.gradcheck(
        lambda x: transducer_losses(x, *rest, lateness=late), logits)


def test_fast_emit_raises_the_gradients_of_labels_alone():
    """By its definition: e + λ (e - e held fast) in the place of each label's log-probability,
    here differentiated through all paths."""
    logits, targets, frames, lengths = ragged()
    scores = logits.log_softmax(-1)
    labels = torch.arange(4) > 0
    raised = torch.where(labels, scores + 0.3 * (scores - scores.detach()), scores)
    expected = [over_paths_sum(raised[i], targets[i], frames[i], lengths[i]) for i in range(3)]
    (by_hand,) = torch.autograd.grad(-torch.stack(expected).sum(), logits)
    ours = transducer_losses(logits, targets, frames, lengths, fast_emit=0.3)
    (grad,) = torch.autograd.grad(ours.sum(), logits)
    torch.testing.assert_close(grad, by_hand, rtol=1e-9, atol=1e-12)
    plain = transducer_losses(logits, targets, frames, lengths)
    torch.testing.assert_close(ours, plain)


def over_paths_sum(scores, target, frames, length):
    """As over_all_paths, kept differentiable: the recursion of Graves 2012, node by node."""
    sums = {(0, 0): scores.new_zeros(())}
    for t in range(int(frames)):
        for u in range(int(length) + 1):
            ways = [sums[t - 1, u] + scores[t - 1, u, 0]] if t else []
            ways += [sums[t, u - 1] + scores[t, u - 1, target[u - 1]]] if u else []
            if ways:
                sums[t, u] = torch.logsumexp(torch.stack(ways), 0)
    return sums[int(frames) - 1, int(length)] + scores[int(frames) - 1, int(length), 0]
