"""The arrays of real numbers in a file of PercepNet's weights, read without the package onnx.

A file is a message of protobuf: fields one after another, each a tag and what it holds, which may
be a message again (protobuf.dev/programming-guides/encoding). Of ONNX's messages a model has a
graph, a graph its initializers, and each of these a kind, a name and its numbers.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

GRAPH, INITIALIZER = 7, 5
KIND, NAME, NUMBERS, BYTES = 2, 8, 4, 9
"""Fields of a tensor; its numbers are in one of the last two."""
FLOAT = 1
"""The kind of 32-bit floats."""
_FIXED = {1: 8, 5: 4}
"""Bytes of what has no length of its own."""


def real(file: bytes) -> Iterator[tuple[str, np.ndarray]]:
    """Names and float32 numbers (n,) of the initializers of a file of ONNX. Raises ValueError for
    what is none."""
    for graph in _messages(memoryview(file), GRAPH):
        for tensor in _messages(graph, INITIALIZER):
            parts = dict(_fields(tensor))
            if parts.get(KIND) == FLOAT:
                name, numbers = bytes(parts.get(NAME, b"")), parts.get(BYTES, parts.get(NUMBERS))
                yield name.decode(), np.frombuffer(bytes(numbers or b""), "<f4")


def _messages(message: memoryview, wanted: int) -> Iterator[memoryview]:
    return (value for number, value in _fields(message)
            if number == wanted and isinstance(value, memoryview))


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """Numbers of fields, and what they hold: numbers, or bytes."""
    at = 0
    while at < len(message):
        tag, at = _number(message, at)
        kind = tag & 7
        if kind == 0:
            value, at = _number(message, at)
            yield tag >> 3, value
            continue
        size, at = (_FIXED[kind], at) if kind in _FIXED else _number(message, at)
        if kind not in (2, *_FIXED) or at + size > len(message):
            raise ValueError("no message of protobuf")
        yield tag >> 3, message[at:at + size]
        at += size


def _number(message: memoryview, at: int) -> tuple[int, int]:
    """One of seven bits a byte, the lowest first, and where it ends."""
    value = shift = 0
    while at < len(message):
        value |= (message[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if message[at - 1] < 128:
            return value, at
    raise ValueError("a message of protobuf ends too early")
