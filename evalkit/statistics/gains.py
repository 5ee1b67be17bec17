"""Whom does enhancement help, whom does it harm?

What changes for a group when an enhancer is put before the same recognizer: the group's rate with
it minus that without it, over the utterances that both pipelines have a value of. Two questions
are kept apart. Is the group helped or harmed, against no enhancement: with and without exchanged
within speakers (evalkit.statistics.paired_permutation). Does it fare better or worse than the
others: labels permuted over speakers (evalkit.statistics.contrasts), each speaker standing for the
change between its two sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from evalkit.core.ledger import NAMED, LeftOut, merged
from evalkit.core.plain import plain_data
from evalkit.core.types import Fact, Interval
from evalkit.statistics.bootstrap import DEFAULT, Contrast, Resampling, intervals
from evalkit.statistics.contrasts import GroupContrast, against_rest, any_difference
from evalkit.statistics.groups import (
    FLOORS,
    NOTHING,
    Floors,
    Status,
    counted,
    groups_left_out,
    labelled,
    look_alike_labels,
    moving_speakers,
    utterances_left_out,
    without_bounds,
)
from evalkit.statistics.multiple import Adjustment, adjust
from evalkit.statistics.paired_permutation import flip_signs, p_values
from evalkit.statistics.permutation import GapTest, any_gap
from evalkit.statistics.sums import (
    SpeakerSums,
    only,
    paired_difference,
    speaker_sums,
)
from evalkit.statistics.very_many import how_drawn
from evalkit.store.scores import ratio

Effect = Literal["helped", "harmed", "unclear", "unchanged"]
"""Of an enhancer on a group: a significant change for the better, for the worse, none that is
significant, and none at all."""
Standing = Literal["better", "worse", "unclear"]
"""Whether a group's change is significantly better or worse than that of the others."""
EVERYBODY = "everybody"
ONE_SIDED = "no value with or without the enhancer"
_CELL = ["condition", "utterance_id"]


@dataclass(frozen=True)
class GainRow:
    """One group: its rates ``before`` and ``after`` enhancement on the same ``n`` utterances, and
    their ``change``. ``p_value`` is that of no change, two-sided, ``p_adjusted`` that for the
    number of groups. ``gap`` is the group's change minus that of the other "ok" groups together.
    ``effect`` and ``standing`` need an adjusted p-value below 1 - level and an interval without 0;
    None where the group is not tested."""

    group: str
    status: Status
    n: int
    n_failed: int
    n_speakers: int
    before: float
    after: float
    change: Interval
    p_value: float = np.nan
    p_adjusted: float = np.nan
    effect: Effect | None = None
    gap: GroupContrast | None = None
    standing: Standing | None = None


@dataclass(frozen=True)
class GainReport:
    """The change that the enhancer of the pipeline ``enhanced`` makes of ``baseline``, by the
    groups of the crossed columns ``by``: "ok" ones first, the most harmed first. ``p_differ``
    is that of the same change for all of them (evalkit.statistics.contrasts.any_difference), and
    ``differ`` are "welch" and "gap" by relabelling alone (evalkit.statistics.permutation); both
    None where fewer than two are compared."""

    by: tuple[str, ...]
    metric: str
    enhanced: str
    baseline: str
    condition: str | None
    adjustment: Adjustment
    everybody: GainRow
    rows: list[GainRow]
    p_differ: float | None
    differ: Mapping[str, GapTest] | None
    warnings: list[str]
    left_out: list[LeftOut]

    def to_dict(self) -> dict[str, Any]:
        """The report in JSON's types; an undefined number is None."""
        plain: dict[str, Any] = plain_data(self)
        return plain

    @property
    def place(self) -> str:
        """What was compared, such as "wer of rnnoise against unprocessed, clean"."""
        return (f"{self.metric} of {self.enhanced} against {self.baseline}, "
                f"{self.condition or 'all conditions'}")


