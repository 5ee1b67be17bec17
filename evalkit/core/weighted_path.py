"""The cheapest path between two sequences where a substitution and a gap cost differently.

Compiled by Numba when it is first imported on a machine, and kept beside the module or in the
user's cache. Of equally cheap paths it is the one of NIST's sclite, which prefers, tracing back
from the end, the diagonal, then an insertion, then a deletion."""

from __future__ import annotations

import numpy as np
from numba import njit

from evalkit.core.compiled import compiled

CELLS = 2000 * 2000
"""Pairs of tokens whose last steps are kept at a time, a byte each. Where there are more, it is
first found where the path crosses the middle row (Hirschberg 1975, the crossing carried along), so
that memory is linear in the longer sequence."""
NAMES = ("equal", "replace", "delete", "insert")
"""Of the steps of a path, which are numbers."""
HIT, SUBSTITUTION, DELETION, INSERTION = range(4)


@njit
def crossing(ref, hyp, middle, substitution, gap):  # type: ignore[no-untyped-def]
    """The column in which the path to the end enters row ``middle`` from below."""
    width = len(hyp) + 1
    cost = np.arange(0, gap * width, gap).astype(np.int32)
    column = np.arange(width).astype(np.int32)
    for i in range(len(ref)):
        diagonal, from_diagonal = cost[0], column[0]
        cost[0] += gap
        for j in range(1, width):
            least = diagonal + (substitution if ref[i] != hyp[j - 1] else 0)
            crossed = from_diagonal
            diagonal, from_diagonal = cost[j], column[j]
            if cost[j - 1] + gap < least:
                least, crossed = cost[j - 1] + gap, column[j - 1]
            if diagonal + gap < least:
                least, crossed = diagonal + gap, from_diagonal
            cost[j] = least
            column[j] = crossed if i >= middle else j
    return column[-1]


@njit
def steps(ref, hyp, substitution, gap):  # type: ignore[no-untyped-def]
    """The last step of the path to every pair of tokens."""
    cost = np.arange(0, gap * (len(hyp) + 1), gap).astype(np.int32)
    last = np.empty((len(ref), len(hyp)), np.uint8)
    for i in range(len(ref)):
        diagonal = cost[0]
        cost[0] += gap
        for j in range(len(hyp)):
            step = HIT if ref[i] == hyp[j] else SUBSTITUTION
            least = diagonal + substitution * step
            diagonal = cost[j + 1]
            if cost[j] + gap < least:
                least, step = cost[j] + gap, INSERTION
            if diagonal + gap < least:
                least, step = diagonal + gap, DELETION
            cost[j + 1], last[i, j] = least, step
    return last


@njit
def trace(last, path, end):  # type: ignore[no-untyped-def]
    """Writes the path that ends in the ``last`` steps before place ``end`` of ``path``; where it
    begins there."""
    i, j = last.shape
    while i or j:
        step = INSERTION if i == 0 else DELETION if j == 0 else last[i - 1, j - 1]
        end -= 1
        path[end] = step
        i -= step != INSERTION
        j -= step != DELETION
    return end


@njit
def located(path):  # type: ignore[no-untyped-def]
    """(errors, 3): the steps that are no hit, and where they are in both sequences."""
    errors = np.empty((np.count_nonzero(path), 3), np.int32)
    i = j = found = 0
    for step in path:
        if step != HIT:
            errors[found, 0], errors[found, 1], errors[found, 2] = step, i, j
            found += 1
        i += step != INSERTION
        j += step != DELETION
    return errors


@compiled("int32[:, ::1](int32[::1], int32[::1], int32, int32, int64)")
def errors(ref, hyp, substitution, gap, cells):  # type: ignore[no-untyped-def]
    """The errors of the cheapest path between two sequences of numbers, (errors, 3): what each is
    and where it is in both. The last steps to ``cells`` pairs of tokens are kept at a time."""
    path = np.empty(len(ref) + len(hyp), np.uint8)
    end = len(path)
    left = [(0, 0, len(ref), len(hyp))]
    while left:
        top, start, bottom, stop = left.pop()
        rows, columns = ref[top:bottom], hyp[start:stop]
        if len(rows) < 2 or len(rows) * len(columns) <= cells:
            end = trace(steps(rows, columns, substitution, gap), path, end)
        else:
            middle = len(rows) // 2
            column = crossing(rows, columns, middle, substitution, gap)
            left.append((top, start, top + middle, start + column))
            left.append((top + middle, start + column, bottom, stop))
    return located(path[end:])
