"""RNNoise, from the package pyrnnoise."""

from __future__ import annotations

import ctypes
import weakref
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count, takewhile

import numpy as np

from evalkit.core.protocols import AudioStream
from evalkit.core.types import Audio, Cost
from evalkit.systems.framed import Framed, whole
from evalkit.systems.identity import folder_of, require, stamp

_BYTES = {"float": 4, "int8": 1, "diag": 4}
"""Of a number, by the ending of an array's name."""


class _Array(ctypes.Structure):
    """A line of RNNoise's table of weights (its WeightArray)."""

    _fields_ = (("name", ctypes.c_char_p), ("kind", ctypes.c_int), ("size", ctypes.c_int),
                ("data", ctypes.c_void_p))


@dataclass(frozen=True)
class RNNoise:
    """RNNoise (Valin 2018, arXiv:1709.08243), from the package pyrnnoise.

    It works at 48 kHz in frames of 10 ms; what comes out is two frames late, as measured."""

    rate = 48_000
    delay = 0.02
    batch = 1

    def __post_init__(self) -> None:
        require("pyrnnoise")

    @property
    def identity(self) -> str:
        libraries = [path for path in folder_of("pyrnnoise").iterdir()
                     if path.suffix in {".so", ".dylib", ".dll"}]
        return f"{self!r} {stamp('pyrnnoise', libraries)}"

    @property
    def cost(self) -> Cost:
        """Of the network that is compiled into the library, by the table of it that the library
        exports."""
        from pyrnnoise.rnnoise import FRAME_SIZE, lib

        sizes = _table(lib)
        if not sizes:
            return Cost(unknown="its network is compiled into the library, which does not say")
        products, added = _numbers(sizes)
        return Cost(products + added, sum(sizes.values()), products * self.rate / FRAME_SIZE)

    def enhance(self, batch: Sequence[Audio]) -> list[Audio]:
        """Each longer than its input by the delay, so that its end is not lost."""
        return [whole(self.open(speech.rate), speech) for speech in batch]

    def open(self, rate: int) -> AudioStream:
        """A stream at 48 kHz, late by ``delay``."""
        from pyrnnoise.rnnoise import FRAME_SIZE, create, destroy

        state = create()
        stream = Framed(FRAME_SIZE, round(self.delay * rate), partial(_process, state))
        weakref.finalize(stream, destroy, state)
        return stream


def _process(state: int, frame: np.ndarray) -> np.ndarray:
    """What comes of the next frame."""
    from pyrnnoise.rnnoise import lib

    # The package's own framing rounds to 16 bits and wraps around where it overshoots.
    made = frame * np.float32(32768)
    place = (ctypes.c_float * len(made)).from_buffer(made.data)
    lib.rnnoise_process_frame(state, place, place)
    return made / np.float32(32768)


def _table(library: ctypes.CDLL) -> dict[str, int]:
    """The arrays of the network by name, in bytes; empty for a library that has no table."""
    try:
        place = ctypes.addressof(ctypes.c_char.in_dll(library, "rnnoise_arrays"))
    except ValueError:
        return {}
    lines = (_Array.from_address(place + i * ctypes.sizeof(_Array)) for i in count())
    return {line.name.decode(): line.size for line in takewhile(lambda line: line.name, lines)}


def _numbers(sizes: Mapping[str, int]) -> tuple[int, int]:
    """Weights that inputs are multiplied by, each once a frame, and those that are added. A matrix
    is there in floats, in 8-bit integers, or in both."""
    products: Counter[str] = Counter()
    added = 0
    for name, size in sizes.items():
        layer, _, kind = name.rpartition("_weights_")
        if kind in _BYTES:
            key = f"{layer} diagonal" if kind == "diag" else layer
            products[key] = max(products[key], size // _BYTES[kind])
        elif name.endswith("_bias"):
            added += size // 4
    return sum(products.values()), added
