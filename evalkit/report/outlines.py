"""Drawings in few characters."""

from __future__ import annotations

import re
from collections.abc import Iterator

_LONG = re.compile(r"(\.\d\d)\d+")
"""Hundredths of a point are enough for a curve."""
_PART = re.compile(r"[A-Za-z]|-?[\d.]+(?:e-?\d+)?")


def shorter(outline: str) -> str:
    """The same ``d`` of a path: straight lines from point to point, to a tenth of a point, others
    to hundredths."""
    if set(re.findall("[A-Za-z]", outline)) <= set("MLz") and outline.strip().startswith("M"):
        return "".join(_steps(outline))
    return re.sub(r"\s*([A-Za-z])\s+", r"\1", _LONG.sub(r"\1", outline)).strip()


def _steps(outline: str) -> Iterator[str]:
    """Every line by how far it goes."""
    parts = iter(_PART.findall(outline))
    x = y = 0
    start = x, y
    for letter in parts:
        if letter == "z":
            yield "z"
            x, y = start
        else:
            to = round(10 * float(next(parts))), round(10 * float(next(parts)))
            if letter == "M":
                yield "M" + _pair(*to)
                start = to
            elif to != (x, y):
                yield "l" + _pair(to[0] - x, to[1] - y)
            x, y = to


def _pair(x: int, y: int) -> str:
    """Two numbers of tenths."""
    second = _tenths(y)
    return _tenths(x) + ("" if second.startswith("-") else " ") + second


def _tenths(n: int) -> str:
    return f"{n / 10:g}".replace("0.", ".", 1) if abs(n) < 10 else f"{n / 10:g}"
