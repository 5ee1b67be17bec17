from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from evalkit.models.tensors import without_mkldnn
from evalkit.models.torch_cost import cost_of

FRAMES = 10


class Attention(nn.MultiheadAttention):
    """Of a signal to itself."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x, x, x, need_weights=False)[0]


ATTENTION = 4 * FRAMES * 8 * 8 + 2 * FRAMES * FRAMES * 8
"""Four matrices of 8 x 8, the products of queries with keys, and those of weights with values."""
LAYERS = [
    (nn.Linear(5, 7), (FRAMES, 5), FRAMES * 5 * 7),
    (nn.LSTM(5, 7, batch_first=True), (1, FRAMES, 5), FRAMES * 4 * 7 * (5 + 7)),
    (nn.LSTM(5, 7, bidirectional=True), (FRAMES, 1, 5), 2 * FRAMES * 4 * 7 * (5 + 7)),
    (nn.GRU(5, 7), (FRAMES, 1, 5), FRAMES * 3 * 7 * (5 + 7)),
    (nn.Conv1d(4, 6, 3, padding=1, groups=2), (1, 4, FRAMES), FRAMES * 6 * 2 * 3),
    (nn.ConvTranspose1d(4, 6, 8, stride=4), (1, 4, FRAMES), FRAMES * 4 * 6 * 8),
    (Attention(8, 2, batch_first=True), (1, FRAMES, 8), ATTENTION),
    (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (1, FRAMES, 8),
     ATTENTION + 2 * FRAMES * 8 * 16),
    (nn.utils.parametrizations.weight_norm(nn.Conv1d(4, 6, 3, padding=1)), (1, 4, FRAMES),
     FRAMES * 6 * 4 * 3),
    (nn.PReLU(), (FRAMES, 5), 0)]


@pytest.mark.parametrize(("layer", "shape", "macs"), LAYERS, ids=lambda each: str(each)[:24])
def test_products_are_counted_as_by_hand(layer: nn.Module, shape: tuple[int, ...], macs: int
                                         ) -> None:
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("error")
        cost = cost_of(layer.eval(), lambda: layer(torch.zeros(shape)), 123)
    assert cost.macs_per_second == macs
    assert cost.weights == sum(weight.numel() for weight in layer.parameters())
    assert (cost.bytes, cost.unknown) == (123, "")
    assert all(weight.requires_grad for weight in layer.parameters())
    assert torch.backends.mkldnn.enabled and torch.backends.mha.get_fastpath_enabled()


def test_a_network_that_was_made_where_nothing_is_learnt() -> None:
    with torch.inference_mode():
        layer = nn.utils.parametrizations.weight_norm(nn.Linear(5, 7))

    def run() -> None:
        with torch.inference_mode():
            layer(torch.zeros(FRAMES, 5))

    assert cost_of(layer, run, 1).macs_per_second == FRAMES * 5 * 7
    assert all(weight.requires_grad for weight in layer.parameters())


def test_an_encoder_is_counted_by_the_second() -> None:
    layer, shared = nn.Linear(5, 7), nn.Linear(5, 7)
    shared.weight = layer.weight
    cost = cost_of(nn.ModuleList([layer, shared]), lambda: layer(torch.zeros(60, 5)), 1,
                   seconds=30, writes=True)
    assert (cost.macs_per_second, cost.weights) == (2 * 5 * 7, 5 * 7 + 2 * 7)
    assert cost.unknown == "of its encoder alone, on 30 s"


@pytest.mark.parametrize(("layer", "shape", "macs"), [
    each for each in LAYERS if ATTENTION not in (each[2], each[2] - 2 * FRAMES * 8 * 16)],
    ids=lambda each: str(each)[:24])
def test_torchs_counter_says_the_same(layer: nn.Module, shape: tuple[int, ...], macs: int) -> None:
    """But for attention on a processor, which it does not count."""
    with torch.no_grad(), without_mkldnn(), FlopCounterMode(display=False) as counter:
        layer.eval()(torch.zeros(shape))
    assert counter.get_total_flops() == 2 * macs
