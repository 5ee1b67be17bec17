"""PercepNet's network as a file of ONNX, in 32-bit floats or in 8-bit integers.

One graph takes any number of frames and the state before them, and gives the state after them.
In integers, weights have one scale an output and activations the fixed scales that their bounds
allow (see ``network``); products are summed exactly, so frames give the same bits in any
chunks. Weights and activations are unsigned with a middle, which no kernel of ONNX Runtime
saturates (signed weights can overflow 16-bit sums where a processor has AVX2 and no VNNI). A
GRU is written as matrix products: ONNX's own operator has no integers. Its loop over frames is
a Scan.

Writing needs the package onnx; running does not (see ``runtime``).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from evalkit.core.files import replacing
from evalkit.models.percepnet.features import FEATURES
from evalkit.models.percepnet.network import CEILING, PercepNet

MIDDLE = 128
"""The unsigned 8-bit integer that stands for 0 where values have both signs."""
LAST = np.int64(2**31 - 1)
"""Beyond the end of every axis."""


@dataclass(frozen=True)
class Scale:
    """Real values are (integer - ``zero``) * ``step``."""

    step: float
    zero: int


SIGNED = Scale(1 / 127, MIDDLE)
POSITIVE = Scale(CEILING / 255, 0)


@dataclass
class Graph:
    """Nodes and constants as they are added; results are named by number, unlike those of any
    graph that shares ``numbers``."""

    numbers: Any = field(default_factory=itertools.count)
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def add(self, operator: str, *inputs: str, results: int = 1, **options: Any) -> Any:
        """A node; the name of its result, or their list where there are several."""
        names = [f"{operator}_{next(self.numbers)}" for _ in range(results)]
        self.nodes.append(helper.make_node(operator, inputs, names, **options))
        return names[0] if results == 1 else names

    def constant(self, value: object, kind: type = np.float32) -> str:
        """A constant of an initialiser; its name."""
        name = f"constant_{next(self.numbers)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def linear(self, x: str, weight: np.ndarray, bias: np.ndarray, scale: Scale | None) -> str:
        """``x`` (n, inputs) times ``weight`` (outputs, inputs), plus ``bias`` (outputs,); in
        integers where ``x`` has a ``scale``."""
        product = (self.add("MatMul", x, self.constant(weight.T)) if scale is None
                   else self._integer_product(x, weight, scale))
        return str(self.add("Add", product, self.constant(bias)))

    def _integer_product(self, x: str, weight: np.ndarray, scale: Scale) -> str:
        steps = np.maximum(np.abs(weight).max(axis=1), 1e-12) / 127
        whole = np.round(weight / steps[:, None]) + MIDDLE
        zero = self.constant(scale.zero, np.uint8)
        quantised = self.add("QuantizeLinear", x, self.constant(scale.step), zero)
        product = self.add("MatMulInteger", quantised, self.constant(whole.T, np.uint8), zero,
                           self.constant(MIDDLE, np.uint8))
        return str(self.add("Mul", self.add("Cast", product, to=TensorProto.FLOAT),
                            self.constant(steps * scale.step)))

    def frames(self, x: str, start: int, end: int | np.int64) -> str:
        """Frames ``start`` up to ``end`` of ``x``, counted from its end where negative."""
        return str(self.add("Slice", x, *(self.constant([v], np.int64) for v in (start, end, 0))))


class _Writer:
    """The graph of one network; ``states`` are (input, result, shape)."""

    def __init__(self, network: PercepNet, integers: bool) -> None:
        self.network, self.graph = network, Graph()
        self.signed = SIGNED if integers else None
        self.positive = POSITIVE if integers else None
        self.states: list[tuple[str, str, list[int]]] = []

    def filters(self) -> tuple[str, str]:
        """Adds the whole network; the names of gains and strengths."""
        net, graph = self.network, self.graph
        weight, bias = _of(net.dense)
        mean, spread = net.mean.numpy(), net.spread.numpy()
        x = graph.linear("features", weight / spread, bias - weight @ (mean / spread), None)
        x = self._rectified(x)
        x = self._rectified(self._convolution(x, net.convolutions[0]))
        heard = graph.add("Tanh", self._convolution(x, net.convolutions[1]))
        layers, x = [heard], heard
        for layer in net.recurrent:
            x = self._gru(x, layer)
            layers.append(x)
        gain = self._gru(x, net.gain_memory)
        strength = self._gru(graph.add("Concat", x, heard, axis=1), net.strength_memory)
        return (self._output(graph.add("Concat", *layers, gain, axis=1), net.gain),
                self._output(strength, net.strength))

    def _output(self, x: str, layer: nn.Module) -> str:
        return str(self.graph.add("Sigmoid", self.graph.linear(x, *_of(layer), self.signed)))

    def _rectified(self, x: str) -> str:
        return str(self.graph.add("Clip", x, self.graph.constant(0), self.graph.constant(CEILING)))

    def _convolution(self, x: str, layer: Any) -> str:
        """As a matrix product of the frames that it sees, side by side."""
        graph, kernel = self.graph, layer.kernel_size[0]
        before = self._state([kernel - 1, layer.in_channels])
        seen = graph.add("Concat", before, x, axis=0)
        self._after(before, graph.frames(seen, 1 - kernel, LAST), [kernel - 1, layer.in_channels])
        ends = [*range(1 - kernel, 0), LAST]
        beside = graph.add("Concat", *(graph.frames(seen, i, end) for i, end in enumerate(ends)),
                           axis=1)
        weight = layer.weight.detach().numpy().transpose(0, 2, 1).reshape(layer.out_channels, -1)
        return graph.linear(beside, weight, layer.bias.detach().numpy(), self.positive)

    def _gru(self, x: str, layer: Any) -> str:
        weight = {name: tensor.detach().numpy() for name, tensor in layer.named_parameters()}
        heard = self.graph.linear(x, weight["weight_ih_l0"], weight["bias_ih_l0"], self.signed)
        before = self._state([1, layer.hidden_size])
        body = _cell(Graph(self.graph.numbers), weight["weight_hh_l0"], weight["bias_hh_l0"],
                     self.signed)
        after, outputs = self.graph.add("Scan", before, heard, results=2, body=body,
                                        num_scan_inputs=1)
        self._after(before, after, [1, layer.hidden_size])
        return str(outputs)

    def _state(self, shape: list[int]) -> str:
        return f"state_{len(self.states)}"

    def _after(self, before: str, after: str, shape: list[int]) -> None:
        self.states.append((before, after, shape))


def _cell(graph: Graph, weight: np.ndarray, bias: np.ndarray, scale: Scale | None) -> Any:
    """One frame of a GRU (Cho et al. 2014, arXiv:1406.1078; torch's form): from the state before
    (1, hidden) and what was heard, (3 * hidden,), to the state after and the output (hidden,)."""
    size = weight.shape[1]
    halves, first = graph.constant([2 * size, size], np.int64), graph.constant([0], np.int64)
    row = graph.add("Unsqueeze", "heard", first)
    gates, new = graph.add("Split", row, halves, results=2, axis=1)
    past_gates, past_new = graph.add("Split", graph.linear("before", weight, bias, scale), halves,
                                     results=2, axis=1)
    open_gates = graph.add("Sigmoid", graph.add("Add", gates, past_gates))
    reset, update = graph.add("Split", open_gates, results=2, axis=1, num_outputs=2)
    new = graph.add("Tanh", graph.add("Add", new, graph.add("Mul", reset, past_new)))
    kept = graph.add("Mul", update, graph.add("Sub", "before", new))
    after = graph.add("Add", new, kept)
    return helper.make_graph(
        [*graph.nodes, helper.make_node("Squeeze", [after, first], ["output"])], "cell",
        [_floats("before", [1, size]), _floats("heard", [3 * size])],
        [_floats(after, [1, size]), _floats("output", [size])], graph.constants)


def write(network: PercepNet, path: Path, description: dict[str, str], *,
          integers: bool = True) -> None:
    """Writes ``network`` and a ``description`` to ``path``: one input
    ``features`` (n, FEATURES), one ``state_i`` for each memory; results gains and strengths
    (n, BANDS) and the states after, in the same order."""
    writer = _Writer(network.eval(), integers)
    results: Sequence[str] = writer.filters()
    graph = helper.make_graph(
        writer.graph.nodes, "network",
        [_floats("features", ["frames", FEATURES]),
         *(_floats(before, shape) for before, _, shape in writer.states)],
        [*(_floats(name, ["frames", None]) for name in results),
         *(_floats(after, shape) for _, after, shape in writer.states)],
        writer.graph.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    helper.set_model_props(model, description)
    onnx.checker.check_model(model)
    with replacing(path) as temporary:
        temporary.write_bytes(model.SerializeToString(deterministic=True))


def _of(layer: Any) -> tuple[np.ndarray, np.ndarray]:
    return layer.weight.detach().numpy(), layer.bias.detach().numpy()


def _floats(name: str, shape: Sequence[int | str | None]) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
