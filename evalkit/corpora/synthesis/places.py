"""Where the speakers of a synthetic corpus live, and a table of their postcodes.

Around each city lies a square grid of CELLS x CELLS postcodes; the attributes of their
populations are drawn, not observed.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from pydantic import Field

from evalkit.core.strict import Strict

CELLS = 4
SHARES = ("share_degree", "share_over_60", "share_movers")
"""Attributes of a postcode's population, from 0 to 1: a city's own mean, spread over its cells."""
CONCENTRATION = 12
"""Of the beta distribution of a share within a city: its standard deviation is about 0.13."""


class City(Strict):
    """A city's centre in degrees, and the letters that its postcodes begin with."""

    place: str
    area: str = Field(pattern="^[A-Z]{1,4}$")
    latitude: float = Field(ge=-85, le=85)
    longitude: float = Field(ge=-180, le=180)


def home(city: City, spread: float, rng: np.random.Generator) -> dict[str, str | float]:
    """Place, coordinates and postcode of a home drawn uniformly from the disc of radius
    ``spread`` degrees around the centre."""
    distance, angle = spread * math.sqrt(rng.random()), 2 * math.pi * rng.random()
    north, east = distance * math.sin(angle), distance * math.cos(angle)
    return {"place": city.place, "latitude": round(city.latitude + north, 4),
            "longitude": round(city.longitude + east, 4),
            "postcode": _postcode(city, _cell(north, spread), _cell(east, spread))}


def write_postcodes(path: Path, cities: Iterable[City], spread: float,
                    rng: np.random.Generator) -> None:
    """Writes the table ``postcode, latitude, longitude, population`` and SHARES of every cell;
    coordinates are those of its centre."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["postcode", "latitude", "longitude", "population", *SHARES])
        for city in cities:
            means = rng.uniform(0.2, 0.6, len(SHARES))
            for row in range(CELLS):
                for column in range(CELLS):
                    shares = rng.beta(CONCENTRATION * means, CONCENTRATION * (1 - means))
                    table.writerow([
                        _postcode(city, row, column),
                        round(city.latitude + _centre(row, spread), 4),
                        round(city.longitude + _centre(column, spread), 4),
                        int(rng.lognormal(9.5, 0.6)), *shares.round(3).tolist()])


def _cell(offset: float, spread: float) -> int:
    return min(CELLS - 1, int((offset + spread) / (2 * spread) * CELLS))


def _centre(cell: int, spread: float) -> float:
    return (2 * (cell + 0.5) / CELLS - 1) * spread


def _postcode(city: City, row: int, column: int) -> str:
    return f"{city.area}{row + 1}{column + 1}"
