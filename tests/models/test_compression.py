"""Weights rounded and zeroed after training, and the bytes that they then take."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from evalkit.core.errors import ConfigError
from evalkit.core.types import Audio
from evalkit.models.compression import coded_bytes, compress, largest, rounded, steps_of
from evalkit.systems.transducer import TransducerRecognizer


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_rounding_is_to_the_nearest_of_even_steps(bits: int) -> None:
    weight = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    for scales, most in (("tensor", weight.abs().max()),
                         ("row", weight.abs().amax(1, keepdim=True))):
        step = most / (2 ** (bits - 1) - 1)
        found = rounded(weight, bits, scales)
        levels = found / step
        assert torch.allclose(levels, levels.round(), atol=1e-4)
        assert levels.abs().max() <= 2 ** (bits - 1) - 1 + 1e-4
        assert ((found - weight).abs() <= step / 2 * 1.0001).all()
        assert len(levels.round().unique()) <= 2**bits - 1


def test_nothing_to_round() -> None:
    weight = torch.zeros(3, 4)
    weight[1] = torch.tensor([1.0, -0.5, 0.2, 0.0])
    assert torch.equal(rounded(weight, 32), weight)
    assert torch.equal(rounded(weight, 8, "row")[0], torch.zeros(4))
    assert torch.equal(rounded(torch.zeros(2, 2), 4), torch.zeros(2, 2))


def test_the_smallest_become_zero_whatever_ties() -> None:
    weight = torch.tensor([[3.0, -1.0, 1.0, 1.0], [0.5, -4.0, 2.0, 1.0]])
    found = weight * largest([weight], 0.5)[0]
    assert torch.equal(found, torch.tensor([[3.0, 0.0, 0.0, 1.0], [0.0, -4.0, 2.0, 0.0]])
                       ) or int((found == 0).sum()) == 4
    assert {1.0, 0.5} >= set(weight[found == 0].abs().tolist())
    assert largest([weight], 0.0)[0].all()


def test_zeros_are_shared_out_by_hand() -> None:
    # Squares by the sums of all that are not smaller: 9/9, 4/13, 1/14, and 1/1, 1/2, 1/3, 1/4.
    first, second = torch.tensor([[3.0, -2.0, 1.0]]), torch.tensor([[5.0], [5.0], [-5.0], [5.0]])
    for zeros, at_first, at_second in ((1 / 7, 2, 4), (2 / 7, 2, 3), (3 / 7, 1, 3), (4 / 7, 1, 2)):
        masks = largest([first, second], zeros)
        assert [int(mask.sum()) for mask in masks] == [at_first, at_second]
        assert masks[1].shape == second.shape
    assert [int(mask.sum()) for mask in largest([1e-3 * first, 1e3 * second], 4 / 7)] == [1, 2]


@pytest.mark.parametrize("power", [-130, -66, 63, 120])
def test_what_becomes_zero_knows_no_scale(power: int) -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(20, 30, generator=generator), torch.randn(4, 9, generator=generator)
    for block in ((1, 1), (4, 3)):
        as_they_are = largest([first, second], 0.6, block)
        assert all(map(torch.equal, largest([first * 2.0**power, second], 0.6, block),
                       as_they_are))
    power = max(power, -110)  # below, float32 has fewer digits
    assert torch.equal(rounded(first * 2.0**power, 8) / 2.0**power, rounded(first, 8))


@pytest.mark.parametrize("bits", [1, 0, -3, 33, 2.5, float("nan")])
def test_bits_out_of_range(bits: int) -> None:
    net = nn.Linear(3, 2)
    before = net.weight.detach().clone()
    for call in (lambda: compress(net, bits), lambda: rounded(before, bits),
                 lambda: steps_of(before, bits), lambda: coded_bytes({"a": before}, bits)):
        with pytest.raises(ConfigError, match=r"^bits .*: must be a whole number from 2 to 32$"):
            call()
    assert torch.equal(net.weight, before)


def test_shares_scales_and_blocks_out_of_range() -> None:
    weight = torch.ones(3, 2)
    for zeros in (1.0, 2, -0.5, float("nan")):
        with pytest.raises(ConfigError, match=r"^zeros .*: must be a share"):
            largest([weight], zeros)
    for block in ((0, 1), (1, -1), (2.5, 1), (1,)):
        with pytest.raises(ConfigError, match=r"^block .*: must be whole numbers"):
            coded_bytes({"a": weight}, 8, block=block)
    with pytest.raises(ConfigError, match=r"^scales 'rows': must be row or tensor$"):
        rounded(weight, 4, "rows")


def test_half_precision_stays_finite() -> None:
    weight = torch.tensor([[65504.0, -65504.0, 1.0, 600.0]]).half()
    for bits in (2, 4, 8, 16, 24):
        found = rounded(weight, bits)
        assert found.dtype == torch.float16 and found.isfinite().all()
        assert torch.equal(found[:, :2], weight[:, :2])
        assert torch.equal(found, rounded(weight.float(), bits).half())


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_named(number: float) -> None:
    net = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 4))
    with torch.no_grad():
        net[1].weight[3, 1] = number
    before = net[0].weight.detach().clone()
    with pytest.raises(ConfigError, match=r"^the weights 1\.weight \(4 x 2\) hold numbers that"):
        compress(net, zeros=0.5)
    assert torch.equal(net[0].weight, before)
    with pytest.raises(ConfigError, match=r"^the weights number 2 of 2 matrices \(4 x 2\) hold"):
        largest([net[0].weight, net[1].weight], 0.5)


def test_zeros_are_as_many_as_asked_and_fewer_of_small_matrices() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(30, 50), nn.Linear(50, 4), nn.Conv1d(4, 3, 5))
    compress(net, zeros=0.7)
    matrices = [weight for weight in net.parameters() if weight.dim() > 1]
    zero = [float((weight == 0).float().mean()) for weight in matrices]
    sizes = [weight.numel() for weight in matrices]
    assert sum((weight == 0).sum() for weight in matrices) == int(0.7 * sum(sizes))
    assert zero[0] > 0.7 > zero[1] > zero[2]
    before = [weight.detach().clone() for weight in matrices]
    compress(net, zeros=0.7)  # and again takes none
    assert all(map(torch.equal, matrices, before))


def test_bytes_by_hand() -> None:
    dense, sparse, bias = np.ones((4, 10)), np.zeros((4, 10)), np.ones(6)
    sparse[0, :8] = 1
    assert coded_bytes({"a": dense}) == 4 * 40 == sum(map(len, [dense.astype("f4").tobytes()]))
    assert coded_bytes({"b": bias}, 4) == 4 * 6
    assert coded_bytes({"a": dense}, 4) == math.ceil((40 * 4 + 32) / 8)
    assert coded_bytes({"a": dense}, 4, "row") == math.ceil((40 * 4 + 4 * 32) / 8)
    assert coded_bytes({"a": sparse}, 4) == math.ceil((40 + 8 * 4 + 32) / 8)
    assert coded_bytes({"a": sparse}) == math.ceil((40 + 8 * 32) / 8)
    assert coded_bytes({"a": torch.tensor(sparse), "b": bias}, 8) == math.ceil(
        (40 + 8 * 8 + 32) / 8) + 24


@pytest.mark.filterwarnings("ignore")  # torch's, of sparse rows and of its own quantised tensors
@pytest.mark.parametrize("form", [
    torch.Tensor.bfloat16, torch.Tensor.half, torch.Tensor.to_sparse, torch.Tensor.to_sparse_csr,
    lambda weight: weight.to(torch.float8_e4m3fn), nn.Parameter,
    lambda weight: torch.quantize_per_tensor(weight, 0.5, 3, torch.qint8),
    lambda weight: torch.quantize_per_channel(weight, torch.ones(4), torch.ones(4), 0,
                                              torch.qint8)])
def test_bytes_of_tensors_of_any_type(form: Callable[[torch.Tensor], torch.Tensor]) -> None:
    weight = torch.zeros(4, 10)
    weight[0, :8] = 1
    for bits in (4, 32):
        assert coded_bytes({"a": form(weight)}, bits) == coded_bytes({"a": weight}, bits) < 40


@pytest.mark.parametrize("step", [3, [1.0], "one", None])
def test_bytes_of_what_is_no_tensor(step: object) -> None:
    with pytest.raises(ConfigError, match=r"^step: expected a tensor or an array, not [A-Za-z]+;"):
        coded_bytes({"a": torch.ones(2), "step": step})


@pytest.mark.parametrize("form", [torch.Tensor.half, torch.Tensor.bfloat16])
def test_zeros_of_half_precision_are_chosen_in_whole(form: Callable[[torch.Tensor], torch.Tensor]
                                                     ) -> None:
    weight = form(torch.randn(300, 400, generator=torch.Generator().manual_seed(0)))
    small = form(torch.randn(50, 40, generator=torch.Generator().manual_seed(1)))
    for found, whole in zip(largest([weight, small], 0.5),
                            largest([weight.float(), small.float()], 0.5), strict=True):
        assert torch.equal(found, whole)


def test_matrices_alone_are_compressed() -> None:
    layer = nn.LSTM(6, 6)
    before = {name: weight.detach().clone() for name, weight in layer.named_parameters()}
    compress(layer, bits=4, zeros=0.5)
    for name, weight in layer.named_parameters():
        if weight.dim() == 1:
            assert torch.equal(weight, before[name])
        else:
            assert (weight == 0).float().mean() > 0.4 and weight.unique().numel() <= 15
            assert weight.requires_grad


def test_the_transducer_is_compressed_and_says_so() -> None:
    whole, small = TransducerRecognizer(), TransducerRecognizer(bits=4, zeros=0.5)
    assert small.identity == f"{whole.identity}, 4 bits a tensor, 0.5 zeros shared out"
    costs = [each.cost for each in (whole, small)]
    assert costs[0].bytes is not None and costs[1].bytes is not None
    assert costs[1].bytes < costs[0].bytes / 8
    assert costs[1].macs_per_second == pytest.approx(costs[0].macs_per_second, rel=0.1)
    assert costs[0].weights == costs[1].weights
    audio = Audio(np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32), 16_000)
    assert small.transcribe([audio]) == small.transcribe([audio])


@pytest.mark.parametrize(("options", "message"), [
    ({"bits": 1}, "bits 1: must be from 2 to 32"), ({"zeros": 1.0}, "zeros 1.0: must be a share"),
    ({"zeros": float("nan")}, "zeros nan"), ({"scales": "column"}, "must be tensor or row")])
def test_options_that_are_none(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TransducerRecognizer(**options)
