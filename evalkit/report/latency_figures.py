"""Figures of how late words come: the share of words that have come by a time, by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from evalkit.core.text import short
from evalkit.report.figures import COLOURS, INK, drawn

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CURVES = 6
"""Groups that a figure shows: those with the most words."""
_DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)))
_SHOWN = (0.002, 0.99)
"""Shares of all words between which the axis is: a few that come very late would squeeze all."""


def latency_curves(late: Mapping[str, np.ndarray], everybody: np.ndarray, name: str, title: str
                   ) -> Markup:
    """A curve for each group's latencies ``late``, in ms, and one for those of ``everybody``: what
    share of the words had been shown by then. ``name`` is unique on the page."""
    most = sorted(late, key=lambda group: (-len(late[group]), group))[:MOST_CURVES]
    groups = [group for group in late if group in most]
    return drawn(partial(_panel, groups=groups, late=late, everybody=everybody), (5.2, 3.4), name,
                 title)


def _panel(figure: Figure, *, groups: Sequence[str], late: Mapping[str, np.ndarray],
           everybody: np.ndarray) -> None:
    axes = figure.subplots()
    curves = [("all words", everybody, INK, "-", 2.2)] + [
        (short(group, 24), late[group], COLOURS[i % len(COLOURS)], _DASHES[i % len(_DASHES)], 1.5)
        for i, group in enumerate(groups)]
    for label, values, colour, dashes, width in curves:
        axes.ecdf(values, color=colour, linestyle=dashes, linewidth=width, label="\u200b" + label)
    low, high = np.quantile(everybody, _SHOWN)
    room = 0.03 * (high - low) or 10.0
    axes.set(xlim=(min(0.0, low) - room, high + room), ylim=(0, 1),
             xlabel="ms from the end of a word until it was shown",
             ylabel="share of the correct words")
    axes.axhline(0.5, color=INK, linewidth=0.6, linestyle=":")
    axes.axhline(0.9, color=INK, linewidth=0.6, linestyle=":")
    axes.grid()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0)
    axes.figure.legend(loc="outside upper left", frameon=False, ncols=3, handletextpad=0.4,
                       columnspacing=1.2)
