"""What one kind of trouble came to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tried:
    """``n`` attempts of one kind; ``bad`` is a line for each whose end was not what it should be:
    something lost, hidden, wrong or endless."""

    what: str
    n: int
    bad: tuple[str, ...] = ()
