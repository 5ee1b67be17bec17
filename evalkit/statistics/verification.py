"""Who is mistaken for somebody else, and who is not recognised: speaker verification by groups of
speakers, at one threshold for everybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from evalkit.core.ledger import NAMED, LeftOut, merged
from evalkit.core.plain import plain_data
from evalkit.core.text import nameless
from evalkit.statistics.acquisition import Acquisition, People, acquisition
from evalkit.statistics.bootstrap import Resampling
from evalkit.statistics.contrasts import GroupContrast
from evalkit.statistics.detection import (
    FEWER_DRAWS,
    DetectionInterval,
    Trials,
    detection_intervals,
    global_threshold,
    sorted_trials,
)
from evalkit.statistics.detection_gaps import gaps_to_rest
from evalkit.statistics.detection_groups import (
    DetectionFairness,
    Rule,
    by_group,
    count_by_group,
    fairness,
)
from evalkit.statistics.differentials import Ratio, to_best, to_geometric_mean
from evalkit.statistics.grouping import look_alikes
from evalkit.statistics.groups import (
    FLOORS,
    Floors,
    Status,
    groups_left_out,
    labelled,
    without_bounds,
)
from evalkit.statistics.labels import UNKNOWN, labels_of

RATIOS = ("eer", "miss", "false_alarm")
"""Rates whose ratios are told."""


@dataclass(frozen=True)
class VerificationRow:
    """One group: its own equal error rate and costs, and its ``miss`` (false non-match, FNMR) and
    ``false_alarm`` (false match, FMR) rates at the threshold of the report. ``n_failed`` of its
    trials have no score, and are in none of the other numbers. ``to_mean`` and ``to_best`` are the
    ratios of those three rates to the geometric mean of the "ok" groups and to the best of them,
    where a group's trials are those within it, and ``gap`` is its equal error rate less that of the
    other "ok" groups together; ``acquisition`` is what else a transaction costs."""

    group: str
    status: Status
    n_speakers: int
    n_targets: int
    n_nontargets: int
    n_failed: int
    rates: dict[str, DetectionInterval]
    to_mean: dict[str, Ratio] = field(default_factory=dict)
    to_best: dict[str, Ratio] = field(default_factory=dict)
    acquisition: Acquisition | None = None
    gap: GroupContrast | None = None


@dataclass(frozen=True)
class VerificationReport:
    """The groups that the crossed columns ``by`` make, "ok" ones first, those most often rejected
    first, at the ``threshold``, that of the equal error rate over all trials where no other was
    given. ``rule`` says which
    trials are a group's; ``fairness`` is over the "ok" groups, None where there are fewer than
    two."""

    by: tuple[str, ...]
    pipeline: str
    condition: str
    rule: Rule
    threshold: float
    rows: list[VerificationRow]
    fairness: DetectionFairness | None
    warnings: list[str]
    left_out: list[LeftOut]

    def to_dict(self) -> dict[str, Any]:
        """The report in JSON's types; an undefined number is None."""
        plain: dict[str, Any] = plain_data(self)
        return plain


def verification_table(trials: pd.DataFrame, utterances: pd.DataFrame, by: Sequence[str], *,
                       rule: Rule = "both", floors: Floors = FLOORS,
                       threshold: float | None = None, times: pd.DataFrame | None = None,
                       resampling: Resampling = FEWER_DRAWS) -> VerificationReport:
    """Compares the groups that the columns ``by`` of ``utterances`` make on ``trials``
    (evalkit.store.trials.SCHEMA) of one pipeline and condition, at the ``threshold`` of other data
    or else at that of the equal error rate of all these trials. A group with fewer speakers, or
    fewer target trials than utterances are subject for, is "insufficient". ``times`` is what
    evalkit.statistics.acquisition has of them. Raises ConfigError for a column that there is
    not."""
    people = _people(utterances, by)
    groups = people.groups
    table = sorted_trials(trials, people.speakers)
    threshold = global_threshold(table) if threshold is None else threshold
    lost = trials[trials["score"].isna()].assign(score=0.0)
    failed = count_by_group(sorted_trials(lost, people.speakers), groups, rule)
    table_rows = [_row(group.group, group.rates, failed.get(group.group, 0), floors)
             for group in by_group(table, groups, threshold, rule, resampling)]
    nothing = table.take(np.zeros(0, int))
    table_rows += [_row(name, detection_intervals(nothing, threshold), n, floors)
              for name, n in failed.items() if name not in {row.group for row in table_rows}]
    table_rows.sort(key=lambda row: (row.status != "ok", -np.nan_to_num(row.rates["miss"].value)))
    kept = _compared(table_rows, groups)
    fair = fairness(table, kept, threshold, rule, resampling=resampling) if len(
        set(kept.values())) > 1 else None
    took = acquisition(trials, People(groups, people.speakers), threshold, times=times,
                       rates={row.group: row.rates for row in table_rows}, resampling=resampling)
    table_rows = _with_costs(_with_ratios(table_rows, rule, resampling.level), took, floors)
    if rule == "both":
        table_rows = _with_gaps(table_rows, table, kept, resampling)
    where = trials.iloc[0]
    return VerificationReport(
        tuple(by), str(where["pipeline"]), str(where["condition"]), rule, threshold,
        table_rows, fair, people.notes, _left_out(table_rows, people, lost, by, floors))


class _People(NamedTuple):
    """The group of every speaker, UNKNOWN where a column has no label or several; the speaker of
    every utterance that has one; what to know of them; and whose labels are several."""

    groups: dict[str, str]
    speakers: dict[str, str]
    notes: list[str]
    several: list[str]


