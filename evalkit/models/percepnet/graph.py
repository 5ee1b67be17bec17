"""PercepNet's network as a file of ONNX, in 32-bit floats or in 8-bit integers.

The graph takes one frame and what is remembered of those before it: streamed, that is all that
there is, and a loop over frames inside a graph costs more than one around it. So that a frame
takes few nodes, the products of a layer stand side by side before they become real numbers.

In integers, weights have one scale an output and activations the fixed scales that their bounds
allow (see ``network``); products are summed exactly. Weights and activations are unsigned with a
middle, which no kernel of ONNX Runtime saturates (signed weights can overflow 16-bit sums where a
processor has AVX2 and no VNNI). A GRU is written as matrix products: ONNX's own operator has no
integers.

Writing needs the package onnx; running does not (see ``runtime``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from evalkit.core.files import replacing
from evalkit.models.percepnet.bands import BANDS
from evalkit.models.percepnet.features import FEATURES
from evalkit.models.percepnet.network import CEILING, PercepNet

MIDDLE = 128
"""The unsigned 8-bit integer that stands for 0 where values have both signs."""


class Scale(NamedTuple):
    """Real values are (integer - ``zero``) * ``step``."""

    step: float
    zero: int


class Linear(NamedTuple):
    """``weight`` (outputs, inputs) times ``x``, plus ``bias`` (outputs,)."""

    x: str
    weight: np.ndarray
    bias: np.ndarray


SIGNED = Scale(1 / 127, MIDDLE)
POSITIVE = Scale(CEILING / 255, 0)


@dataclass
class Graph:
    """Nodes and constants as they are added; results are named by number. Values are rows,
    (1, n): real, or in ``integers`` where they are to be multiplied by weights."""

    integers: bool
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def add(self, operator: str, *inputs: str, results: int = 1, **options: Any) -> Any:
        """A node; the name of its result, or their list where there are several."""
        names = [f"{operator}_{len(self.nodes)}_{i}" for i in range(results)]
        self.nodes.append(helper.make_node(operator, inputs, names, **options))
        return names[0] if results == 1 else names

    def constant(self, value: object, kind: type = np.float32) -> str:
        """A constant of an initialiser; its name."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def joined(self, *parts: str) -> str:
        """Side by side."""
        return parts[0] if len(parts) == 1 else str(self.add("Concat", *parts, axis=1))

    def parts(self, x: str, sizes: Sequence[int]) -> list[str]:
        """``x``, which has been joined of parts of these ``sizes``."""
        if len(sizes) == 1:
            return [x]
        return list(self.add("Split", x, self.constant(sizes, np.int64), results=len(sizes),
                             axis=1))

    def coded(self, x: str, scale: Scale = SIGNED) -> str:
        """Real values, ready to be multiplied by weights."""
        if not self.integers:
            return x
        return str(self.add("QuantizeLinear", x, self.constant(scale.step),
                            self.constant(scale.zero, np.uint8)))

    def rectified(self, x: str) -> str:
        """Within 0 and CEILING, coded; integers go no further by themselves."""
        return (self.coded(x, POSITIVE) if self.integers
                else str(self.add("Clip", x, self.constant(0), self.constant(CEILING))))

    def linear(self, *layers: Linear, scale: Scale | None = SIGNED) -> str:
        """The results of ``layers`` side by side; their ``x`` are coded in ``scale``, which is
        None for real ones in any graph."""
        made = (self._integer_products(layers, scale) if self.integers and scale else
                self.joined(*(self.add("MatMul", layer.x, self.constant(layer.weight.T))
                              for layer in layers)))
        return str(self.add("Add", made,
                            self.constant(np.concatenate([layer.bias for layer in layers]))))

    def _integer_products(self, layers: Sequence[Linear], scale: Scale) -> str:
        zero, middle = self.constant(scale.zero, np.uint8), self.constant(MIDDLE, np.uint8)
        products, steps = [], []
        for x, weight, _ in layers:
            step = np.maximum(np.abs(weight).max(axis=1), 1e-12) / 127
            whole = self.constant((np.round(weight / step[:, None]) + MIDDLE).T, np.uint8)
            products.append(self.add("MatMulInteger", x, whole, zero, middle))
            steps.append(step * scale.step)
        return str(self.add("DequantizeLinear", self.joined(*products),
                            self.constant(np.concatenate(steps)), axis=1))


