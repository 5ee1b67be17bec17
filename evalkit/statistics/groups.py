"""Who is served how well: the table of one attribute's groups, or of crossed attributes'."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import pandas as pd

from evalkit.core.errors import ConfigError
from evalkit.core.ledger import NAMED, LeftOut, merged
from evalkit.core.names import offer
from evalkit.core.plain import plain_data
from evalkit.core.types import Fact, Interval
from evalkit.statistics.adjusted import Adjusted, adjusted_gaps, default_covariates, not_adjusted
from evalkit.statistics.bootstrap import DEFAULT, Contrast, Resampling, intervals, on_scale
from evalkit.statistics.contrasts import GroupContrast, against_rest
from evalkit.statistics.fairness import Fairness, fairness_of
from evalkit.statistics.grouping import (
    check_columns,
    group_labels,
    is_outcome,
    look_alikes,
    metadata_columns,
    refuse_outcomes,
    told_of,
)
from evalkit.statistics.labels import UNKNOWN, labels_of
from evalkit.statistics.multiple import Adjustment
from evalkit.statistics.outcome_columns import determined
from evalkit.statistics.poisson import RateRatio
from evalkit.statistics.sums import SpeakerSums, design_effect, only, speaker_sums
from evalkit.statistics.very_many import how_drawn
from evalkit.store.scores import GIVEN, GIVEN_MEANS

Status = Literal["ok", "insufficient", "unknown"]


class Floors(NamedTuple):
    """A group with fewer of either is "insufficient": shown without an interval, which would say
    nothing, and in no gap."""

    speakers: int = 5
    utterances: int = 30

    def __str__(self) -> str:
        return f"fewer than {self.speakers} speakers or {self.utterances} utterances"


FLOORS = Floors()


@dataclass(frozen=True)
class GroupRow:
    """One group. ``value`` is its rate; ``design_effect`` how many times larger the variance of
    that is than if speakers were alike; ``gap`` contrasts it with the other "ok" groups together;
    ``adjusted`` is the ratio of its error rate to theirs with the covariates held equal. What
    does not apply is None."""

    group: str
    status: Status
    n: int
    n_failed: int
    n_speakers: int
    weight: float
    value: Interval
    design_effect: float
    gap: GroupContrast | None = None
    adjusted: RateRatio | None = None


@dataclass(frozen=True)
class GroupReport:
    """The groups that the crossed columns ``by`` make: "ok" ones first, worst first. ``left_out``
    are groups that are compared with no other, and utterances without a label or a value."""

    by: tuple[str, ...]
    metric: str
    pipeline: str
    condition: str | None
    adjustment: Adjustment
    rows: list[GroupRow]
    fairness: Fairness | None
    adjusted: Adjusted | None
    warnings: list[str]
    left_out: list[LeftOut]

    def to_dict(self) -> dict[str, Any]:
        """The report in JSON's types; an undefined number is None."""
        plain: dict[str, Any] = plain_data(self)
        return plain


def group_table(scores: pd.DataFrame, utterances: pd.DataFrame, by: Sequence[str], *,
                metric: str, fact: Fact, pipeline: str | None = None,
                condition: str | None = None, covariates: Sequence[str] | None = None,
                floors: Floors = FLOORS, adjustment: Adjustment = "holm",
                resampling: Resampling = DEFAULT, allowed: Collection[str] = ()) -> GroupReport:
    """Compares the groups that the columns ``by`` of ``utterances`` (``utterance_id`` and
    metadata) make, crossed where there are several, on one additive metric of ``scores``, of
    which ``fact`` says what it means.

    ``pipeline`` may be left out where there is one; without ``condition`` all are pooled. The
    gaps of a metric that counts errors are adjusted for ``covariates``, numeric or categorical
    columns of either table, by default evalkit.statistics.adjusted.default_covariates. Raises
    ConfigError for a column, metric, pipeline or condition that there is not, for a column of too
    many groups, and for one that is an outcome and not ``allowed``."""
    rows = labelled(select(scores, metric, pipeline, condition), utterances, by, covariates or ())
    outcomes = outcome_notes(rows, [c for c in by if c in utterances], scores["metric"], allowed)
    table, sums = group_rows(rows, fact, floors, adjustment, resampling)
    compared = {row.group for row in table if row.status == "ok"}
    adjusted, reason = None, None
    if fact.is_count:
        adjusted, reason = _adjusted(rows[rows["group"].isin(compared)], covariates,
                                     resampling.level)
        table = _with_ratios(table, adjusted)
    notes = (sums.warning, how_drawn(_compared(sums, compared), resampling),
             moving_speakers(sums), reason, *outcomes,
             *look_alike_labels(utterances, by))
    name = str(rows["pipeline"].iloc[0])
    where = f"groups by {', '.join(by)}: {metric} of {name}, {condition or 'all conditions'}"
    return GroupReport(
        tuple(by), metric, name, condition, adjustment, table,
        fairness_of(table, _compared(sums, compared), fact, resampling),
        adjusted, [note for note in notes if note],
        merged([*groups_left_out(table, where, floors), *utterances_left_out(rows, where),
                *(not_adjusted(adjusted, compared, where) if adjusted else ())]))


