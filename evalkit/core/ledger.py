"""The ledger: whatever takes no part in something, where, why and how many, as one kind of record.

Every part of evalkit that leaves something out makes a LeftOut of it; the documents keep them, the
commands print them, and the page shows them in one place.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["row", "cell", "column", "label", "speaker", "utterance", "recording", "hypothesis",
               "postal code", "finder", "cohort", "group", "pipeline", "condition", "metric",
               "trial", "gate", "experiment", "document"]
"""What it is that was left out."""
NAMED = 5
"""How many of those that were left out for one reason are named."""

_PLURALS = {"hypothesis": "hypotheses"}


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

    def __str__(self) -> str:
        """One line, such as "test.jsonl: 3 rows left out: no id (line 4, line 9, line 12)"."""
        kind = self.what if self.n == 1 else _PLURALS.get(self.what, f"{self.what}s")
        more = ", …" if self.n > len(self.names) else ""
        named = f" ({', '.join(self.names)}{more})" if self.names else ""
        return f"{self.where}: {self.n:,} {kind} left out: {self.why}{named}"


def merged(items: Iterable[LeftOut]) -> list[LeftOut]:
    """One record for all of one kind, place and reason, in the order of their first; counts are
    added, and the first NAMED names kept."""
    sums: dict[tuple[str, str, str], LeftOut] = {}
    for item in items:
        key = (item.what, item.where, item.why)
        known = sums.get(key)
        sums[key] = item if known is None else replace(
            known, n=known.n + item.n, names=(known.names + item.names)[:NAMED])
    return [replace(item, names=item.names[:NAMED]) for item in sums.values()]
