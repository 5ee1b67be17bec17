"""Labels in one form: genders, ages, countries and accents as people write them, and places with
their coordinates. The label that was given stays beside it, in the column NAME_as_given."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evalkit.core.errors import ConfigError
from evalkit.core.ledger import LeftOut, merged
from evalkit.core.names import offer
from evalkit.core.types import AS_GIVEN, Utterance
from evalkit.corpora.readers.base import GENDERS
from evalkit.results.gazetteer import Place, gazetteer, plain

Kept = tuple[tuple[Utterance, ...], list[LeftOut]]
FOUND = ("place_found", "latitude", "longitude")
"""The columns of a place."""
LISTED = 1000
"""Labels of a column that a run's record lists."""
NOT_SAID = frozenset({
    "", "unknown", "n a", "na", "nan", "none", "null", "not specified", "unspecified",
    "not provided", "prefer not to say", "do not wish to say", "undisclosed"})
"""What stands for no answer, as ``plain`` makes it."""
_GENDERS = {plain(label): gender for label, gender in GENDERS.items()} | {
    "man": "male", "masculine": "male", "mannlich": "male", "woman": "female", "w": "female",
    "feminine": "female", "weiblich": "female", "other": "other", "non binary": "other",
    "nonbinary": "other", "divers": "other", "intersex": "other", "transgender": "other"}
_AGES = {"teens": (10, 19), "twenties": (20, 29), "thirties": (30, 39), "forties": (40, 49),
         "fourties": (40, 49), "fifties": (50, 59), "sixties": (60, 69), "seventies": (70, 79),
         "eighties": (80, 89), "nineties": (90, 99), "child": (0, 17), "adult": (18, None)}
"""Of Common Voice, and of corpora that tell children from adults."""
_OLDEST = 120
_YEARS = re.compile(r"\s*(\d{1,3})(?:\.\d+)?\s*(?:y|yrs?|years?)?(?: old)?\s*", re.IGNORECASE)
_RANGE = re.compile(r"\s*(\d{1,3})\s*(?:-|\u2013|to)\s*(\d{1,3})\s*(?:y|yrs?|years?)?\s*",
                    re.IGNORECASE)
_FROM = re.compile(r"\s*(?:(>=|>|over)\s*(\d{1,3})|(\d{1,3})\s*\+)\s*(?:y|yrs?|years?)?\s*",
                   re.IGNORECASE)
_BELOW = re.compile(r"\s*(<=|<|under)\s*(\d{1,3})\s*(?:y|yrs?|years?)?\s*", re.IGNORECASE)
_DECADE = re.compile(r"\s*(\d)0s\s*", re.IGNORECASE)
_ACCENTS = {
    "united states english": "us", "american": "us", "american english": "us",
    "england english": "england", "british": "england", "british english": "england",
    "india and south asia india pakistan sri lanka": "indian", "indian english": "indian",
    "australian english": "australia", "australian": "australia",
    "canadian english": "canada", "canadian": "canada", "scottish english": "scotland",
    "scottish": "scotland", "irish english": "ireland", "irish": "ireland",
    "welsh english": "wales", "welsh": "wales", "new zealand english": "newzealand",
    "new zealand": "newzealand", "filipino": "philippines", "hong kong english": "hongkong",
    "hong kong": "hongkong", "malaysian english": "malaysia", "singaporean english": "singapore",
    "southern african south africa zimbabwe namibia": "african",
    "west indies and bermuda bahamas bermuda jamaica trinidad": "bermuda",
    "south atlantic falkland islands saint helena": "southatlandtic"}
"""Common Voice's phrases as the short labels of its first releases, which are as they are."""


def gender_of(label: str) -> str | None:
    """female, male or other."""
    return _GENDERS.get(plain(label))


def age_of(label: str) -> str | None:
    """Such as "20-29", the decade of a number of years; a range that is given as such, "56+" or
    "0-17"."""
    low, high = _ages(label)
    return None if low is None else _written(low, high)


