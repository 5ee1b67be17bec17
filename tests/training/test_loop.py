"""The one training loop."""

from __future__ import annotations

import pytest
import torch

from evalkit.training.loop import DivergedError, train_steps


@pytest.mark.parametrize(("start", "what"), [(0.0, "gradient"), (torch.nan, "loss")])
def test_a_step_that_is_not_finite_is_not_taken(start: float, what: str) -> None:
    module = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(module.weight, start)
    optimiser = torch.optim.SGD(module.parameters(), lr=0.0)

    def loss(power: float) -> torch.Tensor:
        """Of the power 0.5, at 0, 0 with a slope that is not finite."""
        return (module.weight**2).pow(power).sum()

    taken = train_steps(module, [2.0, 0.5], loss, optimiser, gradient_norm=1.0)
    with pytest.raises(DivergedError, match=f"step {2 if what == 'gradient' else 1}: the {what}"):
        list(taken)
    assert torch.equal(module.weight.detach(), torch.full((1, 1), start)) or what == "loss"
