"""Scopes: of whom a gate speaks.

A kind of scope is one class below and its entry in KINDS. It says how it is written in
gates.yaml, which groups it stands for in one score, and how the change in it is estimated.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np

from evalkit.compare.pairing import Paired, Pairing
from evalkit.core.types import Interval
from evalkit.statistics.bootstrap import Contrast, Resampling, intervals
from evalkit.statistics.groups import NOTHING
from evalkit.statistics.labels import label
from evalkit.statistics.sums import SpeakerSums
from evalkit.store.documents.baseline import Key
from evalkit.store.scores import ratio


class Scope(NamedTuple):
    """Of whom a gate speaks. ``kind`` is a name in KINDS; ``column`` and ``group`` are empty where
    the kind has none."""

    kind: str
    column: str = ""
    group: str = ""

    def __str__(self) -> str:
        return KINDS[self.kind].text(self)


class Estimate(NamedTuple):
    """A change: the rates of base and candidate (2,); every speaker's contribution to the change
    (speakers,), and share of what it is divided by, which sum to 1; its interval; 1 where more is
    worse, else -1; and the sums that it is of."""

    rates: np.ndarray
    contributions: np.ndarray
    shares: np.ndarray
    interval: Interval
    sign: int
    paired: Paired


class Kind(Protocol):
    """A kind of scope."""

    @property
    def form(self) -> str:
        """How it is written."""
        ...

    def parse(self, text: str) -> Scope | None:
        """The scope that ``text`` is, None where it is of another kind."""
        ...

    def text(self, scope: Scope) -> str:
        """How the scope is written, with its group where it has one."""
        ...

    def groups(self, pairing: Pairing, key: Key, scope: Scope) -> Iterator[Scope]:
        """What the scope stands for in one score, groups by name; nothing where there is no such
        group."""
        ...

    def estimate(self, pairing: Pairing, key: Key, scope: Scope, resampling: Resampling
                 ) -> Estimate:
        """The change in a scope that ``groups`` gave."""
        ...


class _Rate:
    """The change is that of one rate."""

    def estimate(self, pairing: Pairing, key: Key, scope: Scope, resampling: Resampling
                 ) -> Estimate:
        paired = pairing.paired(key, scope.column, scope.group)
        amount, weight = paired.difference()
        interval = _interval(paired.amount[:, None], paired.weight[:, None],
                             Contrast((0, 1), (0, 0)), resampling)
        whole = np.full_like(amount, weight.sum())
        return Estimate(paired.rates, ratio(amount, whole), ratio(weight, whole), interval,
                        pairing.sign(key[2]), paired)


class Overall(_Rate):
    """Everybody."""

    form = "overall"

    def parse(self, text: str) -> Scope | None:
        return Scope("overall") if text == "overall" else None

    def text(self, scope: Scope) -> str:
        return "overall"

    def groups(self, pairing: Pairing, key: Key, scope: Scope) -> Iterator[Scope]:
        yield scope


class Group(_Rate):
    """One group of a column."""

    form = "COLUMN=GROUP"

    def parse(self, text: str) -> Scope | None:
        column, _, group = (part.strip() for part in text.partition("="))
        return Scope("group", column, group) if column and group else None

    def text(self, scope: Scope) -> str:
        return f"{scope.column}={scope.group}"

    def groups(self, pairing: Pairing, key: Key, scope: Scope) -> Iterator[Scope]:
        asked = _parts(scope.group)
        yield from (scope._replace(group=group) for group in pairing.base.groups(scope.column)
                    if _parts(group) == asked)


def _parts(group: str) -> list[str]:
    """The labels of a group, of several columns where they are crossed, as groups have them."""
    return [label(part) for part in group.split(",")]


class _OfColumn:
    """Written as a word and a column."""

    word: ClassVar[str]

    @property
    def form(self) -> str:
        return f"{self.word} COLUMN"

    def parse(self, text: str) -> Scope | None:
        word, _, column = text.partition(" ")
        return Scope(word, column.strip()) if word == self.word and column.strip() else None

    def text(self, scope: Scope) -> str:
        return f"{self.word} {scope.column}" + (f": {scope.group}" if scope.group else "")


class Every(_OfColumn, _Rate):
    """Each group of a column by itself."""

    word: ClassVar[str] = "every"

    def groups(self, pairing: Pairing, key: Key, scope: Scope) -> Iterator[Scope]:
        yield from (Scope("group", scope.column, group)
                    for group in pairing.base.groups(scope.column))


class Worst(_OfColumn, _Rate):
    """The group of a column that is served worst."""

    word: ClassVar[str] = "worst"

    def groups(self, pairing: Pairing, key: Key, scope: Scope) -> Iterator[Scope]:
        if ranked := pairing.ranked(key, scope.column):
            yield scope._replace(group=ranked[-1])


class Gap(_OfColumn):
    """The rate of the worst group of a column minus that of the best, or the other way round where
    more is better: a gap is positive, and more of it is worse."""

    word: ClassVar[str] = "gap"

    def groups(self, pairing: Pairing, key: Key, scope: Scope) -> Iterator[Scope]:
        ranked = pairing.ranked(key, scope.column)
        if len(ranked) > 1:
            yield scope._replace(group=f"{ranked[-1]} to {ranked[0]}")

    def estimate(self, pairing: Pairing, key: Key, scope: Scope, resampling: Resampling
                 ) -> Estimate:
        ranked, sign = pairing.ranked(key, scope.column), pairing.sign(key[2])
        worst, best = (pairing.paired(key, scope.column, g) for g in (ranked[-1], ranked[0]))
        differences = [group.difference() for group in (worst, best)]
        amount, weight = (np.stack([d[i] for d in differences], axis=1) for i in (0, 1))
        interval = _interval(sign * amount[..., None], weight[..., None],
                             Contrast((0, 0), (1, 0)), resampling)
        parts, shares = (ratio(x, np.broadcast_to(weight.sum(axis=0), x.shape))
                         for x in (amount, weight))
        return Estimate(sign * (worst.rates - best.rates), sign * (parts[:, 0] - parts[:, 1]),
                        shares[:, 0], interval, 1, worst.with_group(best))


KINDS: dict[str, Kind] = {"overall": Overall(), "every": Every(), "worst": Worst(), "gap": Gap(),
                          "group": Group()}
"""By name. A text is of the first kind that takes it."""


def parse_scope(text: Any) -> Scope:
    """``overall``, ``accent=Scottish``, ``every accent``, ``worst accent``, ``gap accent`` …
    Raises ValueError, naming the forms of all kinds, for anything else."""
    if isinstance(text, Scope):
        return text
    for kind in KINDS.values():
        if scope := kind.parse(str(text)):
            return scope
    forms = [kind.form for kind in KINDS.values()]
    raise ValueError(f"{text!r} is no scope; write {', '.join(forms[:-1])} or {forms[-1]}")


def _interval(amount: np.ndarray, weight: np.ndarray, contrast: Contrast,
              resampling: Resampling) -> Interval:
    """From sums (speakers, cohorts, systems) of the speakers that have any."""
    some = np.flatnonzero(((amount != 0) | (weight != 0)).any(axis=(1, 2)))
    if not len(some):
        return NOTHING
    cohorts, systems = (tuple(map(str, range(size))) for size in amount.shape[1:])
    sums = SpeakerSums(some, cohorts, systems, amount[some], weight[some],
                       np.zeros((3, *amount.shape[1:])))
    return intervals(sums, [contrast], resampling)[0]
