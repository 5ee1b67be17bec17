"""Sums of the parts of every group in many relabellings, in one pass over the labels.

Compiled by Numba when it is first imported on a machine (evalkit.core.compiled)."""

from __future__ import annotations

import numpy as np

from evalkit.core.compiled import compiled


@compiled("f8[:, :, ::1](i8[:, :], f8[:, ::1], i8)")
def added_up(labels, values, groups):  # type: ignore[no-untyped-def]
    """Of every relabelling (rows, parts) the sums of ``values`` (parts, 5) over the parts of each
    group, and the number of these, (6, rows, groups): added in the order of the parts, as
    ``numpy.bincount`` adds them."""
    rows, parts = labels.shape
    sums = np.zeros((6, rows, groups))
    one = np.zeros((groups, 6))
    for row in range(rows):
        one[:] = 0.0
        for part in range(parts):
            group = labels[row, part]
            for column in range(5):
                one[group, column] += values[part, column]
            one[group, 5] += 1.0
        sums[:, row] = one.T
    return sums
