"""PercepNet's network as a file of ONNX, in 32-bit floats or in 8-bit integers.

There are two graphs of the same weights, which give the same results to the bit. Both take what
is remembered of the frames before. One takes a single frame: streamed, that is all that there is,
and a loop inside a graph costs more than a frame. So that it takes few nodes, the products of a
layer stand side by side before they become real numbers. The other takes many frames at once, and
only what a GRU makes of its own past is a loop. The file is the first graph, its weights ahead;
in its description are the nodes of the other, and where the weights end, so that with these nodes
after them they are the second (parts of a message of protobuf may follow each other).

In integers, weights have one scale an output and activations the fixed scales that their bounds
allow (see ``network``); products are summed exactly. Weights and activations are unsigned with a
middle, which no kernel of ONNX Runtime saturates (signed weights can overflow 16-bit sums where a
processor has AVX2 and no VNNI). A GRU is written as matrix products: ONNX's own operator has no
integers.

Writing needs the package onnx; running does not (see ``runtime``).
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterator, Sequence
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
    (frames, n): real, or in ``integers`` where they are to be multiplied by weights."""

    integers: bool
    constants: dict[tuple[str, tuple[int, ...], bytes], Any] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=itertools.count)
    nodes: list[Any] = field(default_factory=list)

    def within(self) -> Graph:
        """One of the same constants, whose names are others."""
        return Graph(self.integers, self.constants, self.numbers)

    def add(self, operator: str, *inputs: str, results: int = 1, **options: Any) -> Any:
        """A node; the name of its result, or their list where there are several."""
        names = [f"{operator}_{next(self.numbers)}" for _ in range(results)]
        self.nodes.append(helper.make_node(operator, inputs, names, **options))
        return names[0] if results == 1 else names

    def constant(self, value: object, kind: type = np.float32) -> str:
        """A constant of an initialiser; its name."""
        array: np.ndarray = np.asarray(value, kind)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.constants:
            name = f"constant_{len(self.constants)}"
            self.constants[key] = numpy_helper.from_array(array, name)
        return str(self.constants[key].name)

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


class _One:
    """The graph of a network for one frame."""

    frames: int | str = 1

    def __init__(self, network: PercepNet, graph: Graph) -> None:
        self.network, self.graph = network, graph
        sizes = network.sizes
        self.states: list[int] = [*[sizes.hidden] * (sizes.layers + 1), sizes.strength]
        """Of the GRUs, in the order in which they lie in ``state``."""
        layers: list[Any] = list(network.convolutions)
        self.pasts: list[int] = [(each.kernel_size[0] - 1) * each.in_channels for each in layers]
        """Of the convolutions, in ``past``: all frames that they see but the last."""

    def model(self) -> Any:
        """The whole, without its constants. Inputs are the ``features`` (frames, FEATURES), the
        ``state`` of the GRUs and the ``past`` of the convolutions, all 0 at first; results are the
        gains and strengths, (frames, 2 BANDS), and state and past after."""
        filters, *after = self._results()
        kinds = [TensorProto.FLOAT, TensorProto.UINT8 if self.graph.integers else TensorProto.FLOAT]
        rows = [(kind, [1, sum(sizes)])
                for kind, sizes in zip(kinds, (self.states, self.pasts), strict=True)]
        value = helper.make_tensor_value_info
        graph = helper.make_graph(
            self.graph.nodes, "network",
            [value("features", TensorProto.FLOAT, [self.frames, FEATURES]),
             *(value(name, *row) for name, row in zip(("state", "past"), rows, strict=True))],
            [value(filters, TensorProto.FLOAT, [self.frames, 2 * BANDS]),
             *(value(name, *row) for name, row in zip(after, rows, strict=True))])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)

    def _results(self) -> tuple[str, str, str]:
        """Adds the whole network; the names of filters, state and past."""
        net, graph = self.network, self.graph
        weight, bias = _of(net.dense)
        mean, spread = net.mean.numpy(), net.spread.numpy()
        dense = Linear("features", weight / spread, bias - weight @ (mean / spread))
        heard, past = self._convolutions(graph.rectified(graph.linear(dense, scale=None)))
        states = self._states()
        layers, after = [heard], []
        for layer, state in zip([*net.recurrent, net.gain_memory], states, strict=False):
            outputs, last = self._gru(layers[-1], state, layer)
            layers.append(graph.coded(outputs))
            after.append(last)
        outputs, last = self._gru(graph.joined(layers[-2], heard), states[-1], net.strength_memory)
        filters = graph.linear(Linear(graph.joined(*layers), *_of(net.gain)),
                               Linear(graph.coded(outputs), *_of(net.strength)))
        return graph.add("Sigmoid", filters), graph.joined(*after, last), past

    def _states(self) -> list[tuple[str, str]]:
        """Of each GRU before, real and coded."""
        graph = self.graph
        return list(zip(graph.parts("state", self.states),
                        graph.parts(graph.coded("state"), self.states), strict=True))

    def _convolutions(self, x: str) -> tuple[str, str]:
        """As matrix products of the frames that they see, side by side; and what is past for
        the next frame."""
        graph, (first, second) = self.graph, self.network.convolutions
        before = graph.parts("past", self.pasts)
        seen, past = self._seen(before[0], x, first)
        made = graph.rectified(graph.linear(_beside(first, seen), scale=POSITIVE))
        seen, past_made = self._seen(before[1], made, second)
        heard = graph.linear(_beside(second, seen), scale=POSITIVE)
        return graph.coded(graph.add("Tanh", heard)), graph.joined(past, past_made)

    def _seen(self, before: str, x: str, layer: Any) -> tuple[str, str]:
        """The frames that a convolution sees, side by side, and those but the first."""
        seen = self.graph.joined(before, x)
        size, others = layer.in_channels, layer.kernel_size[0] - 1
        return seen, self.graph.parts(seen, [size, others * size])[1]

    def _gru(self, x: str, before: tuple[str, str], layer: Any) -> tuple[str, str]:
        """What it says, and its state after."""
        heard, past = _halves(x, before[1], layer)
        size = layer.hidden_size
        parts = self.graph.parts(self.graph.linear(heard, past), [2 * size, size] * 2)
        after = _cell(self.graph, before[0], parts)
        return after, after


