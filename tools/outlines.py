"""Makes evalkit/report/land.npz, the coastlines of the report's maps, from TopoJSON.

    npm pack world-atlas && tar xf world-atlas-*.tgz
    python tools/outlines.py package/land-50m.json evalkit/report/land.npz
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

STEP = 0.02
"""Degrees to which coordinates are rounded: finer than a line on any of the maps is wide."""
SMALLEST = 0.1
"""Degrees that an island must extend in one direction."""


def arcs(topology: dict[str, Any]) -> list[np.ndarray]:
    """Every arc as degrees east and north, (n, 2): deltas of integers, scaled and shifted."""
    scale, shift = (np.array(topology["transform"][name]) for name in ("scale", "translate"))
    return [np.cumsum(arc, axis=0) * scale + shift for arc in topology["arcs"]]


def rings(topology: dict[str, Any]) -> Iterator[np.ndarray]:
    """The closed lines of all polygons; arc ~i is arc i backwards, and the last point of an arc
    is the first of the next."""
    known = arcs(topology)
    for geometry in topology["objects"]["land"]["geometries"]:
        for polygon in geometry["arcs"]:
            for ring in polygon:
                parts = [known[i] if i >= 0 else known[~i][::-1] for i in ring]
                yield np.concatenate([parts[0], *(part[1:] for part in parts[1:])])


def rounded(ring: np.ndarray) -> np.ndarray:
    """In steps, without points that fall together with the one before."""
    steps = np.rint(ring / STEP).astype(np.int16)
    changed = np.any(np.diff(steps, axis=0) != 0, axis=1)
    return steps[np.append(True, changed)]


def main(source: Path, target: Path) -> None:
    """Writes the increments of all points one after another, which compress well, and where in
    them each ring begins."""
    topology = json.loads(source.read_text(encoding="utf-8"))
    kept = [rounded(ring) for ring in rings(topology) if np.ptp(ring, axis=0).max() >= SMALLEST]
    points = np.concatenate(kept).astype(np.int32)
    starts = np.cumsum([0, *map(len, kept[:-1])]).astype(np.int32)
    increments = np.diff(points, axis=0, prepend=np.zeros((1, 2), np.int32)).astype(np.int16)
    np.savez_compressed(target, increments=increments, starts=starts, step=np.float64(STEP))
    print(f"{target}: {len(kept)} rings, {len(points)} points, {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