def group_rows(rows: pd.DataFrame, fact: Fact, floors: Floors = FLOORS,
               adjustment: Adjustment = "holm", resampling: Resampling = DEFAULT
               ) -> tuple[list[GroupRow], SpeakerSums]:
    """The rows of ``group_table``, without adjusted ratios, of ``labelled`` scores of one metric
    and pipeline, and the sums that they were made of."""
    sums, counts = speaker_sums(rows, cohort="group"), counted(rows, floors)
    good = _compared(sums, counts.index[counts["status"] == "ok"])
    gaps = against_rest(good, resampling=resampling, adjustment=adjustment)
    table = [replace(row, value=on_scale(row.value, fact.bounds))
             for row in _rows(counts, sums, gaps, resampling)]
    table.sort(key=lambda row: (row.status != "ok", -fact.worse * np.nan_to_num(row.value.value)))
    return table, sums


def select(scores: pd.DataFrame, metric: str, pipeline: str | None, condition: str | None
           ) -> pd.DataFrame:
    """The rows of one metric and pipeline, of one condition or all. Raises ConfigError, listing
    what there is, for a name that there is not, and for several pipelines and none named."""
    rows = scores
    for column, name in (("metric", metric), ("pipeline", pipeline), ("condition", condition)):
        present = sorted(rows[column].unique())
        if name is None and column == "pipeline" and len(present) > 1:
            raise ConfigError(f"several pipelines: name one of {', '.join(present)}")
        if name is not None and name not in present:
            means = f" ({GIVEN_MEANS})" if column == "condition" and GIVEN in present else ""
            raise ConfigError(f"no {column} {name!r}; {offer(name, present)}{means}")
        rows = rows if name is None else rows[rows[column] == name]
    return rows


def labelled(rows: pd.DataFrame, utterances: pd.DataFrame, by: Sequence[str],
             covariates: Iterable[str] = ()) -> pd.DataFrame:
    """``rows`` of scores with the ``covariates``, duration and speaker that ``utterances`` have and
    they lack, and with ``group``: the labels of ``by`` joined by ", ", a missing or blank one
    "unknown". Labels are those of the utterances, also where ``rows`` have a column so named."""
    facts = utterances.set_index("utterance_id")
    if not by:
        raise ConfigError("name a column to group by")
    check_columns((*by, *covariates), metadata_columns(facts), also=(*facts, *rows))
    labels = [rows["utterance_id"].map(group_labels(facts, column)).fillna(UNKNOWN)
              if column in facts else group_labels(rows, column) for column in by]
    group = pd.concat(labels, axis=1).agg(", ".join, axis=1) if len(labels) > 1 else labels[0]
    more = [c for c in ("speaker_id", "duration", *covariates) if c not in rows and c != "group"]
    return rows.assign(**told_of(rows["utterance_id"], facts, more), group=group,
                       labelled=~np.any([part == UNKNOWN for part in labels], axis=0))


