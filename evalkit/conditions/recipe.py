"""What a condition draws and what names it: both follow from its options alone."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from evalkit.audio import RESAMPLER


def number(*parts: object) -> int:
    """A number to seed with, or to draw lots by, that follows from ``parts``."""
    return int.from_bytes(hashlib.sha256(json.dumps(parts).encode()).digest()[:16], "big")


def identity(said: str, *parts: object) -> str:
    """``said``, and a digest of ``parts`` and of the packages that make the samples."""
    text = json.dumps([RESAMPLER, np.__version__, *parts])
    return f"{said} {hashlib.sha256(text.encode()).hexdigest()[:16]}"
