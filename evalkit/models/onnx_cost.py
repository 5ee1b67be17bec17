"""What a network in a file of ONNX takes: its weights, and its multiply-accumulates.

Those are counted of matrix products, convolutions and recurrences, as torch's counter of floating
point operations does (which counts a multiplication and an addition as two); what works number by
number, activations among it, is not. The graph is run once, so that every shape is known. An
operator that is neither is not passed over: NotCountedError says which it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evalkit.core.types import Cost

if TYPE_CHECKING:
    import onnx

FRAMES = 10
"""That a graph is run on, where no other number is given."""
LARGEST = 1 << 27
"""Bytes of a file that are counted."""
Shapes = Mapping[str, tuple[int, ...]]
"""By the name of a value."""


class NotCountedError(Exception):
    """A network that is not counted, and why."""


def cost_of(read: Callable[[], Sequence[bytes]], size: int, *, axis: str | None, rate: float,
            frames: int = FRAMES) -> Cost:
    """Of the networks whose files ``read`` reads, ``size`` bytes together where they are kept.
    ``axis`` is what they call the frames of their inputs, None where they take one at a time, and
    ``rate`` how many there are in a second; any other axis that has a name is 1. They are run on
    ``frames``."""
    def counted() -> Cost:
        weights, macs = map(sum, zip(*(count(file, axis, frames) for file in read()), strict=True))
        return Cost(weights, size, macs * rate / (frames if axis else 1))

    return _counted(counted, size)


def weights_in(files: Iterable[Path], size: int) -> Cost:
    """Of the networks in ``files``, ``size`` bytes together, of which their library alone knows
    what they are given."""
    def counted() -> Cost:
        weights = sum(_weights(_read(path).graph) for path in files)
        return Cost(weights, size, unknown="its library alone knows what its networks are given")

    return _counted(counted, size)


def _counted(count: Callable[[], Cost], size: int) -> Cost:
    """What ``count`` counts of networks of ``size`` bytes, or why it cannot be."""
    try:
        import onnx  # noqa: F401
    except ModuleNotFoundError:
        return Cost(bytes=size, unknown="counting it needs pip install 'evalkit[training]'")
    try:
        return count()
    except NotCountedError as error:
        return Cost(bytes=size, unknown=f"not counted: {error}")


def count(file: bytes, axis: str | None, frames: int = FRAMES) -> tuple[int, int]:
    """The weights of a network, and its multiply-accumulates for so many ``frames``, or for one
    where frames have no ``axis``."""
    model = _parsed(file)
    shapes = {value.name: tuple(_length(each, axis, frames)
                                for each in value.type.tensor_type.shape.dim)
              for value in model.graph.input}
    return _weights(model.graph), _macs(model, shapes)


def _read(path: Path) -> onnx.ModelProto:
    _check_size(path.stat().st_size)
    return _parsed(path.read_bytes())


def _parsed(file: bytes) -> onnx.ModelProto:
    import onnx

    _check_size(len(file))
    try:
        return onnx.load_model_from_string(file)
    except Exception as error:  # protobuf's errors have no common class of their own
        raise NotCountedError("its file is no ONNX") from error


def _check_size(size: int) -> None:
    if size > LARGEST:
        raise NotCountedError(f"its file has more than {LARGEST >> 20} MiB")


def _length(axis: Any, name: str | None, frames: int) -> int:
    return axis.dim_value or (frames if axis.dim_param == name else 1)


def _weights(graph: onnx.GraphProto) -> int:
    """What was learnt: numbers that the operators of the graph and of those within it are given,
    in floats or 8-bit integers. Single ones are no weights, nor are the steps and zeros by which
    integers stand for real numbers, nor what no operator is given."""
    from onnx import TensorProto

    kinds = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16,
             TensorProto.INT8, TensorProto.UINT8}
    given = set(_given(graph))
    sizes = [math.prod(tensor.dims) for name, tensor in _tensors(graph)
             if name in given and tensor.data_type in kinds]
    return sum(size for size in sizes if size > 1)


def _given(graph: onnx.GraphProto) -> Iterator[str]:
    """Names of what the operators are given, steps and zeros of integers aside."""
    for node in graph.node:
        yield from (name for place, name in enumerate(node.input)
                    if place not in STEPS_AND_ZEROS.get(node.op_type, ()))
        for within in _within(node):
            yield from _given(within)


def _tensors(graph: onnx.GraphProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    """That a graph, and those within it, hold, by name."""
    yield from ((tensor.name, tensor) for tensor in graph.initializer)
    for node in graph.node:
        yield from ((node.output[0], option.t) for option in node.attribute if option.HasField("t"))
        for within in _within(node):
            yield from _tensors(within)


def _within(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    return [option.g for option in node.attribute if option.HasField("g")]


def _macs(model: onnx.ModelProto, inputs: Shapes) -> int:
    shapes = _shapes(model, inputs)
    return sum(_macs_of(node, shapes) for node in model.graph.node)


def _shapes(model: onnx.ModelProto, inputs: Shapes) -> Shapes:
    """Of all values of the graph, by running it on zeros."""
    import onnxruntime

    shown = type(model)()
    shown.CopyFrom(model)
    names = [name for node in model.graph.node for name in node.output if name]
    del shown.graph.output[:]
    shown.graph.output.extend(type(model.graph.output[0])(name=name) for name in names)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(shown.SerializeToString(), options,
                                               ["CPUExecutionProvider"],
                                               enable_fallback=False)
        values = session.run(names, {value.name: np.zeros(inputs[value.name], _kind(value))
                                     for value in model.graph.input})
    except Exception as error:  # ONNX Runtime's errors have no common class of their own
        raise NotCountedError(f"it does not run ({type(error).__name__})") from error
    constants = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    return constants | dict(inputs) | {name: np.shape(value) for name, value in zip(
        names, values, strict=True)}


def _kind(value: onnx.ValueInfoProto) -> Any:
    from onnx.helper import tensor_dtype_to_np_dtype

    return tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)


def _macs_of(node: onnx.NodeProto, shapes: Shapes) -> int:
    if node.domain in ("", "ai.onnx") and node.op_type in FREE:
        return 0
    if node.domain not in ("", "ai.onnx") or node.op_type not in COUNTED:
        raise NotCountedError(f"its operator {node.op_type} is none that is known here")
    return COUNTED[node.op_type](node, [shapes.get(name, ()) for name in node.input],
                                 shapes[next(filter(None, node.output))])


def _options(node: onnx.NodeProto) -> dict[str, Any]:
    from onnx.helper import get_attribute_value

    return {attribute.name: get_attribute_value(attribute) for attribute in node.attribute}


def _product(node: onnx.NodeProto, inputs: list[tuple[int, ...]], output: tuple[int, ...]) -> int:
    return math.prod(output) * inputs[0][-1]


def _gemm(node: onnx.NodeProto, inputs: list[tuple[int, ...]], output: tuple[int, ...]) -> int:
    return math.prod(output) * inputs[0][0 if _options(node).get("transA") else -1]


def _convolution(node: onnx.NodeProto, inputs: list[tuple[int, ...]], output: tuple[int, ...]
                 ) -> int:
    """Every number of the output is a sum over the kernel and the inputs of its group."""
    return math.prod(output) * math.prod(inputs[1][1:])


def _transposed(node: onnx.NodeProto, inputs: list[tuple[int, ...]], output: tuple[int, ...]
                ) -> int:
    """Every number of the input goes into as many sums."""
    return math.prod(inputs[0]) * math.prod(inputs[1][1:])


def _recurrent(node: onnx.NodeProto, inputs: list[tuple[int, ...]], output: tuple[int, ...]
               ) -> int:
    """Each frame of a batch is multiplied by the weights of inputs and of the state before."""
    frames, batch = inputs[0][:2]
    return frames * batch * (math.prod(inputs[1]) + math.prod(inputs[2]))


def _einsum(node: onnx.NodeProto, inputs: list[tuple[int, ...]], output: tuple[int, ...]) -> int:
    terms = _options(node)["equation"].decode().replace(" ", "").split("->")[0].split(",")
    if len(terms) != 2 or "." in "".join(terms):
        raise NotCountedError("its operator Einsum is not of two matrices")
    return math.prod(dict(_letters(terms, inputs)).values())


def _letters(terms: Sequence[str], inputs: list[tuple[int, ...]]) -> Iterator[tuple[str, int]]:
    for term, shape in zip(terms, inputs, strict=True):
        yield from zip(term, shape, strict=True)


STEPS_AND_ZEROS: Mapping[str, Sequence[int]] = {
    "QuantizeLinear": (1, 2), "DequantizeLinear": (1, 2), "MatMulInteger": (2, 3),
    "ConvInteger": (2, 3), "QLinearMatMul": (1, 2, 4, 5, 6, 7), "QLinearConv": (1, 2, 4, 5, 6, 7)}
"""Places of an operator's inputs that say how integers stand for real numbers."""
COUNTED: Mapping[str, Callable[[Any, list[tuple[int, ...]], tuple[int, ...]], int]] = {
    "MatMul": _product, "MatMulInteger": _product, "Gemm": _gemm, "Conv": _convolution,
    "ConvInteger": _convolution, "ConvTranspose": _transposed, "GRU": _recurrent,
    "LSTM": _recurrent, "RNN": _recurrent, "Einsum": _einsum}
FREE = frozenset(re.findall(r"\w+", """
Abs Add AveragePool BatchNormalization Cast Ceil Clip Concat Constant ConstantOfShape
DequantizeLinear Div DynamicQuantizeLinear Elu Equal Erf Exp Expand Flatten Floor Gather Gelu
GlobalAveragePool Greater HardSigmoid HardSwish Identity InstanceNormalization LayerNormalization
LeakyRelu Less Log Max MaxPool Min Mish Mul Neg Not PRelu Pad Pow QuantizeLinear Range Reciprocal
ReduceMax ReduceMean ReduceMin ReduceSum Relu Reshape Round Shape Sigmoid Sign Slice Softmax
Softplus Split Sqrt Squeeze Sub Tanh Tile Transpose Unsqueeze Where"""))
"""Operators that work number by number, sum, or move numbers."""