def counted(rows: pd.DataFrame, floors: Floors) -> pd.DataFrame:
    """n, n_failed, n_speakers, weight and status of every group."""
    code, names = pd.factorize(rows["group"], sort=True)
    person, people = pd.factorize(rows["speaker_id"])
    failed, labelled = rows["error"].notna().to_numpy(), np.zeros(len(names), bool)
    labelled[code[::-1]] = rows["labelled"].to_numpy()[::-1]
    pairs = np.unique((code * (len(people) + 1) + person)[~failed & (person >= 0)])
    n, n_failed, n_speakers = (np.bincount(of, minlength=len(names)) for of in (
        code[~failed], code[failed], pairs // (len(people) + 1)))
    weight = rows.loc[~failed, "weight"].groupby(code[~failed]).sum()
    enough = (np.where(n_speakers, n_speakers, n) >= floors.speakers) & (n >= floors.utterances)
    return pd.DataFrame({
        "n": n, "n_speakers": n_speakers, "n_failed": n_failed, "enough": enough,
        "weight": weight.reindex(range(len(names)), fill_value=0.0).to_numpy(),
        "status": np.select([~labelled, ~enough], ["unknown", "insufficient"], "ok")}, names)


def outcome_notes(rows: pd.DataFrame, columns: Sequence[str], metrics: pd.Series,
              allowed: Collection[str]) -> list[str]:
    """What to know of ``columns`` of metadata that are outcomes and ``allowed``. Raises ConfigError
    for another."""
    refuse_outcomes(columns, metrics.unique(), allowed)
    measured = rows[rows["error"].isna()]
    if len(columns) != 1 or not determined(measured.assign(label=measured["group"])):
        return []
    if columns[0] not in allowed:
        raise is_outcome(columns[0], f"it determines {measured['metric'].iloc[0]}")
    return [f"{columns[0]} determines what was measured: its groups do not say who is served"]


def look_alike_labels(utterances: pd.DataFrame, by: Sequence[str]) -> Iterator[str]:
    """Warnings of labels that differ in capital letters only."""
    for column in by:
        if column in utterances and (note := look_alikes(column, labels_of(utterances[column]))):
            yield note


def _rows(counts: pd.DataFrame, sums: SpeakerSums, contrasts: Sequence[GroupContrast],
          resampling: Resampling) -> list[GroupRow]:
    place = {name: i for i, name in enumerate(sums.cohorts)}
    values = intervals(sums, [Contrast((i, 0)) for i in place.values()], resampling)
    effect = design_effect(sums)[:, 0]
    gaps = {contrast.group: contrast for contrast in contrasts}
    table = []
    for group, row in counts.iterrows():
        name = str(group)
        measured = name in place
        value = values[place[name]] if measured else NOTHING
        table.append(GroupRow(
            name, row["status"], int(row["n"]), int(row["n_failed"]), int(row["n_speakers"]),
            float(row["weight"]), value if row["enough"] else without_bounds(value),
            float(effect[place[name]]) if measured else np.nan, gaps.get(name)))
    return table


def _compared(sums: SpeakerSums, groups: Collection[str]) -> SpeakerSums:
    return only(sums, [i for i, name in enumerate(sums.cohorts) if name in groups])


def _with_ratios(rows: list[GroupRow], adjusted: Adjusted | None) -> list[GroupRow]:
    return [replace(row, adjusted=adjusted.ratios.get(row.group)) for row in rows
            ] if adjusted else rows


NOTHING = Interval(np.nan, np.nan, np.nan, np.nan, np.nan, 0, "t", "nothing was measured")


def without_bounds(value: Interval) -> Interval:
    """The estimate of a group that is too small for an interval to mean anything."""
    return replace(value, low=np.nan, high=np.nan, warning=value.warning or f"too small: {FLOORS}")


def _adjusted(rows: pd.DataFrame, covariates: Sequence[str] | None, level: float
              ) -> tuple[Adjusted | None, str | None]:
    """The regression, or why there is none."""
    chosen = default_covariates(rows) if covariates is None else covariates
    try:
        adjusted = adjusted_gaps(rows, chosen, level)
    except ConfigError as error:
        if covariates is not None:
            raise
        return None, f"no adjusted ratios: {error}"
    rough = "the regression did not converge, its ratios are rough"
    return adjusted, None if adjusted.converged else rough


def moving_speakers(sums: SpeakerSums) -> str | None:
    """A warning of speakers in several groups; None where there are none."""
    moving = int((sums.members.sum(axis=1) > 1).sum())
    return (f"{moving} of {len(sums.speakers)} speakers are in several groups: their labels are "
            "permuted within themselves") if moving else None


class Judged(Protocol):
    """A row of a group's report."""

    @property
    def group(self) -> str:
        """Its name."""
        ...

    @property
    def status(self) -> Status:
        """Whether it is compared with others."""
        ...


def groups_left_out(rows: Iterable[Judged], where: str, floors: Floors) -> Iterator[LeftOut]:
    """The groups that are compared with no other."""
    reasons = {"insufficient": f"{floors}: compared with no other", "unknown": "no label"}
    return (LeftOut("group", where, reasons[row.status], names=(row.group,))
            for row in rows if row.status != "ok")


def utterances_left_out(rows: pd.DataFrame, where: str) -> Iterator[LeftOut]:
    """Those without a label and those without a value."""
    for lost, why in ((~rows["labelled"].astype(bool), "no label"),
                      (rows["error"].notna(), "no value")):
        names = rows.loc[lost, "utterance_id"].unique()
        if len(names):
            yield LeftOut("utterance", where, why, len(names), tuple(map(str, names[:NAMED])))
