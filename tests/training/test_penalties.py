"""Penalties, where the answer can be written down."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from evalkit.training.penalties import KlToStart, OnlinePrecision, Quadratic, anchored
from tests.mitigation.recognition.tones import recordings, tiny

RNG = np.random.default_rng(0)


def curvature() -> torch.Tensor:
    """A symmetric positive definite matrix."""
    root = torch.tensor(RNG.normal(size=(4, 4)))
    return root @ root.T + torch.eye(4, dtype=torch.float64)


def vector() -> torch.Tensor:
    return torch.tensor(RNG.normal(size=4))


def minimised(*losses) -> torch.Tensor:
    """Where the sum of ``losses`` of one vector is least."""
    w = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([w], max_iter=500, tolerance_grad=1e-14, tolerance_change=1e-16,
                                  line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        total = sum(loss(w) for loss in losses)
        total.backward()
        return total

    optimiser.step(closure)
    return w.detach()


def task(hessian, optimum):
    return lambda w: (w - optimum) @ hessian @ (w - optimum) / 2


def penalty(precision, centre, strength):
    return lambda w: Quadratic({"w": w}, {"w": centre}, {"w": precision}, strength)()


@pytest.mark.parametrize("strength", [0.0, 0.1, 3.0, 1e4])
def test_two_quadratic_tasks_have_a_closed_form(strength):
    hessian, theta_a, theta_b = curvature(), vector(), vector()
    fisher = vector().square()
    found = minimised(task(hessian, theta_b), penalty(fisher, theta_a, strength))
    pull = strength * torch.diag(fisher)
    expected = torch.linalg.solve(hessian + pull, hessian @ theta_b + pull @ theta_a)
    assert (found - expected).abs().max() < 1e-6


def test_a_strength_without_end_is_the_start():
    theta_a, theta_b, fisher = vector(), vector(), vector().square() + 0.1
    found = minimised(task(torch.eye(4, dtype=torch.float64), theta_b),
                      penalty(fisher, theta_a, 1e9))
    assert (found - theta_a).abs().max() < 1e-7


def test_a_penalty_a_task_counts_early_tasks_twice():
    fisher_a, fisher_b = vector().square(), vector().square()
    theta_a, task_b = vector(), task(torch.diag(fisher_b), vector())
    theta_b = minimised(task_b, penalty(fisher_a, theta_a, 1.0))
    many = minimised(penalty(fisher_a, theta_a, 1.0), penalty(fisher_b, theta_b, 1.0))
    anchor = (fisher_a * theta_a + fisher_b * theta_b) / (fisher_a + fisher_b)
    assert (many - anchor).abs().max() < 1e-6
    memory = OnlinePrecision()
    memory.add({"w": fisher_a})
    memory.add({"w": fisher_b})
    one = minimised(penalty(memory.precision["w"], theta_b, 1.0))
    assert (one - theta_b).abs().max() < 1e-6
    assert (one - many).abs().max() > 0.01
    third = task(curvature(), vector())
    apart = (minimised(third, penalty(memory.precision["w"], theta_b, 1.0))
             - minimised(third, penalty(fisher_a, theta_a, 1.0), penalty(fisher_b, theta_b, 1.0)))
    assert apart.abs().max() > 0.01


def test_older_tasks_fade():
    memory = OnlinePrecision(gamma=0.5)
    for value in (1.0, 2.0, 3.0):
        memory.add({"w": torch.tensor([value])})
    assert memory.precision["w"].item() == pytest.approx(0.25 * 1 + 0.5 * 2 + 3)


def test_the_pull_is_strength_times_precision_times_distance():
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    pull = anchored({"w": w}, 0.5, {"w": torch.tensor([3.0, 4.0])})
    assert pull().item() == 0
    w.data = torch.tensor([2.0, 5.0])
    gradient = torch.autograd.grad(pull(), w)[0]
    torch.testing.assert_close(gradient, torch.tensor([0.5 * 3 * 1, 0.5 * 4 * 3]))
    torch.testing.assert_close(anchored({"w": w}, 2.0).precision["w"], torch.ones(2))


def test_divergence_from_the_start_is_that_of_the_posteriors():
    model, heard = tiny(), recordings(3)
    divergence = KlToStart(model, 2.0)
    assert divergence(heard).item() == pytest.approx(0, abs=1e-6)
    before, frames = model.posteriors(heard)
    with torch.no_grad():
        for weight in model.module.parameters():
            weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)),
                        alpha=0.3)
    after, _ = model.posteriors(heard)
    total = sum(torch.nn.functional.kl_div(after[i, :n], before[i, :n], log_target=True,
                                           reduction="sum") for i, n in enumerate(frames))
    assert divergence(heard).item() == pytest.approx(2 * total.item() / int(frames.sum()), rel=1e-5)
    assert divergence(heard).item() > 0.01