class _Writer:
    """The graph of one network."""

    def __init__(self, network: PercepNet, integers: bool) -> None:
        self.network, self.graph = network, Graph(integers)
        sizes = network.sizes
        self.states: list[int] = [*[sizes.hidden] * (sizes.layers + 1), sizes.strength]
        """Of the GRUs, in the order in which they lie in ``state``."""
        layers: list[Any] = list(network.convolutions)
        self.pasts: list[int] = [size for layer in layers for size in (
            layer.in_channels, (layer.kernel_size[0] - 2) * layer.in_channels)]
        """Of each convolution, in ``past``: the oldest frame that it sees, and the others."""

    def results(self) -> tuple[str, str, str]:
        """Adds the whole network; the names of filters, state and past."""
        net, graph = self.network, self.graph
        weight, bias = _of(net.dense)
        mean, spread = net.mean.numpy(), net.spread.numpy()
        dense = Linear("features", weight / spread, bias - weight @ (mean / spread))
        heard, past = self._convolutions(graph.rectified(graph.linear(dense, scale=None)))
        states = list(zip(graph.parts("state", self.states),
                          graph.parts(graph.coded("state"), self.states), strict=True))
        layers, after = [heard], []
        for layer, state in zip([*net.recurrent, net.gain_memory], states, strict=False):
            after.append(self._gru(layers[-1], *state, layer))
            layers.append(graph.coded(after[-1]))
        after.append(self._gru(graph.joined(layers[-2], heard), *states[-1], net.strength_memory))
        filters = graph.linear(Linear(graph.joined(*layers), *_of(net.gain)),
                               Linear(graph.coded(after[-1]), *_of(net.strength)))
        return graph.add("Sigmoid", filters), graph.joined(*after), past

    def _convolutions(self, x: str) -> tuple[str, str]:
        """As matrix products of the frames that they see, side by side; and what is past for
        the next frame."""
        graph, (first, second) = self.graph, self.network.convolutions
        oldest, others, oldest_made, others_made = graph.parts("past", self.pasts)
        made = graph.rectified(graph.linear(_beside(first, graph.joined(oldest, others, x)),
                                            scale=POSITIVE))
        heard = graph.linear(_beside(second, graph.joined(oldest_made, others_made, made)),
                             scale=POSITIVE)
        return (graph.coded(graph.add("Tanh", heard)),
                graph.joined(others, x, others_made, made))

    def _gru(self, x: str, before: str, coded: str, layer: Any) -> str:
        """The state after one ``before``, which is ``coded`` too (Cho et al. 2014,
        arXiv:1406.1078; torch's form)."""
        graph, size = self.graph, layer.hidden_size
        weight = {name: tensor.detach().numpy() for name, tensor in layer.named_parameters()}
        gates, new, past_gates, past_new = graph.parts(graph.linear(
            Linear(x, weight["weight_ih_l0"], weight["bias_ih_l0"]),
            Linear(coded, weight["weight_hh_l0"], weight["bias_hh_l0"])),
            [2 * size, size, 2 * size, size])
        gates = graph.add("Sigmoid", graph.add("Add", gates, past_gates))
        reset, update = graph.parts(gates, [size, size])
        new = graph.add("Tanh", graph.add("Add", new, graph.add("Mul", reset, past_new)))
        kept = graph.add("Mul", update, graph.add("Sub", before, new))
        return str(graph.add("Add", new, kept))


def write(network: PercepNet, path: Path, description: dict[str, str], *,
          integers: bool = True) -> None:
    """Writes ``network`` and a ``description`` to ``path``. Inputs are the ``features``
    (1, FEATURES) of a frame, the ``state`` of the GRUs and the ``past`` of the convolutions, all
    0 at first; results are the gains and strengths, (1, 2 BANDS), and state and past after."""
    writer = _Writer(network.eval(), integers)
    filters, *after = writer.results()
    kinds = [TensorProto.FLOAT, TensorProto.UINT8 if integers else TensorProto.FLOAT]
    before = list(zip(kinds, [sum(writer.states), sum(writer.pasts)], strict=True))
    graph = helper.make_graph(
        writer.graph.nodes, "network",
        [_row("features", TensorProto.FLOAT, FEATURES),
         *(_row(name, *kind) for name, kind in zip(("state", "past"), before, strict=True))],
        [_row(filters, TensorProto.FLOAT, 2 * BANDS),
         *(_row(name, *kind) for name, kind in zip(after, before, strict=True))],
        writer.graph.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    helper.set_model_props(model, description)
    onnx.checker.check_model(model)
    with replacing(path) as temporary:
        temporary.write_bytes(model.SerializeToString(deterministic=True))


def _beside(layer: Any, frames: str) -> Linear:
    """A convolution over the ``frames`` that it sees, side by side."""
    weight, bias = _of(layer)
    return Linear(frames, weight.transpose(0, 2, 1).reshape(len(weight), -1), bias)


def _of(layer: Any) -> tuple[np.ndarray, np.ndarray]:
    return layer.weight.detach().numpy(), layer.bias.detach().numpy()


def _row(name: str, kind: int, size: int) -> Any:
    return helper.make_tensor_value_info(name, kind, [1, size])
