"""Coastlines, and maps of speakers and regions over them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

import numpy as np

from evalkit.report.colour_scale import ColourScale, dots
from evalkit.report.figures import HEAT, INK, LINE, PAPER

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARGIN = 0.08
"""Of a window, around what it shows, as a share of its size."""
DETAIL = 400
"""Steps across a window that a coastline is drawn in."""
_LABEL = 0.04
"""How far labels are apart at least, as a share of a window's size."""
_LEAST = 0.4
"""Degrees that a window extends at least."""


@dataclass(frozen=True)
class Window:
    """A rectangle in degrees east and north."""

    west: float
    south: float
    east: float
    north: float

    @property
    def across(self) -> float:
        """Its width over its height on the ground."""
        middle = math.radians((self.south + self.north) / 2)
        return math.cos(middle) * (self.east - self.west) / (self.north - self.south)

    def grown(self, share: float) -> Window:
        """Larger by ``share`` of its size on every side."""
        x = share * max(self.east - self.west, _LEAST)
        y = share * max(self.north - self.south, _LEAST)
        return Window(self.west - x, max(self.south - y, -90.0), self.east + x,
                      min(self.north + y, 90.0))


@dataclass(frozen=True)
class Region:
    """A region's ``bounds``, west, south, east, north, west the larger across the dateline; its
    label, and places within, (n, 2) in degrees east and north, at one of which that stands."""

    label: str
    bounds: Sequence[float]
    members: np.ndarray

    @property
    def rings(self) -> list[np.ndarray]:
        """Closed, (5, 2); two where the dateline lies between."""
        west, south, east, north = map(float, self.bounds)
        spans = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
        return [np.array([[a, south], [b, south], [b, north], [a, north], [a, south]])
                for a, b in spans]

    def places(self, window: Window) -> np.ndarray:
        """The members in the window, those nearest to the median of them first."""
        x, y = self.members.T
        inside = self.members[(x >= window.west) & (x <= window.east)
                              & (y >= window.south) & (y <= window.north)]
        away = np.abs(inside - np.median(inside, axis=0)).sum(axis=1) if len(inside) else []
        return inside[np.argsort(away, kind="stable")]


def windows(places: np.ndarray) -> list[Window]:
    """One around all places, (n, 2) in degrees east and north, and, where most of them crowd in a
    part of it, a second around those."""
    crowd = _crowd(places)
    shown = [places] if len(crowd) == len(places) else [places, crowd]
    return [_around(part) for part in shown]


def _around(places: np.ndarray) -> Window:
    """No narrower than it is high, so that coasts can be recognised."""
    window = Window(*places.min(axis=0), *places.max(axis=0)).grown(MARGIN)
    more = max(0.0, 1 / window.across - 1) * (window.east - window.west) / 2
    return Window(window.west - more, window.south, window.east + more, window.north)


def _crowd(places: np.ndarray) -> np.ndarray:
    """Most of the places: while they extend over a quarter of the whole, the larger part on one
    side of a gap that is wider than half of their extent, as long as that holds half of all."""
    crowd, whole = places, np.maximum(np.ptp(places, axis=0), _LEAST)
    while np.any(np.ptp(crowd, axis=0) > whole / 4):
        parts = [part for axis in (0, 1) for part in _parted(crowd, axis)]
        larger = max(parts, key=len, default=crowd[:0])
        if 2 * len(larger) < len(places):
            break
        crowd = larger
    return crowd


def _parted(places: np.ndarray, axis: int) -> list[np.ndarray]:
    """Both sides of the widest gap; nothing where that is less than half of the extent."""
    ordered = places[np.argsort(places[:, axis], kind="stable")]
    gaps = np.diff(ordered[:, axis])
    if not len(gaps) or 2 * gaps.max() <= gaps.sum():
        return []
    return np.split(ordered, [int(gaps.argmax()) + 1])


