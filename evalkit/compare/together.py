"""What changed of one pipeline over all conditions together: for everybody, and for each group.

A version is compared condition by condition (evalkit.compare.comparison); a page begins with one
number. Errors and words are summed over the conditions that both versions have, speaker by speaker,
and never rates are averaged; changes are then judged as those of an enhancer are
(evalkit.statistics.gains): the two versions exchanged within speakers, adjusted for the number of
groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.compare.baseline import Candidate
from evalkit.compare.pairing import Paired, Pairing
from evalkit.statistics.bootstrap import Contrast, intervals
from evalkit.statistics.gains import EVERYBODY, GainRow, Rule, judged_rows
from evalkit.statistics.groups import Status, without_bounds
from evalkit.statistics.labels import UNKNOWN
from evalkit.statistics.sums import SpeakerSums, only
from evalkit.store.documents.baseline import Baseline, Key


@dataclass(frozen=True)
class Together:
    """The change of ``everybody`` and of the ``groups`` over the ``conditions`` of both versions;
    in each ``before`` is the base's value, ``after`` the candidate's. "helped" is better, "harmed"
    worse."""

    conditions: list[str]
    everybody: GainRow
    groups: list[GainRow]


def together(base: Baseline, candidate: Candidate, of: tuple[str, str], column: str, rule: Rule,
             *, condition: str = "") -> Together | None:
    """The change ``of`` a pipeline, as the base calls it, by a metric, over all conditions or one;
    of the groups of ``column``, none where it is empty. None where the two have no such score of
    any utterance in common."""
    pairing = Pairing(base, candidate)
    keys = [key for key in pairing.keys
            if (key[0], key[2]) == of and condition in ("", key[1])]
    if not keys:
        return None
    everybody, = _rows(pairing, keys, "", [EVERYBODY], rule)
    if not everybody.n:
        return None
    groups = base.groups(column) if column else []
    return Together([key[1] for key in keys], everybody,
                    _rows(pairing, keys, column, groups, rule) if groups else [])


def _rows(pairing: Pairing, keys: Sequence[Key], column: str, groups: Sequence[str], rule: Rule
          ) -> list[GainRow]:
    """The groups, or everybody where no column is named, judged together."""
    cells = [_summed([pairing.paired(key, column, group if column else "") for key in keys])
             for group in groups]
    sums = _sums(pairing, groups, cells)
    changes = intervals(sums, [Contrast((i, 1), (i, 0)) for i in range(len(groups))],
                        rule.resampling)
    statuses = [_status(group, cell, rule) for group, cell in zip(groups, cells, strict=True)]
    rows = [GainRow(group, status, cell.n, sum(cell.n_failed), int(cell.has_part.sum()),
                    float(cell.rates[0]), float(cell.rates[1]),
                    change if status == "ok" else without_bounds(change))
            for group, status, cell, change in zip(groups, statuses, cells, changes, strict=True)]
    good = [i for i, status in enumerate(statuses) if status == "ok"]
    return judged_rows(rows, only(sums, good), rule) if good else rows


def _summed(parts: Sequence[Paired]) -> Paired:
    total, *others = parts
    for other in others:
        total = total.with_group(other)
    return total


def _status(group: str, cell: Paired, rule: Rule) -> Status:
    if group == UNKNOWN:
        return "unknown"
    enough = (cell.has_part.sum() >= rule.floors.speakers and cell.n >= rule.floors.utterances
              and not np.isnan(cell.pooled))
    return "ok" if enough else "insufficient"


def _sums(pairing: Pairing, groups: Sequence[str], cells: Sequence[Paired]) -> SpeakerSums:
    """Every group's sums of every speaker under base and candidate."""
    amount, weight = (np.stack([getattr(cell, part) for cell in cells], axis=1)
                      for part in ("amount", "weight"))
    return SpeakerSums(np.array(list(pairing.speakers), object), tuple(groups), ("0", "1"), amount,
                       weight, np.zeros((3, len(groups), 2)))
