"""A graph of ONNX in a file: what it is made of, and how it is run, one utterance at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.core.errors import ConfigError, one_line
from evalkit.core.types import Cost
from evalkit.models import onnx_cost
from evalkit.systems.identity import bytes_in, model_file, require, stamp

KINDS = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}


@dataclass(frozen=True)
class OnnxGraph:
    """The graph in the file ``path``, for sound at ``rate`` Hz.

    ``input`` and ``output`` are names, needed where it has several; ``length`` is the name of an
    input that takes how many samples or frames there are. ``provider`` is ONNX Runtime's name of
    what computes."""

    path: Path | str = field(repr=False)
    rate: int
    input: str | None = None
    output: str | None = None
    length: str | None = None
    provider: str = "CPUExecutionProvider"

    batch = 1

    def __post_init__(self) -> None:
        require("onnxruntime")
        model_file(self.path)
        check_provider(self.provider)
        if self.rate <= 0:
            raise ValueError(f"rate must be above 0, not {self.rate!r}")

    @property
    def identity(self) -> str:
        return f"{self!r}, {stamp('onnxruntime', self.files)}"

    @property
    def files(self) -> list[Path]:
        """The file, and those beside it that hold weights that it does not."""
        return parts_of(Path(self.path))

    @property
    def cost(self) -> Cost:
        """Of the graph, for a second of audio."""
        files = self.files
        size, steps = bytes_in(*files), self._second
        heard = self._heard(self.session)
        axis = heard.shape[self._time(heard)]
        if not isinstance(axis, str):
            return Cost(bytes=size, unknown="its axis of time has no name")
        if len(files) > 1:
            return Cost(bytes=size, unknown="its weights are in files of their own")
        return onnx_cost.cost_of(lambda: [files[0].read_bytes()], size, axis=axis, rate=steps,
                                 frames=steps)

    @cached_property
    def session(self) -> Any:
        """Raises ConfigError where the file cannot be loaded, or takes something else than one
        input of any length."""
        import onnxruntime

        try:
            session = onnxruntime.InferenceSession(str(self.path), one_thread(), [self.provider])
        except Exception as error:  # those of ONNX Runtime have no common class of their own
            raise ConfigError(f"{self.path}: cannot load a graph of ONNX: {one_line(error)}"
                              ) from error
        heard = self._heard(session)
        lacking = [each.name for each in session.get_inputs()
                   if each.name not in {heard.name, self.length}]
        if lacking:
            raise ConfigError(f"{self.path}: also asks for {', '.join(lacking)}; only graphs that "
                              "take an utterance, and its `length`, are run")
        if heard.type not in KINDS or any(isinstance(size, int) and size > 1
                                          for size in heard.shape[:self._time(heard) + 1]):
            raise ConfigError(f"{self.path}: its input {heard.name} is {heard.type} of the shape "
                              f"{heard.shape}; export it for one utterance of any length")
        _one_of(self.path, "output", [each.name for each in session.get_outputs()], self.output)
        return session

    def run(self, values: np.ndarray) -> np.ndarray:
        """What it makes of an utterance: of (samples,), or of features (frames, channels)."""
        session = self.session
        heard = self._heard(session)
        shaped = values.reshape((1,) * (len(heard.shape) - values.ndim) + values.shape)
        given = {heard.name: shaped.astype(KINDS[heard.type])}
        if self.length is not None:
            given[self.length] = np.array([len(values)], np.int64)
        name = _one_of(self.path, "output", [each.name for each in session.get_outputs()],
                       self.output)
        made: np.ndarray = session.run([name], given)[0]
        return made.astype(np.float32)

    def _heard(self, session: Any) -> Any:
        inputs = {each.name: each for each in session.get_inputs() if each.name != self.length}
        return inputs[_one_of(self.path, "input", list(inputs), self.input)]

    @property
    def _second(self) -> int:
        """How many steps of time a second has."""
        return self.rate

    def _time(self, heard: Any) -> int:
        """Which axis of its input is time: the last, of sound."""
        return len(heard.shape) - 1


def parts_of(path: Path) -> list[Path]:
    """A file of ONNX, and those beside it that it names."""
    graph = path.read_bytes()
    return [path, *(each for each in path.parent.iterdir() if each != path and each.is_file()
                    and each.name.encode() in graph)]


def cost_of_files(files: Sequence[Path]) -> Cost:
    """Of graphs in ``files`` that a library runs: not how many multiply-accumulates. A file that
    names others is small."""
    parts = {part for file in files for part in (
        [file] if file.stat().st_size > onnx_cost.LARGEST else parts_of(file))}
    return onnx_cost.weights_in(files, bytes_in(*parts))


def one_thread() -> Any:
    """Options of ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors
    return options


def check_provider(provider: str) -> None:
    """Raises ConfigError where ONNX Runtime would silently compute elsewhere."""
    import onnxruntime

    there = onnxruntime.get_available_providers()
    if provider not in there:
        raise ConfigError(f"provider {provider!r} is not in this ONNX Runtime, which has "
                          f"{', '.join(there)}; for CUDA install onnxruntime-gpu in its place")


def _one_of(path: Path | str, what: str, names: Sequence[str], given: str | None) -> str:
    if given is None and len(names) == 1:
        return names[0]
    if given is None or given not in names:
        raise ConfigError(f"{path}: has the {what}s {', '.join(names)}; give the name of one as "
                          f"`{what}`")
    return given