def _people(utterances: pd.DataFrame, by: Sequence[str]) -> _People:
    rows = labelled(utterances[["utterance_id"]], utterances, by)
    rows["group"] = rows["group"].where(rows["labelled"], UNKNOWN)
    known = rows["speaker_id"].notna()
    speaker = rows["speaker_id"].where(known, rows["utterance_id"])
    labels = rows.groupby(speaker)["group"].agg(["first", "nunique"])
    several = labels["nunique"] > 1
    groups = {str(name): str(group)
              for name, group in labels["first"].mask(several, UNKNOWN).items()}
    notes = []
    if not known.all():
        notes.append(f"{nameless(int((~known).sum()))}, each counted as a speaker of its own: "
                     "intervals are too narrow where they share speakers")
    notes += [note for column in by
              if (note := look_alikes(column, labels_of(utterances[column])))]
    speakers = dict(zip(rows.loc[known, "utterance_id"], speaker[known], strict=True))
    return _People(groups, speakers, notes, sorted(map(str, labels.index[several])))


def _row(group: str, rates: dict[str, DetectionInterval], n_failed: int, floors: Floors
         ) -> VerificationRow:
    eer = rates["eer"]
    enough = large_enough(eer.n_speakers, eer.n_targets, floors)
    status: Status = ("unknown" if group == UNKNOWN else
                      "ok" if enough and eer.n_nontargets else "insufficient")
    return VerificationRow(group, status, eer.n_speakers, eer.n_targets, eer.n_nontargets,
                           n_failed, if_large(rates, floors))


def _compared(rows: Sequence[VerificationRow], groups: Mapping[str, str]) -> dict[str, str]:
    """The speakers of the groups that are large enough."""
    ok = {row.group for row in rows if row.status == "ok"}
    return {speaker: group for speaker, group in groups.items() if group in ok}


def _with_ratios(rows: Sequence[VerificationRow], rule: Rule, level: float
                 ) -> list[VerificationRow]:
    """Groups under another rule than "both" share speakers, and their ratios have no interval."""
    compared = [row for row in rows if row.status == "ok"]
    if rule != "both" or len(compared) < 2:
        return list(rows)
    rates = {name: [row.rates[name] for row in compared] for name in RATIOS}
    mean = {name: to_geometric_mean(of, level) for name, of in rates.items()}
    best = {name: to_best(of, level) for name, of in rates.items()}
    told = [replace(row, to_mean=_of(mean, i), to_best=_of(best, i))
            for i, row in enumerate(compared)]
    return [*told, *(row for row in rows if row.status != "ok")]


def _with_gaps(rows: Sequence[VerificationRow], table: Trials, groups: Mapping[str, str],
               resampling: Resampling) -> list[VerificationRow]:
    gaps = gaps_to_rest(table, groups, {
        row.group: row.rates["eer"] for row in rows if row.status == "ok"}, resampling)
    return [replace(row, gap=gaps.get(row.group)) for row in rows]


def _of(ratios: Mapping[str, Sequence[Ratio]], i: int) -> dict[str, Ratio]:
    return {name: of[i] for name, of in ratios.items()}


def _with_costs(rows: Sequence[VerificationRow], took: Mapping[str, Acquisition], floors: Floors
                ) -> list[VerificationRow]:
    """Without intervals where the group is too small."""
    return [replace(row, acquisition=found if large_enough(row.n_speakers, row.n_targets, floors)
                    or found is None else _in_short(found, floors))
            for row, found in ((row, took.get(row.group)) for row in rows)]


def _in_short(found: Acquisition, floors: Floors) -> Acquisition:
    few = if_large({"rejection": found.false_rejection, "acceptance": found.false_acceptance},
                   floors)
    return replace(
        found, failure_to_acquire=without_bounds(found.failure_to_acquire),
        false_rejection=few["rejection"], false_acceptance=few["acceptance"],
        seconds=found.seconds and without_bounds(found.seconds),
        real_time_factor=found.real_time_factor and without_bounds(found.real_time_factor))


def large_enough(n_speakers: int, n_targets: int, floors: Floors = FLOORS) -> bool:
    """Whether a group of so many speakers and target trials has intervals."""
    return n_speakers >= floors.speakers and n_targets >= floors.utterances


def if_large(rates: Mapping[str, DetectionInterval], floors: Floors = FLOORS
             ) -> dict[str, DetectionInterval]:
    """A group's rates, without intervals and with a warning where it is too small for them."""
    return {name: rate if large_enough(rate.n_speakers, rate.n_targets, floors) else
            replace(rate, low=np.nan, high=np.nan, warning=rate.warning or f"too small: {floors}")
            for name, rate in rates.items()}


def _left_out(rows: Sequence[VerificationRow], people: _People, lost: pd.DataFrame,
              by: Sequence[str], floors: Floors) -> list[LeftOut]:
    where = f"speaker verification by {', '.join(by)}"
    found = list(groups_left_out(rows, where, floors))
    if people.several:
        found.append(LeftOut("speaker", where, "several labels: unknown", len(people.several),
                             tuple(people.several)))
    if len(lost):
        found.append(LeftOut("trial", where, "no score, since it or an embedding is missing: in "
                             "no rate, and a group that lost many may look better than it is",
                             len(lost),
                             tuple(lost["enroll_id"] + " and " + lost["test_id"])[:NAMED]))
    return merged(found)