def _written(low: int, high: int | None) -> str | None:
    """None for ages that nobody has."""
    if not low <= (_OLDEST if high is None else high) <= _OLDEST:
        return None
    return f"{low}+" if high is None else f"{low}-{high}"


def _ages(label: str) -> tuple[int | None, int | None]:
    """The youngest and the oldest; (None, None) where nothing is known."""
    if found := _YEARS.fullmatch(label):
        decade = int(found[1]) // 10 * 10
        return decade, decade + 9
    if found := _RANGE.fullmatch(label):
        return int(found[1]), int(found[2])
    if found := _FROM.fullmatch(label):
        return int(found[2] or found[3]) + (found[1] in (">", "over")), None
    return _open_ages(label)


def _open_ages(label: str) -> tuple[int | None, int | None]:
    if found := _BELOW.fullmatch(label):
        return 0, int(found[2]) - (found[1] != "<=")
    if found := _DECADE.fullmatch(label):
        return int(found[1]) * 10, int(found[1]) * 10 + 9
    return _AGES.get(plain(label), (None, None))


def country_of(label: str) -> str | None:
    """The code ISO 3166-1 alpha-2."""
    return gazetteer().country(label)


def accent_of(label: str) -> str | None:
    """A short label of Common Voice; of any other accent its words in small letters."""
    return _ACCENTS.get(plain(label), plain(label)) or None


@dataclass(frozen=True)
class Kind:
    """What labels of one kind are made of, and the usual names of their column."""

    form: Callable[[str], str | None]
    columns: tuple[str, ...]


KINDS: Mapping[str, Kind] = {
    "gender": Kind(gender_of, ("gender", "sex")),
    "age": Kind(age_of, ("age", "age_group", "age_range")),
    "country": Kind(country_of, ("country", "nationality", "country_of_origin")),
    "accent": Kind(accent_of, ("accent", "accents"))}


@dataclass(frozen=True)
class Canonical:
    """A kind of label, and its column, one of the usual names where that is None."""

    kind: str
    column: str | None = None

    @classmethod
    def parsed(cls, text: str) -> Canonical:
        """From a command line: "gender", or "gender=spk_sex". Raises ConfigError."""
        kind, separator, column = (part.strip() for part in text.partition("="))
        if kind not in KINDS or bool(separator) != bool(column):
            raise ConfigError(f"--canonical {text!r}: expected KIND or KIND=COLUMN; "
                              f"{offer(kind, KINDS)}")
        return cls(kind, column or None)

    def __str__(self) -> str:
        return self.kind if self.column is None else f"{self.kind}={self.column}"

    def of(self, columns: Sequence[str]) -> str:
        """The column that is meant. Raises ConfigError where there is none, and where it has been
        made canonical."""
        names = {name.casefold(): name for name in reversed(columns)}
        usual = [names[name] for name in KINDS[self.kind].columns if name in names]
        column = self.column or [*usual, KINDS[self.kind].columns[0]][0]
        if column not in columns:
            raise ConfigError(f"--canonical {self.kind}: no column {column!r}; "
                              f"{offer(column, columns)}; say {self.kind}=COLUMN")
        return _free(f"--canonical {self.kind}", column, [column + AS_GIVEN], columns)


def canonical(utterances: Sequence[Utterance], asked: Sequence[Canonical], where: str) -> Kept:
    """``utterances`` with labels of the kinds ``asked`` in one form, None where they have none;
    which labels of ``where`` those are is left out and counted. Raises ConfigError for a column
    that is not there."""
    left_out: list[LeftOut] = []
    for each in asked:
        column = each.of(columns_of(utterances))
        given = _given(utterances, [column])
        forms = {label: KINDS[each.kind].form(label) for label in given}
        utterances = [_formed(utterance, column, forms) for utterance in utterances]
        why = f"of {column}, no {each.kind} that is known: the group is unknown"
        left_out += _unresolved(where, {label: why for label, form in forms.items()
                                        if form is None}, given)
    return tuple(utterances), left_out