@dataclass(frozen=True)
class Rule:
    """How changes of a metric, which means ``fact``, are judged."""

    fact: Fact
    floors: Floors = FLOORS
    adjustment: Adjustment = "holm"
    resampling: Resampling = DEFAULT

    def effect(self, change: Interval, p: float) -> Effect:
        """Of the enhancer on a group whose rate has changed, with the adjusted ``p``."""
        if not self._clear(change, p):
            return "unclear"
        return "harmed" if self.fact.worse * change.value > 0 else "helped"

    def standing(self, gap: GroupContrast) -> Standing:
        """Of a group among the others."""
        if not self._clear(gap.difference, gap.p_adjusted):
            return "unclear"
        return "worse" if self.fact.worse * gap.difference.value > 0 else "better"

    def _clear(self, change: Interval, p: float) -> bool:
        """Whether p and, where there is one, the interval say that it is not 0."""
        return bool(p < 1 - self.resampling.level and not change.low <= 0 <= change.high)


def gain_tables(base: pd.DataFrame, enhanced: pd.DataFrame, utterances: pd.DataFrame,
                by: Sequence[Sequence[str]], rule: Rule) -> list[GainReport]:
    """Compares rows of the scores table for one metric and pipeline each, paired by utterance and
    condition: a report for every set of crossed columns of ``utterances`` in ``by``, whether they
    are outcomes or not. Raises ConfigError for a column that there is not, or of too many
    groups."""
    both = paired(base, enhanced)
    everybody = _everybody(both, rule)
    return [_report(labelled(both, utterances, columns), columns, everybody, rule, list(
        look_alike_labels(utterances, columns))) for columns in by]


def _report(rows: pd.DataFrame, by: Sequence[str], everybody: GainRow, rule: Rule,
            notes: list[str]) -> GainReport:
    once, sums = rows.drop_duplicates(_CELL), _both(rows)
    counts = counted(once, rule.floors)
    compared = set(counts.index[counts["status"] == "ok"])
    good = only(sums, [i for i, name in enumerate(sums.cohorts) if name in compared])
    table = judged_rows(_rows(counts, sums, rule), good, rule)
    worse, columns = rule.fact.worse, ", ".join(by)
    by_name = sorted(table, key=lambda row: row.group)
    table.sort(key=lambda row: (row.status != "ok", -worse * np.nan_to_num(row.change.value)))
    report = GainReport(
        tuple(by), str(rows["metric"].iloc[0]), *_pipelines(rows), _condition(rows),
        rule.adjustment, everybody, table, _p_differ(table), _differ(good, rule),
        [note for note in (sums.warning, how_drawn(good, rule.resampling), moving_speakers(sums),
                           *notes) if note], [])
    return replace(report, left_out=merged([
        *groups_left_out(by_name, f"gains by {columns}", rule.floors),
        *utterances_left_out(once[once["error"].isna()], f"gains by {columns}"),
        *_one_sided(once, report.place)]))


def _pipelines(rows: pd.DataFrame) -> tuple[str, str]:
    """With the enhancer, and without."""
    names = rows.drop_duplicates("system").set_index("system")["pipeline"]
    return str(names["1"]), str(names["0"])


def _condition(rows: pd.DataFrame) -> str | None:
    """The one that there is, None where there are several."""
    names = rows["condition"].unique()
    return str(names[0]) if len(names) == 1 else None


def paired(base: pd.DataFrame, enhanced: pd.DataFrame) -> pd.DataFrame:
    """The rows of both, ``system`` "0" and "1"; where either has no value, both have failed."""
    both = pd.concat([base.assign(system="0"), enhanced.assign(system="1")], ignore_index=True)
    sides = both[both["error"].isna()].groupby(_CELL)["system"].nunique().rename("sides")
    lost = both.join(sides, on=_CELL)["sides"].fillna(0) < 2
    error = both["error"].astype(object)
    return both.assign(error=error.where(~lost, error.fillna(ONE_SIDED)))


def changes(sums: SpeakerSums) -> SpeakerSums:
    """Sums of two systems as those of one, whose rate is the second's minus the first's."""
    amount, weight = paired_difference(sums.amount, sums.weight)
    return replace(sums, systems=("change",), amount=amount[..., None], weight=weight[..., None],
                   spread=np.zeros((3, len(sums.cohorts), 1)))