class _Many(_One):
    """The graph of a network for many frames."""

    frames = "frames"

    def _states(self) -> list[tuple[str, str]]:
        return [(state, "") for state in self.graph.parts("state", self.states)]

    def _seen(self, before: str, x: str, layer: Any) -> tuple[str, str]:
        graph, size, others = self.graph, layer.in_channels, layer.kernel_size[0] - 1
        rows = graph.add("Reshape", before, graph.constant([others, size], np.int64))
        frames = graph.add("Concat", rows, x, axis=0)
        ends = [*range(-others, 0), np.iinfo(np.int64).max]
        seen = graph.joined(*(_sliced(graph, frames, i, end) for i, end in enumerate(ends)))
        past = _sliced(graph, frames, -others, ends[-1])
        return seen, str(graph.add("Reshape", past, graph.constant([1, others * size], np.int64)))

    def _gru(self, x: str, before: tuple[str, str], layer: Any) -> tuple[str, str]:
        graph, sizes = self.graph, [2 * layer.hidden_size, layer.hidden_size]
        body = graph.within()
        state, *rows = names = [f"{name}_{len(graph.nodes)}" for name in ("state", "gates", "new")]
        heard, past = _halves(x, body.coded(state), layer)
        after = _cell(body, state, [*rows, *body.parts(body.linear(past), sizes)])
        said = body.add("Squeeze", after, body.constant([0], np.int64))
        shapes = {**dict(zip(names, ([1, sizes[1]], *([size] for size in sizes)), strict=True)),
                  after: [1, sizes[1]], said: [sizes[1]]}
        values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
                  for name, shape in shapes.items()]
        loop = helper.make_graph(body.nodes, "frame", values[:3], values[3:])
        last, outputs = graph.add("Scan", before[0], *graph.parts(graph.linear(heard), sizes),
                                  results=2, body=loop, num_scan_inputs=2)
        return outputs, last


def _halves(x: str, before: str, layer: Any) -> tuple[Linear, Linear]:
    """What a GRU makes of ``x``, and of its state ``before``: reset, update and new."""
    weight = {name: tensor.detach().numpy() for name, tensor in layer.named_parameters()}
    return (Linear(x, weight["weight_ih_l0"], weight["bias_ih_l0"]),
            Linear(before, weight["weight_hh_l0"], weight["bias_hh_l0"]))


def _cell(graph: Graph, before: str, parts: Sequence[str]) -> str:
    """The state after one ``before`` (Cho et al. 2014, arXiv:1406.1078; torch's form), given
    gates and new of what was heard and of what is past."""
    gates, new, past_gates, past_new = parts
    gates = graph.add("Sigmoid", graph.add("Add", gates, past_gates))
    reset, update = graph.add("Split", gates, results=2, axis=1, num_outputs=2)
    new = graph.add("Tanh", graph.add("Add", new, graph.add("Mul", reset, past_new)))
    kept = graph.add("Mul", update, graph.add("Sub", before, new))
    return str(graph.add("Add", new, kept))


def _sliced(graph: Graph, frames: str, start: int, end: int) -> str:
    return str(graph.add("Slice", frames, *(graph.constant([value], np.int64)
                                            for value in (start, end, 0))))


def write(network: PercepNet, path: Path, description: dict[str, str], *,
          integers: bool = True) -> None:
    """Writes ``network`` and a ``description`` to ``path``: see _One.model, and ``many`` of
    ``runtime`` for the other graph."""
    first = Graph(integers)
    models = [kind(network.eval(), graph).model()
              for kind, graph in ((_One, first), (_Many, first.within()))]
    weights = onnx.ModelProto()
    weights.graph.initializer.extend(first.constants.values())
    ahead, many = (each.SerializeToString(deterministic=True) for each in (weights, models[1]))
    helper.set_model_props(models[0], description | {
        "weights": str(len(ahead)), "many": base64.b64encode(many).decode()})
    whole = ahead + models[0].SerializeToString(deterministic=True)
    for file in (whole, ahead + many):
        onnx.checker.check_model(onnx.load_model_from_string(file))
    with replacing(path) as temporary:
        temporary.write_bytes(whole)


def _beside(layer: Any, frames: str) -> Linear:
    """A convolution over the ``frames`` that it sees, side by side."""
    weight, bias = _of(layer)
    return Linear(frames, weight.transpose(0, 2, 1).reshape(len(weight), -1), bias)


def _of(layer: Any) -> tuple[np.ndarray, np.ndarray]:
    return layer.weight.detach().numpy(), layer.bias.detach().numpy()
