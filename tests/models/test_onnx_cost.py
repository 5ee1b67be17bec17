"""Weights and multiply-accumulates of ONNX files, beside torch's own counter."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from evalkit.models import onnx_cost
from evalkit.models.onnx_cost import FRAMES, NotCountedError, cost_of, count, weights_in
from evalkit.models.percepnet.features import FEATURES
from evalkit.models.percepnet.graph import write
from evalkit.models.percepnet.network import PercepNet


def file(nodes: list[Any], shape: list[int | str], **constants: np.ndarray) -> bytes:
    """A network of one input ``x`` and one output ``y``."""
    graph = helper.make_graph(
        nodes, "network", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    return model.SerializeToString()


def floats(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def torch_macs(function: Callable[..., Any], *inputs: torch.Tensor) -> int:
    """Half of torch's floating point operations."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        function(*inputs)
    return counter.get_total_flops() // 2


def test_a_network_counted_by_hand() -> None:
    nodes = [helper.make_node("MatMul", ["x", "a"], ["h"]), helper.make_node("Relu", ["h"], ["r"]),
             helper.make_node("Gemm", ["r", "b", "c"], ["y"], transB=1)]
    made = file(nodes, ["time", 3], a=floats(3, 5), b=floats(7, 5), c=floats(7))
    assert count(made, "time") == (3 * 5 + 7 * 5 + 7, FRAMES * (3 * 5 + 5 * 7))
    cost = cost_of(lambda: [made, made], 999, axis="time", rate=50)
    assert (cost.weights, cost.bytes, cost.macs_per_second) == (2 * 57, 999, 2 * 50 * 50)


@pytest.mark.parametrize(("operator", "shape", "kernel", "options", "same"), [
    ("Conv", (1, 4, FRAMES, 8), (6, 4, 3, 3), {"pads": [1, 1, 1, 1]},
     lambda x, w: functional.conv2d(x, w, padding=1)),
    ("Conv", (1, 4, FRAMES, 8), (8, 2, 1, 3), {"group": 2, "strides": [1, 2]},
     lambda x, w: functional.conv2d(x, w, groups=2, stride=(1, 2))),
    ("ConvTranspose", (1, 4, FRAMES, 8), (4, 3, 1, 3), {"strides": [1, 2]},
     lambda x, w: functional.conv_transpose2d(x, w, stride=(1, 2))),
    ("Einsum", (1, FRAMES, 4, 6), (4, 6, 5), {"equation": "btgi,gih->btgh"},
     lambda x, w: torch.bmm(x[0].transpose(0, 1), w)),
    ("MatMul", (2, FRAMES, 6), (6, 5), {}, torch.matmul),
    ("Gemm", (6, FRAMES), (6, 5), {"transA": 1}, lambda x, w: x.T @ w)])
def test_operators_take_what_torch_counts(
        operator: str, shape: tuple[int, ...], kernel: tuple[int, ...], options: dict[str, Any],
        same: Callable[..., torch.Tensor]) -> None:
    made = file([helper.make_node(operator, ["x", "w"], ["y"], **options)], list(shape),
                w=floats(*kernel))
    expected = torch_macs(same, torch.ones(shape), torch.ones(kernel))
    assert count(made, "time") == (np.prod(kernel), expected) and expected > 0


def test_a_recurrence_takes_what_torch_counts_of_its_cell() -> None:
    nodes = [helper.make_node("GRU", ["x", "w", "r"], ["y"], hidden_size=5)]
    made = file(nodes, ["time", 1, 4], w=floats(1, 15, 4), r=floats(1, 15, 5))
    cell = torch_macs(nn.GRUCell(4, 5), torch.ones(1, 4), torch.zeros(1, 5))
    assert count(made, "time") == (15 * 9, FRAMES * cell)


@pytest.mark.parametrize("integers", [False, True])
def test_percepnets_integers_are_counted(integers: bool, tmp_path: Path) -> None:
    """A frame at a time."""
    network = PercepNet()
    write(network, tmp_path / "network.onnx", {}, integers=integers)
    file = (tmp_path / "network.onnx").read_bytes()
    weights, macs = count(file, None)
    trained = sum(parameter.numel() for parameter in network.parameters())
    assert weights == trained, "steps of integers, and what the other graph is given, are not"
    assert macs == torch_macs(network, torch.zeros(1, 1, FEATURES))
    assert cost_of(lambda: [file], 1, axis=None, rate=100).macs_per_second == 100 * macs


@pytest.mark.parametrize(("node", "message"), [
    (helper.make_node("DFT", ["x"], ["y"]), "its operator DFT is none that is known here"),
    (helper.make_node("Relu", ["x"], ["y"], domain="other"), "it does not run"),
    (helper.make_node("Einsum", ["x"], ["y"], equation="abc->cba"), "Einsum is not of two")])
def test_what_is_not_known_is_not_passed_over(node: Any, message: str) -> None:
    made = file([node], [1, 4, 2])
    with pytest.raises(NotCountedError, match=message):
        count(made, "time")
    cost = cost_of(lambda: [made], 10, axis="time", rate=1)
    assert cost.weights is None and cost.bytes == 10 and message in cost.unknown


def test_weights_of_files_are_those_within_branches_too(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    branch = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["z"])], "branch", [],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(floats(3, 5), "w")])
    made = file([helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)],
                [2, 3], c=np.array(True), unused=floats(7))
    (tmp_path / "a.onnx").write_bytes(made)
    (tmp_path / "b.onnx").write_bytes(file([helper.make_node("Relu", ["x"], ["y"])], [1]))
    files = [tmp_path / "a.onnx", tmp_path / "b.onnx"]
    cost = weights_in(files, 10)
    assert (cost.weights, cost.bytes, cost.macs_per_second) == (2 * 3 * 5, 10, None)
    assert "its library alone knows" in cost.unknown
    monkeypatch.setattr(onnx_cost, "LARGEST", 10)
    cost = weights_in(files, 10)
    assert (cost.weights, cost.bytes) == (None, 10)
    assert cost.unknown == "not counted: its file has more than 0 MiB"


def test_what_is_no_network_is_said() -> None:
    assert "not counted: its file is no ONNX" in cost_of(
        lambda: [b"no network"], 10, axis="time", rate=1).unknown


def test_without_onnx_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    cost = onnx_cost.cost_of(lambda: [], 10, axis="time", rate=1)
    assert cost.bytes == 10 and cost.weights is None
    assert "pip install 'evalkit[training]'" in cost.unknown
