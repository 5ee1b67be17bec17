"""Running PercepNet's network with ONNX Runtime, frames at a time, on one thread."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from evalkit.core.errors import ConfigError, one_line
from evalkit.models.percepnet.bands import BANDS


@dataclass(frozen=True)
class NetworkState:
    """What the network remembers of the frames so far."""

    states: tuple[np.ndarray, ...]


class Runtime:
    """A file that ``graph.write`` wrote. Raises ConfigError where it is something else."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(path), options,
                                                         ["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's errors have no common class of their own.
            raise ConfigError(f"{path}: no network of PercepNet: {one_line(error)}; give the file "
                              "of a trained one") from error
        inputs = self._session.get_inputs()
        self._names = [value.name for value in inputs]
        self._shapes = [value.shape for value in inputs[1:]]
        self._results = [value.name for value in self._session.get_outputs()]
        if self._names[0] != "features":
            raise ConfigError(f"{path}: no network of PercepNet; give the file of a "
                              "trained one")
        self.bandwidth = self._described("bandwidth", path)
        """Hz above which the network has learnt nothing."""

    def _described(self, name: str, path: Path) -> float:
        """A number above 0 in the file's description; infinite where that has none."""
        text = self._session.get_modelmeta().custom_metadata_map.get(name, "inf")
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not value > 0:
            raise ConfigError(f"{path}: its {name} is {one_line(repr(text))}, no number above 0; "
                              "give the file of a trained network")
        return value

    def start(self) -> NetworkState:
        """Of silence."""
        return NetworkState(tuple(np.zeros(shape, np.float32) for shape in self._shapes))

    def run(self, features: np.ndarray, memory: NetworkState
            ) -> tuple[np.ndarray, np.ndarray, NetworkState]:
        """Gains and strengths, (n, BANDS) each, of the n frames of ``features`` (n, FEATURES)
        that follow what ``memory`` has heard, and the memory after them."""
        if not len(features):
            return np.zeros((0, BANDS), np.float32), np.zeros((0, BANDS), np.float32), memory
        values = (np.asarray(features, np.float32), *memory.states)
        gains, strengths, *states = self._session.run(
            self._results, dict(zip(self._names, values, strict=True)))
        return gains, strengths, NetworkState(tuple(states))
