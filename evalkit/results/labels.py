"""Labels of utterances as the user wants them: one for several, and only those of some."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalkit.core.errors import ConfigError
from evalkit.core.ledger import NAMED, LeftOut
from evalkit.core.names import offer
from evalkit.core.text import MISSING, UNKNOWN
from evalkit.core.types import Utterance
from evalkit.results.canonical import Canonical, canonical, places
from evalkit.results.join import join

Kept = tuple[tuple[Utterance, ...], list[LeftOut]]
_CONDITION = re.compile(r"\s*(.+?)\s*(!=|<=|>=|=|<|>)\s*(.*?)\s*", re.DOTALL)
_ORDER: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@dataclass(frozen=True)
class Where:
    """A condition on a column: that its label is ``value`` or is not, whatever its case, or that
    its number is less or more."""

    column: str
    relation: str
    value: str

    @classmethod
    def parsed(cls, text: str) -> Where:
        """From a command line: "domain=clinical", "duration<10". Raises ConfigError."""
        found = _CONDITION.fullmatch(text)
        if found is None:
            raise ConfigError(f"--where {text!r}: expected COLUMN=LABEL, COLUMN!=LABEL or "
                              "COLUMN<NUMBER (<=, >, >=)")
        if found[2] in _ORDER and _number(found[3]) is None:
            raise ConfigError(f"--where {text!r}: {found[3]!r} is no number")
        return cls(found[1], found[2], found[3])

    def holds(self, utterance: Utterance) -> bool:
        """Of what has no number, only != does; what has no label has the label ``unknown``."""
        value = value_of(utterance, self.column)
        if self.relation in _ORDER:
            ours, bound = _number(value), _number(self.value)
            return ours is not None and bound is not None and _ORDER[self.relation](ours, bound)
        neither = _is_missing(value) and _is_missing(self.value)
        return (neither or _same(value, self.value)) == (self.relation == "=")

    def __str__(self) -> str:
        return f"{self.column}{self.relation}{self.value}"


@dataclass(frozen=True)
class Merge:
    """Labels of a column that become another of it."""

    column: str
    labels: Mapping[str, str]

    @classmethod
    def parsed(cls, text: str) -> Merge:
        """From a command line: "accent: zulu=isizulu, Zulu=isizulu". Raises ConfigError."""
        column, separator, rest = text.partition(":")
        pairs = [item.partition("=") for item in rest.split(",")]
        if not separator or not column.strip() or any(not all(pair) for pair in pairs):
            raise ConfigError(f"--merge {text!r}: expected 'COLUMN: LABEL=LABEL', with commas "
                              "between several")
        labels = {old.strip(): new.strip() for old, _, new in pairs}
        if both := sorted({old for old, new in labels.items() if old != new} & {*labels.values()}):
            raise ConfigError(f"--merge {text!r}: {both[0]!r} is both merged and merged into; say "
                              "which label stays")
        return cls(column.strip(), labels)


@dataclass(frozen=True)
class Labels:
    """What is done with the columns of utterances, in this order: tables that are joined, each
    with the column that it is joined by or None, labels that are brought into one form, columns
    that name places, labels that are merged, and conditions that select utterances."""

    join: Sequence[tuple[Path, str | None]] = ()
    canonical: Sequence[Canonical] = ()
    places: Sequence[str] = ()
    merge: Sequence[Merge] = ()
    where: Sequence[Where] = ()

    @classmethod
    def parsed(cls, join: Sequence[tuple[Path, str | None]] = (), merge: Sequence[str] = (),
               where: Sequence[str] = (), canonical: Sequence[str] = (),
               places: Sequence[str] = ()) -> Labels:
        """From a command line or a configuration. Raises ConfigError."""
        return cls(tuple(join), tuple(map(Canonical.parsed, canonical)), tuple(places),
                   tuple(map(Merge.parsed, merge)), tuple(map(Where.parsed, where)))

    def applied(self, utterances: tuple[Utterance, ...], where: str, say: Callable[[str], None]
                ) -> Kept:
        """``utterances`` of ``where`` so labelled and selected, and what took no part; ``say``
        receives a line of what was done."""
        left_out: list[LeftOut] = []
        for path, column in self.join:
            joined = join(utterances, path, column)
            say(joined.note)
            utterances, left_out = joined.utterances, [*left_out, *joined.left_out]
        utterances, unknown = canonical(utterances, self.canonical, where)
        utterances, nowhere = places(utterances, self.places, where)
        utterances, merged = merge(utterances, self.merge, where)
        utterances, others = only(utterances, self.where, where)
        made = [*unknown, *nowhere, *merged, *others]
        for item in made:
            say(f"note: {item}")
        return utterances, [*left_out, *made]


NONE = Labels()
FIELDS = ("speaker", "duration", "id")
"""Of an utterance, which select but are no labels."""


def merge(utterances: Sequence[Utterance], merges: Sequence[Merge], where: str) -> Kept:
    """``utterances`` with the labels that ``merges`` say; those that are no more are left out of
    ``where`` and counted. Raises ConfigError for a column or a label that is not there."""
    left_out: list[LeftOut] = []
    for each in merges:
        check_column("--merge", each.column, label_columns(utterances))
        for old, new in each.labels.items():
            n = sum(_same(value_of(u, each.column), old) for u in utterances)
            if not n:
                raise ConfigError(f"--merge {each.column}: no utterance has the label {old!r}; "
                                  f"{_labels(each.column, old, utterances)}")
            utterances = [_relabelled(u, each.column, old, new) for u in utterances]
            left_out.append(LeftOut("label", where, f"of {each.column}, merged into {new!r}", n,
                                    (old,)))
    return tuple(utterances), left_out


def only(utterances: Sequence[Utterance], conditions: Sequence[Where], where: str) -> Kept:
    """The utterances of which all ``conditions`` hold; the others are counted by the first that
    does not. Raises ConfigError for a column that is not there, and where nothing is left."""
    left_out: list[LeftOut] = []
    for condition in conditions:
        check_column("--where", condition.column, [*label_columns(utterances), *FIELDS])
        kept = [utterance for utterance in utterances if condition.holds(utterance)]
        others = [utterance for utterance in utterances if not condition.holds(utterance)]
        if not kept:
            raise ConfigError(f"--where {condition}: leaves no utterance; "
                              f"{_labels(condition.column, condition.value, utterances)}")
        if others:
            left_out.append(LeftOut("utterance", where, f"--where {condition}", len(others),
                                    tuple(u.id for u in others[:NAMED])))
        utterances = kept
    return tuple(utterances), left_out


def _labels(column: str, label: str, utterances: Sequence[Utterance]) -> str:
    """Which labels there are, and the nearest to ``label``."""
    values = {value_of(u, column) for u in utterances}
    labels = sorted({UNKNOWN if _is_missing(each) else str(each) for each in values})
    return offer(label, labels, "the labels are")


def value_of(utterance: Utterance, column: str) -> Any:
    """Of a column of metadata, or a field of the utterance."""
    if column in utterance.metadata:
        return utterance.metadata[column]
    return {"id": utterance.id, "speaker": utterance.speaker,
            "duration": utterance.duration}.get(column)


def label_columns(utterances: Sequence[Utterance]) -> list[str]:
    """The columns of metadata that any utterance has."""
    return list(dict.fromkeys(key for u in utterances for key in u.metadata))


def check_column(option: str, column: str, columns: Sequence[str]) -> None:
    """Raises ConfigError for a column that is none of ``columns``."""
    if column not in columns:
        raise ConfigError(f"{option}: no column {column!r}; {offer(column, columns)}")


def _relabelled(utterance: Utterance, column: str, old: str, new: str) -> Utterance:
    if column not in utterance.metadata or not _same(utterance.metadata[column], old):
        return utterance
    return replace(utterance, metadata={**utterance.metadata, column: new})


def _is_missing(value: Any) -> bool:
    return value is None or str(value).strip().casefold() in MISSING


def _same(value: Any, label: str) -> bool:
    """Whether a value is that label: as text whatever its case, or as a number."""
    if value is None:
        return label == ""
    ours, theirs = _number(value), _number(label)
    if ours is not None and theirs is not None:
        return ours == theirs
    return str(value).strip().casefold() == label.strip().casefold()


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(value)
    except ValueError:
        return None
