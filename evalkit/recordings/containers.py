"""What a container says of the audio within it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Container:
    """What a file says of itself.

    ``hole``: why audio is missing within it; ``cut``: why audio is missing at its end, or may be.
    One line each, None where nothing says so. ``stated`` and ``there`` are bytes of audio, and
    ``frames`` samples of each channel that must come, None where the container does not say.
    ``unclosed``: where the length of the data would stand, were it not 0, and how it is written."""

    hole: str | None = None
    cut: str | None = None
    stated: int | None = None
    there: int = 0
    frames: int | None = None
    unclosed: tuple[int, str] | None = None
