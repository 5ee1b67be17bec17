"""Running PercepNet's network with ONNX Runtime, on one thread."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from evalkit.core.errors import ConfigError, one_line
from evalkit.models.percepnet.arrays import real
from evalkit.models.percepnet.bands import BANDS
from evalkit.models.percepnet.features import FEATURES

_KINDS = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8}


class Listener:
    """The network in the middle of one signal, of which it remembers what it has heard."""

    def __init__(self, one: Any, many: Any) -> None:
        inputs, results = one.get_inputs(), one.get_outputs()
        self._features, *memory = [np.zeros(value.shape, _KINDS[value.type]) for value in inputs]
        self._filters = np.zeros(results[0].shape, np.float32)
        self._one, self._many, self._binding = one, many, one.io_binding()
        for value, array in zip(inputs, (self._features, *memory), strict=True):
            self._binding.bind_input(value.name, *_place(array))
        # What is remembered may be written where it is read: nothing is joined to the memory
        # after a frame before all of that before it has been split into copies.
        for value, array in zip(results, (self._filters, *memory), strict=True):
            self._binding.bind_output(value.name, *_place(array))
        self._memory = memory  # The binding knows addresses only.

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Gains and comb strengths, (n, 2 BANDS), of the next frames' ``features``
        (n, FEATURES)."""
        if len(features) != 1:
            return self._of_many(features)
        self._features[:] = features
        self._one.run_with_iobinding(self._binding)
        return self._filters.copy()

    def _of_many(self, features: np.ndarray) -> np.ndarray:
        if not len(features):
            return np.empty((0, 2 * BANDS), np.float32)
        filters: np.ndarray
        filters, *after = self._many.run(None, {"features": features, "state": self._memory[0],
                                                "past": self._memory[1]})
        for memory, value in zip(self._memory, after, strict=True):
            memory[:] = value
        return filters


def _place(array: np.ndarray) -> tuple[Any, ...]:
    return "cpu", 0, array.dtype.type, array.shape, array.ctypes.data


class Runtime:
    """A file that ``graph.write`` wrote. Raises ConfigError where it is something else, or holds
    NaN or infinite numbers."""

    def __init__(self, path: Path) -> None:
        try:
            file = path.read_bytes()
            self._one = _session(file)
            self._many = _session(_many(file, self._one.get_modelmeta().custom_metadata_map))
            fault = self._fault(file)
        except Exception as error:  # ONNX Runtime's errors have no common class of their own.
            fault = f"no network of PercepNet: {one_line(error)}"
        if fault:
            raise ConfigError(f"{path}: {fault}; give the file of a trained one")
        self.bandwidth = self._described("bandwidth", path)
        """Hz above which the network has learnt nothing."""

    def _fault(self, file: bytes) -> str:
        """What is wrong with the network, if anything. Raises what running it does."""
        if not (_is_percepnet(self._one, 1) and _is_percepnet(self._many, "frames")):
            return "no network of PercepNet, or saved again by another tool"
        for name, array in real(file):
            if not np.isfinite(array).all():
                return f"NaN or infinite numbers in its array {one_line(name)!r}"
        listener = self.start()
        said = [listener(np.zeros((frames, FEATURES), np.float32)) for frames in (2, 1)]
        return "" if np.isfinite(np.concatenate(said)).all() else "its network says no numbers"

    def _described(self, name: str, path: Path) -> float:
        """A number above 0 in the file's description; infinite where that has none."""
        text = self._one.get_modelmeta().custom_metadata_map.get(name, "inf")
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not value > 0:
            raise ConfigError(f"{path}: its {name} is {one_line(repr(text))}, no number above 0; "
                              "give the file of a trained network")
        return value

    def start(self) -> Listener:
        """In silence."""
        return Listener(self._one, self._many)


def _session(file: bytes) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # What is an error is raised.
    options.enable_mem_reuse = False  # What a frame needs is small; to share it takes time.
    return onnxruntime.InferenceSession(file, options, ["CPUExecutionProvider"],
                                        enable_fallback=False)


def _many(file: bytes, description: Mapping[str, str]) -> bytes:
    """The graph for many frames: the weights that ``file`` begins with, and its own nodes."""
    return file[:int(description["weights"])] + base64.b64decode(description["many"])


def _is_percepnet(session: Any, frames: int | str) -> bool:
    """Whether it takes and gives what ``graph.write`` says."""
    inputs, results = session.get_inputs(), session.get_outputs()
    takes, gives = ([(value.type, value.shape) for value in values] for values in (inputs, results))
    return ([value.name for value in inputs] == ["features", "state", "past"]
            and takes[0] == ("tensor(float)", [frames, FEATURES])
            and gives == [("tensor(float)", [frames, 2 * BANDS]), *takes[1:]]
            and all(kind in _KINDS and set(map(type, shape)) == {int} for kind, shape in takes[1:]))
