"""Loops: a recognizer that says the same words again and again.

A loop is a sequence of 1 to LONGEST words that stands in the hypothesis TIMES or more times in a
row, and more often in a row than the same sequence stands anywhere in the reference: who says
"no no no" is not looping, nor is a recognizer that writes it down.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

LONGEST = 10
TIMES = 3


class Loop(NamedTuple):
    """``words`` stand ``times`` times in a row."""

    words: tuple[str, ...]
    times: int


def loop(hypothesis: Sequence[str], reference: Sequence[str]) -> Loop | None:
    """The loop of ``hypothesis`` that covers most words; of several such the one of the fewest
    words, then the first. None where there is none."""
    if len(hypothesis) - len(set(hypothesis)) < TIMES - 1:  # no word stands there TIMES times
        return None
    found = [each for n in range(1, min(LONGEST, len(hypothesis) // TIMES) + 1)
             for each in _repeated(hypothesis, n) if each.times > _in_a_row(reference, each.words)]
    return max(found, key=lambda each: each.times * len(each.words), default=None)


def _repeated(tokens: Sequence[str], n: int) -> list[Loop]:
    """Every sequence of ``n`` tokens that stands TIMES or more times in a row, with how often."""
    found, start = [], 0
    for i in range(n, len(tokens) + 1):
        if i == len(tokens) or tokens[i] != tokens[i - n]:
            times = (i - start) // n
            if times >= TIMES:
                found.append(Loop(tuple(tokens[start:start + n]), times))
            start = i - n + 1
    return found


def _in_a_row(tokens: Sequence[str], words: tuple[str, ...]) -> int:
    """How often ``words`` stand in a row at most."""
    most = 0
    for start in range(len(tokens)):
        times, i = 0, start
        while tuple(tokens[i:i + len(words)]) == words:
            times, i = times + 1, i + len(words)
        most = max(most, times)
    return most
