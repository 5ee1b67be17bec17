from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn

from evalkit.models.torch_cost import cost_of

FRAMES = 10
LAYERS = [
    (nn.Linear(5, 7), (FRAMES, 5), FRAMES * 5 * 7),
    (nn.LSTM(5, 7, batch_first=True), (1, FRAMES, 5), FRAMES * 4 * 7 * (5 + 7)),
    (nn.LSTM(5, 7, bidirectional=True), (FRAMES, 1, 5), 2 * FRAMES * 4 * 7 * (5 + 7)),
    (nn.GRU(5, 7), (FRAMES, 1, 5), FRAMES * 3 * 7 * (5 + 7)),
    (nn.Conv1d(4, 6, 3, padding=1, groups=2), (1, 4, FRAMES), FRAMES * 6 * 2 * 3),
    (nn.ConvTranspose1d(4, 6, 8, stride=4), (1, 4, FRAMES), FRAMES * 4 * 6 * 8),
    (nn.PReLU(), (FRAMES, 5), 0)]


@pytest.mark.parametrize(("layer", "shape", "macs"), LAYERS, ids=lambda each: str(each)[:24])
def test_products_are_counted_as_by_hand(layer: nn.Module, shape: tuple[int, ...], macs: int
                                         ) -> None:
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("error")
        cost = cost_of(layer.eval(), lambda: layer(torch.zeros(shape)), 123)
    assert cost.macs_per_second == macs
    assert cost.weights == sum(weight.numel() for weight in layer.parameters())
    assert cost.bytes == 123 and torch.backends.mkldnn.enabled