def _both(rows: pd.DataFrame) -> SpeakerSums:
    """Sums of every group with and without the enhancer, also of groups without a value."""
    sums = speaker_sums(rows, cohort="group", system="system")
    if len(sums.systems) == 2:
        return sums
    shape = (len(sums.speakers), len(sums.cohorts), 2)
    return replace(sums, systems=("0", "1"), amount=np.zeros(shape), weight=np.zeros(shape),
                   spread=np.zeros((3, *shape[1:])))


def _rows(counts: pd.DataFrame, sums: SpeakerSums, rule: Rule) -> list[GainRow]:
    """The groups, none judged yet."""
    place = {name: i for i, name in enumerate(sums.cohorts)}
    found = intervals(sums, [Contrast((i, 1), (i, 0)) for i in place.values()], rule.resampling)
    table = []
    for group, row in counts.iterrows():
        i = place.get(str(group))
        change = NOTHING if i is None else found[i]
        before, after = (np.nan, np.nan) if i is None else sums.rates[i]
        table.append(GainRow(
            str(group), row["status"], int(row["n"]), int(row["n_failed"]),
            int(row["n_speakers"]), float(before), float(after),
            change if row["enough"] else without_bounds(change)))
    return table


def judged_rows(table: list[GainRow], good: SpeakerSums, rule: Rule) -> list[GainRow]:
    """The rows with both questions answered of those that are compared, whose sums under two
    systems are ``good``."""
    own, change = own_p_values(good, rule.resampling), changes(good)
    adjusted = adjust(own, rule.adjustment)
    gaps = {gap.group: gap for gap in against_rest(change, resampling=rule.resampling,
                                                   adjustment=rule.adjustment)}
    unchanged = np.asarray(~change.amount.any(axis=(0, 2)))
    place = {name: i for i, name in enumerate(good.cohorts)}

    def judged(row: GainRow, i: int) -> GainRow:
        gap, p = gaps.get(row.group), float(adjusted[i])
        return replace(row, p_value=float(own[i]), p_adjusted=p, gap=gap,
                       effect="unchanged" if unchanged[i] else rule.effect(row.change, p),
                       standing=None if gap is None else rule.standing(gap))

    return [judged(row, place[row.group]) if row.group in place else row for row in table]


def own_p_values(sums: SpeakerSums, resampling: Resampling) -> np.ndarray:
    """p-value of no change of every cohort, (cohorts,)."""
    change = changes(sums)
    total = np.broadcast_to(change.weight.sum(axis=0), change.amount.shape)
    parts = np.where(sums.members, ratio(change.amount, total)[..., 0], np.nan)
    return p_values(flip_signs(parts, resampling)) if parts.size else np.ones(parts.shape[1])


def _everybody(both: pd.DataFrame, rule: Rule) -> GainRow:
    """All groups together, also those that are too small or have no label."""
    rows = both.assign(group=EVERYBODY, labelled=True)
    sums = _both(rows)
    row, = _rows(counted(rows.drop_duplicates(_CELL), rule.floors), sums, rule)
    return judged_rows([row], sums, rule)[0] if row.status == "ok" else row


def _p_differ(table: Sequence[GainRow]) -> float | None:
    gaps = [row.gap for row in table if row.gap is not None]
    return any_difference(gaps) if len(gaps) > 1 else None


def _differ(good: SpeakerSums, rule: Rule) -> Mapping[str, GapTest] | None:
    if len(good.cohorts) < 2:
        return None
    tests = any_gap(changes(good), resampling=rule.resampling)
    return {name: tests[name] for name in ("welch", "gap")}


def _one_sided(once: pd.DataFrame, where: str) -> Iterator[LeftOut]:
    """The utterances that one of the two pipelines has no value of."""
    names = once.loc[once["error"].notna(), "utterance_id"].unique()
    if len(names):
        yield LeftOut("utterance", where, ONE_SIDED, len(names), tuple(map(str, names[:NAMED])))
