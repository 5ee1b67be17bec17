"""Weights made smaller while they are trained: the laws of what is asked of them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from evalkit.models.compression import coded_bytes, largest, rounded, steps_of
from evalkit.training.compressing import Compressing, Smaller, cosine_penalty, cubic
from evalkit.training.loop import train_steps


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("scales", ["tensor", "row"])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_the_penalty_is_least_where_weights_are_rounded(bits: int, scales: str) -> None:
    weight = drawn(6, 9).double()
    at_values = rounded(weight, bits, scales)
    assert float(cosine_penalty(at_values, bits, scales)) == pytest.approx(0, abs=1e-9)
    between = torch.where(at_values.abs() < weight.abs().amax(), weight, at_values)
    assert float(cosine_penalty(between, bits, scales)) > 0.01
    largest = torch.full((1, 5), 0.5) * steps_of(torch.ones(1, 5), bits)
    largest[0, 0] = 1.0  # the step follows from the largest, which is a value itself
    halfway = float(cosine_penalty(largest, bits))
    assert halfway == pytest.approx(4 / (2 ** (bits - 1) - 1) / torch.pi, rel=1e-4)


def test_the_penalty_pushes_towards_the_nearest_value() -> None:
    weight = torch.tensor([[-7.0, -2.3, -1.7, -0.2, 0.4, 0.6, 3.49, 3.51]], requires_grad=True)
    [gradient] = torch.autograd.grad(cosine_penalty(weight, 4), weight)  # a step of 1
    towards = torch.sign(weight.round() - weight.detach())
    assert torch.equal(torch.sign(-gradient)[:, 1:], towards[:, 1:])
    assert (gradient.abs() <= 1).all()
    assert gradient[0, 3].abs() > gradient[0, 4].abs() > gradient[0, 6].abs()  # none half-way


def test_the_cubic_schedule_has_its_ends() -> None:
    assert cubic(0.0, 0.7) == 0.0
    assert cubic(0.19, 0.7, 0.2, 0.6) == cubic(0.2, 0.7, 0.2, 0.6) == 0.0
    assert cubic(0.6, 0.7, 0.2, 0.6) == cubic(1.0, 0.7, 0.2, 0.6) == 0.7
    assert cubic(0.4, 0.8, 0.2, 0.6) == pytest.approx(0.8 * 7 / 8)
    shares = [cubic(n / 50, 0.9) for n in range(51)]
    steps = [later - earlier for earlier, later in pairwise(shares)]
    assert steps == sorted(steps, reverse=True)
    assert cubic(0.5, 0.7, 0.5, 0.5) == 0.7


def test_blocks_go_by_their_mean_magnitude() -> None:
    weight = torch.ones(16, 10)
    weight[8:, 4:8] = 0.1
    weight[9, 5] = 1.5  # one large number keeps no block
    [mask] = largest([weight], 0.5, (8, 4))
    zero = ~mask
    assert zero[8:, 4:8].all()
    blocks = [zero[r:r + 8, c:c + 4] for r in (0, 8) for c in (0, 4, 8)]
    assert all(bool(block.all()) or not bool(block.any()) for block in blocks)
    assert sum(bool(block.all()) for block in blocks) == 3
    kernel = drawn(4, 3, 5)
    [mask] = largest([kernel], 0.34, (4, 5))
    assert mask.shape == kernel.shape
    assert float((~mask).float().mean()) == pytest.approx(1 / 3)


@pytest.mark.parametrize("numbers", [50, 100, 200])
def test_a_percent_of_a_hundred_is_one(numbers: int) -> None:
    weight = drawn(1, numbers)
    for percent in range(1, 100):
        zeros = int((~largest([weight], percent / 100)[0]).sum())
        assert zeros == percent * numbers // 100, percent


def test_bytes_of_blocks_by_hand() -> None:
    weight = torch.zeros(16, 8)
    weight[3, 2] = 1.0
    assert coded_bytes({"a": weight}, 8, block=(8, 4)) == (4 + 32 * 8 + 32 + 7) // 8
    assert coded_bytes({"a": weight}, 8) == (128 + 8 + 32) // 8
    ragged = torch.ones(9, 5)
    ragged[:8, :4] = 0
    assert coded_bytes({"a": ragged}, 8, block=(8, 4)) == (4 + 13 * 8 + 32 + 7) // 8


def training(config: Smaller, updates: int = 40, seed: int = 0
             ) -> tuple[nn.Module, Compressing, Callable[[], None]]:
    torch.manual_seed(seed)
    module = nn.Sequential(nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 3))
    optimiser = torch.optim.AdamW(module.parameters(), lr=0.01)
    smaller = Compressing(module, optimiser, config, updates)
    x, y = drawn(64, 12), drawn(64, 3, seed=1)
    plain = smaller.loss(lambda rows: (module(x[rows]) - y[rows]).square().mean())
    rows = torch.Generator().manual_seed(seed)

    def run() -> None:
        batches = (torch.randint(64, (16,), generator=rows) for _ in range(updates))
        for _ in train_steps(module, batches, plain, optimiser):
            pass
        smaller.finish()

    return module, smaller, run


def test_the_straight_through_gradient_is_that_of_the_rounded_weights() -> None:
    module = nn.Linear(4, 3, bias=False)
    before = module.weight.detach().clone()
    optimiser = torch.optim.SGD(module.parameters(), lr=1.0)
    smaller = Compressing(module, optimiser, Smaller(bits=3, straight=True), 10)
    x = drawn(5, 4)
    smaller.loss(lambda batch: module(batch).square().sum())(x).backward()
    at = rounded(before, 3).requires_grad_()
    [expected] = torch.autograd.grad((x @ at.T).square().sum(), at)
    assert torch.equal(module.weight, rounded(before, 3))
    assert torch.allclose(module.weight.grad, expected)
    optimiser.step()
    assert torch.allclose(module.weight, before - expected)


@pytest.mark.parametrize("block", [(1, 1), (8, 4)])
def test_zeros_stay_and_are_as_many_as_asked(block: tuple[int, int]) -> None:
    module, _, run = training(Smaller(zeros=0.5, block=block, every=3))
    run()
    weights = [module[0].weight, module[2].weight]
    blocks = [part == 0 for weight in weights for rows in weight.split(block[0])
              for part in rows.split(block[1], 1)]
    assert all(part.all() or not part.any() for part in blocks)
    assert sum(bool(part.all()) for part in blocks) == len(blocks) // 2
    assert (module[0].bias != 0).all()
    for weight, mask in zip(weights, largest(weights, 0.5, block), strict=True):
        assert torch.equal(weight * mask, weight)  # and again takes none


def test_the_end_is_rounded_and_zeros_are_left() -> None:
    module, _, run = training(Smaller(bits=4, straight=True, zeros=0.5))
    run()
    weight = module[0].weight
    assert torch.allclose(rounded(weight, 4), weight, atol=1e-6)
    assert float((weight == 0).float().mean()) >= 0.5


def test_the_penalty_draws_weights_together() -> None:
    def distance(cosine: float) -> float:
        module, smaller, run = training(Smaller(bits=4, cosine=cosine), updates=150)
        smaller.finish = lambda: None
        run()
        weight = module[0].weight.detach()
        return float(((weight - rounded(weight, 4)) / steps_of(weight, 4)).abs().mean())

    assert distance(0.05) < 0.5 * distance(0.0) < 0.2


def test_nothing_asked_changes_nothing_and_seeds_decide() -> None:
    def weights(config: Smaller, seed: int = 0) -> Tensor:
        module, _, run = training(config, seed=seed)
        run()
        return module[0].weight.detach()

    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 3))
    optimiser = torch.optim.AdamW(module.parameters(), lr=0.01)
    x, y, rows = drawn(64, 12), drawn(64, 3, seed=1), torch.Generator().manual_seed(0)
    batches = (torch.randint(64, (16,), generator=rows) for _ in range(40))
    for _ in train_steps(module, batches, lambda rows: (module(x[rows]) - y[rows]).square().mean(),
                         optimiser):
        pass
    assert torch.equal(weights(Smaller()), module[0].weight)
    asked = Smaller(bits=4, cosine=0.01, straight=True, zeros=0.3)
    assert torch.equal(weights(asked), weights(asked))
    assert not torch.equal(weights(asked), weights(asked, seed=1))


@pytest.mark.parametrize(("options", "wrong"), [
    ({"begin": 0.7, "end": 0.3}, "begin and end"), ({"block": (0, 4)}, "block"),
    ({"straight": True}, "need bits"), ({"cosine": 1.0}, "need bits"), ({"bits": 1}, "bits"),
    ({"bits": 4, "cosine": float("inf")}, "cosine")])
def test_what_cannot_be_asked(options: dict[str, object], wrong: str) -> None:
    with pytest.raises(ValidationError, match=wrong):
        Smaller(**options)
