"""The ledger: whatever takes no part in something, where, why and how many, as one kind of record.

Every part of evalkit that leaves something out makes a LeftOut of it; the documents keep them, the
commands print them, and the page shows them in one place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from evalkit.core.folders import without_folders
from evalkit.core.text import count, printed

Kind = Literal["row", "cell", "column", "label", "speaker", "utterance", "recording", "hypothesis",
               "postal code", "finder", "cohort", "group", "pipeline", "condition", "metric",
               "trial", "gate", "experiment", "document", "word times",
               "session"]
"""What it is that was left out."""
REPEATED: frozenset[Kind] = frozenset({"utterance", "speaker", "group", "label", "trial"})
"""Kinds of which one and the same can take no part in several places."""
NAMED = 5
"""How many of those that were left out for one reason are named."""
REASONS = 20
"""How many reasons of one kind and place are told apart."""
OTHERWISE = "for other reasons"
LINE = 1000
"""The longest line of a command, in characters."""

_PLURALS = {"hypothesis": "hypotheses", "word times": "word times"}


@dataclass(frozen=True)
class LeftOut:
    """``n`` things of one kind that take no part in ``where``: a file, a table, a search, a gate.

    ``why`` is one line that makes sense after a colon; ``names`` are the first NAMED of the ``n``,
    none where they have no names."""

    what: Kind
    where: str
    why: str
    n: int = 1
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Documents and pages are for others: they do not say where things are here."""
        object.__setattr__(self, "where", without_folders(self.where))
        object.__setattr__(self, "why", without_folders(self.why))
        object.__setattr__(self, "names", tuple(map(without_folders, self.names)))

    def __str__(self) -> str:
        """One line, such as "test.jsonl: 3 rows left out: no id (line 4, line 9, line 12)"."""
        more = ", …" if self.n > len(self.names) else ""
        named = f" ({', '.join(self.names)}{more})" if self.names else ""
        return f"{self.where}: {plural(self.what, self.n)} left out: {self.why}{named}"


def merged(items: Iterable[LeftOut]) -> list[LeftOut]:
    """One record for all of one kind, place and reason, in the order of their first; counts are
    added, and the first NAMED names kept. Of one kind and place the first REASONS reasons are
    told apart: a file with a reason of its own on every line has a short record too."""
    sums: dict[tuple[str, str, str], LeftOut] = {}
    reasons: Counter[tuple[str, str]] = Counter()
    for item in items:
        place = (item.what, item.where)
        told_apart = (*place, item.why) in sums or reasons[place] < REASONS
        key = (*place, item.why if told_apart else OTHERWISE)
        known = sums.get(key)
        if known is None:
            reasons[place] += 1
            sums[key] = replace(item, why=key[2], names=item.names[:NAMED])
        else:
            sums[key] = replace(known, n=known.n + item.n,
                                names=(known.names + item.names)[:NAMED])
    return list(sums.values())


def lines(items: Iterable[LeftOut]) -> list[str]:
    """What commands print: a line a record, nothing in it hidden."""
    return [printed(item, LINE) for item in items]


def counted(items: Iterable[LeftOut]) -> list[str]:
    """How many of every kind were left out, in the order of their first: "3 rows". Of REPEATED
    kinds the count is that of the place that leaves out most: "up to 59 utterances"."""
    totals: dict[Kind, dict[str, int]] = {}
    for item in items:
        places = totals.setdefault(item.what, {})
        where = item.where if item.what in REPEATED else ""
        places[where] = places.get(where, 0) + item.n
    return [("up to " if len(places) > 1 else "") + plural(what, max(places.values()))
            for what, places in totals.items()]


def plural(what: Kind, n: int) -> str:
    """The count with its noun: "1 row", "1,200 hypotheses"."""
    return count(n, what, _PLURALS.get(what, ""))