def _given(utterances: Iterable[Utterance], columns: Sequence[str]) -> Counter[str]:
    """The labels of columns, as text, that say something."""
    texts = Counter(text_of(utterance, columns) for utterance in utterances)
    texts.pop("", None)
    return texts


def _formed(utterance: Utterance, column: str, forms: Mapping[str, str | None]) -> Utterance:
    if column not in utterance.metadata:
        return utterance
    return replace(utterance, metadata={
        **utterance.metadata, column: forms.get(text_of(utterance, [column])),
        column + AS_GIVEN: utterance.metadata[column]})


def _unresolved(where: str, whys: Mapping[str, str], given: Counter[str]) -> list[LeftOut]:
    """The labels that have a reason, by it, with how often they were ``given``."""
    return merged(LeftOut("label", where, why, given[label], (label,))
                  for label, why in sorted(whys.items()))


def places(utterances: Sequence[Utterance], columns: Sequence[str], where: str) -> Kept:
    """``utterances`` with the columns FOUND of the place that ``columns`` name: one column, or that
    of the city and that of the country. Raises ConfigError for a column that is not there, and for
    FOUND that are."""
    if not columns:
        return tuple(utterances), []
    _check_places(columns, columns_of(utterances))
    given = _given(utterances, columns)
    found = {text: gazetteer().located(text) for text in given}
    whys = {text: f"of {', '.join(columns)}: {why}" for text, why in found.items()
            if isinstance(why, str)}
    placed = tuple(_placed(u, found.get(text_of(u, columns))) for u in utterances)
    return placed, _unresolved(where, whys, given)


def _check_places(columns: Sequence[str], there: Sequence[str]) -> None:
    """Raises ConfigError."""
    for column in columns:
        if column not in there:
            raise ConfigError(f"--places: no column {column!r}; {offer(column, there)}")
    _free("--places", columns[0], FOUND, there)


def _placed(utterance: Utterance, place: Place | str | None) -> Utterance:
    values = place if isinstance(place, Place) else (None,) * len(FOUND)
    found = dict(zip(FOUND, values, strict=True))
    return replace(utterance, metadata={**utterance.metadata, **found})


def text_of(utterance: Utterance, columns: Sequence[str]) -> str:
    """The labels of some columns as one text, "" where nothing is said."""
    values = [utterance.metadata.get(column) for column in columns]
    return ", ".join(text for value in values if (text := _said(value)))


def _said(value: Any) -> str:
    text = "" if value is None else f"{value:g}" if isinstance(value, float) else str(value).strip()
    return "" if plain(text) in NOT_SAID else text


def columns_of(utterances: Iterable[Utterance]) -> list[str]:
    """Names of columns of metadata, in the order of their first."""
    return [*dict.fromkeys(name for utterance in utterances for name in utterance.metadata)]


def _free(option: str, column: str, new: Iterable[str], columns: Sequence[str]) -> str:
    """``column``, where none of the ``new`` columns is there already. Raises ConfigError."""
    taken = [name for name in new if name in columns]
    if taken:
        raise ConfigError(f"{option}: there is a column {taken[0]!r} already; is {column!r} done? "
                          "rename it, or leave the option out")
    return column


def mapping(utterances: Sequence[Utterance], place: Sequence[str]
            ) -> dict[str, dict[str, str | None]]:
    """For a run's record: what became of every label of the columns that are canonical, and of the
    columns of a ``place``; of each the first LISTED in their order."""
    there = columns_of(utterances)
    sources = {name: [name + AS_GIVEN] for name in there if name + AS_GIVEN in there}
    if place:
        sources[FOUND[0]] = [*place]
    return {name: _made(utterances, columns, name) for name, columns in sources.items()}


def _made(utterances: Iterable[Utterance], columns: Sequence[str], new: str
          ) -> dict[str, str | None]:
    pairs = {text_of(u, columns): u.metadata.get(new) for u in utterances}
    return {text: pairs[text] for text in sorted(pairs)[:LISTED] if text}