def map_of(figure: Figure, *, window: Window, places: np.ndarray, classes: np.ndarray,
           colours: ColourScale, regions: Sequence[Region]) -> None:
    """Land, regions, and a dot for every place, as large and dark as its class of ``colours``."""
    axes = figure.subplots()
    _land_and_labels(axes, window, regions)
    dots(axes, places, classes)
    for ring in (ring for region in regions for ring in region.rings):
        axes.plot(*ring.T, color=INK, linewidth=0.9, linestyle="--")
    colours.legend(figure)


def shaded(axes: Axes, window: Window, regions: Sequence[Region], classes: np.ndarray) -> None:
    """Land, and over it the regions, as dark as their classes of a ColourScale; the smaller lie
    upon the larger."""
    _land_and_labels(axes, window, regions)
    rings = [(ring, shade) for region, shade in zip(regions, classes, strict=True)
             for ring in region.rings]
    for ring, shade in sorted(rings, key=lambda one: -float(np.prod(np.ptp(one[0], axis=0)))):
        axes.fill(*ring.T, facecolor=HEAT[shade] if shade >= 0 else "none", edgecolor=INK,
                  linewidth=0.9, alpha=0.75)


def _land_and_labels(axes: Axes, window: Window, regions: Sequence[Region]) -> None:
    for ring in coastlines(window):
        axes.fill(*ring.T, facecolor=LINE, edgecolor=LINE, linewidth=0.6, alpha=0.6)
    for label, place in _legible(regions, window):
        axes.text(place[0], place[1], label, ha="center", va="center", fontsize=8, zorder=5,
                  bbox={"facecolor": PAPER, "edgecolor": INK, "linewidth": 0.6, "pad": 1.6})
    axes.set(xlim=(window.west, window.east), ylim=(window.south, window.north),
             aspect=1 / max(0.1, math.cos(math.radians((window.south + window.north) / 2))),
             xlabel="degrees east", ylabel="degrees north")
    axes.tick_params(length=0)


def _legible(regions: Sequence[Region], window: Window) -> list[tuple[str, np.ndarray]]:
    """Labels, each at a member of its region where it covers no label of a region before."""
    apart = _LABEL * np.array([window.east - window.west, window.north - window.south])
    shown: list[tuple[str, np.ndarray]] = []
    for region in regions:
        clear = (place for place in region.places(window) if region.label and all(
            np.any(np.abs(place - other) > apart) for _, other in shown))
        place = next(clear, None)
        if place is not None:
            shown.append((region.label, place))
    return shown


def coastlines(window: Window) -> Iterator[np.ndarray]:
    """The land within ``window`` and a little around it, as closed rings (n, 2)."""
    wide = window.grown(0.05)
    step = max(wide.east - wide.west, wide.north - wide.south) / DETAIL
    for ring in _land():
        (west, south), (east, north) = ring.min(axis=0), ring.max(axis=0)
        if west > wide.east or east < wide.west or south > wide.north or north < wide.south:
            continue
        for axis, bound, sign in ((0, wide.west, 1), (0, wide.east, -1), (1, wide.south, 1),
                                  (1, wide.north, -1)):
            ring = _cut(ring, axis, bound, sign)  # noqa: PLW2901
        coarse = np.rint(ring / step)
        ring = ring[np.any(coarse != np.roll(coarse, 1, axis=0), axis=1)]  # noqa: PLW2901
        if len(ring) > 2:
            yield ring


def _cut(ring: np.ndarray, axis: int, bound: float, sign: int) -> np.ndarray:
    """The part of a ring on one side of a line (Sutherland & Hodgman 1974)."""
    after = np.roll(ring, -1, axis=0)
    height, next_height = (sign * (points[:, axis] - bound) for points in (ring, after))
    inside, crossing = height >= 0, (height >= 0) != (next_height >= 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (height / (height - next_height))[:, None]
        between = ring + share * (after - ring)
    both = np.stack([ring, between], axis=1)
    return both[np.stack([inside, crossing], axis=1)]


@cache
def _land() -> list[np.ndarray]:
    """Closed rings of degrees east and north, (n, 2) each; land.txt says where from."""
    with as_file(files("evalkit.report") / "land.npz") as path, np.load(path) as found:
        points = np.cumsum(found["increments"].astype(np.int32), axis=0) * float(found["step"])
        return np.split(points, found["starts"][1:])
