"""A scale of how bad something is: classes that are larger and darker the worse they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from evalkit.core.text import number
from evalkit.core.types import Fact
from evalkit.report.figures import HEAT, PAPER

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIZES = np.array([14.0, 22.0, 32.0, 44.0, 58.0, 74.0])
"""Points², one for each colour."""


@dataclass(frozen=True)
class ColourScale:
    """Classes of a metric's values: ``edges`` rise, and there is one class more than edges.
    Class 0 is the best, whichever direction of the metric that is."""

    edges: Sequence[float]
    fact: Fact

    def classes(self, values: np.ndarray) -> np.ndarray:
        """The class of every value, -1 where it is undefined."""
        found = np.searchsorted(self.edges, values, side="right")
        if self.fact.higher_is_better:
            found = len(self.edges) - found
        return np.where(np.isfinite(values), found, -1)

    @property
    def labels(self) -> list[str]:
        """What every class spans, such as "10.0 to 15.0"."""
        scale = self.fact.scale
        whole = all(abs(scale * edge - round(scale * edge)) < 1e-6 for edge in self.edges)
        fact = replace(self.fact, decimals=0) if whole else self.fact
        shown = [number(edge, fact) for edge in self.edges]
        if not shown:
            return ["all alike"]
        between = [f"{low} to {high}" for low, high in pairwise(shown)]
        labels = [f"< {shown[0]}", *between, f"≥ {shown[-1]}"]
        return labels[::-1] if self.fact.higher_is_better else labels

    def legend(self, figure: Figure, of: str = "speaker") -> None:
        """The classes, above the figure; ``of`` says whose values they are."""
        from matplotlib.lines import Line2D

        handles = [Line2D([], [], linestyle="none", marker="o", color=colour,
                          markersize=float(np.sqrt(size)), markeredgecolor=PAPER)
                   for colour, size in zip(HEAT, _SIZES[:len(self.labels)], strict=False)]
        unit = f", {self.fact.unit}" if self.fact.unit else ""
        figure.legend(handles, self.labels, loc="outside upper left", frameon=False, ncols=3,
                      title=f"rate of a {of}{unit}" if self.fact.scale > 1 else f"mean of a {of}",
                      handletextpad=0.2, columnspacing=1.2, alignment="left")


def colour_scale(values: np.ndarray, fact: Fact) -> ColourScale:
    """A scale for these values: round edges, at most as many as there are colours less one."""
    from matplotlib.ticker import MaxNLocator

    known = values[np.isfinite(values)]
    if not len(known) or np.ptp(known) == 0:
        return ColourScale((), fact)
    low, high = np.quantile(known, [0.05, 0.95]) if len(known) > 20 else (known.min(), known.max())
    ticks = MaxNLocator(len(HEAT) - 1, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    inner = [float(tick) for tick in ticks if known.min() < tick < known.max()]
    return ColourScale(tuple(inner[-(len(HEAT) - 1):]), fact)


def dots(axes: Axes, places: np.ndarray, classes: np.ndarray) -> None:
    """A dot for every place (n, 2) by its class, the worst on top; none where that is -1."""
    for i in range(max(classes, default=-1) + 1):
        chosen = places[classes == i]
        axes.scatter(chosen[:, 0], chosen[:, 1], s=_SIZES[i], c=HEAT[i], edgecolors=PAPER,
                     linewidths=0.5, zorder=3 + i / 10)
