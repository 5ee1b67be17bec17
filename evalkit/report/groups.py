"""A metric by a group of speakers that the corpus declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import pandas as pd

from evalkit.core.types import Fact
from evalkit.report.headline import Headline, Value
from evalkit.statistics.grouping import (
    group_labels,
)
from evalkit.statistics.groups import GroupReport, GroupRow, group_table
from evalkit.store.scores import ratio


@dataclass(frozen=True, kw_only=True)
class GroupValue(Value):
    """The value of one group under one pipeline and condition. ``weight`` is what it is divided
    by, reference words for instance; ``compared`` is what evalkit.statistics says of it."""

    group: str
    weight: float
    compared: GroupRow | None = None

    @property
    def large_enough(self) -> bool:
        """Whether the group has a label, and enough speakers and utterances to be compared."""
        return self.compared is None or self.compared.status == "ok"


@dataclass(frozen=True)
class Groups:
    """``metric``, which means ``fact``, by the metadata column ``column``. ``order`` holds the
    groups, the worst over all pipelines and conditions first, ``speakers`` how many speakers the
    corpus has of each; ``rows`` are in the order of pipeline, condition, group; ``reports`` are
    what evalkit.statistics says, in the same order."""

    column: str
    metric: str
    fact: Fact
    order: list[str]
    speakers: Mapping[str, int]
    rows: list[GroupValue]
    reports: list[GroupReport] = field(default_factory=list)

    @property
    def title(self) -> str:
        """What people call the metric."""
        return self.fact.named(self.metric)


def compare_groups(utterances: pd.DataFrame, scores: pd.DataFrame, headline: Headline,
                   column: str, metric: str) -> Groups:
    """``metric``, which has scores, by the groups of ``column``."""
    fact = headline.facts[metric]
    rows = scores[scores["metric"] == metric]
    measured = set(rows[["pipeline", "condition"]].drop_duplicates().itertuples(index=False,
                                                                                name=None))
    reports = [
        group_table(rows, utterances, [column], metric=metric, fact=fact, pipeline=p,
                    condition=c, allowed=[column])
        for p in headline.pipelines for c in headline.conditions if (p, c) in measured]
    group = group_labels(utterances, column)
    order = _worst_first(rows, group.set_axis(utterances["utterance_id"]), fact)
    speakers = utterances.groupby(group.to_numpy())["speaker_id"].nunique()
    return Groups(column, metric, fact, order,
                  {name: int(speakers.get(name, 0)) for name in order},
                  [_value(report, row) for report in reports
                   for row in sorted(report.rows, key=lambda row: order.index(row.group))],
                  reports)


def pooled(groups: Groups, utterances: pd.DataFrame, scores: pd.DataFrame) -> list[GroupReport]:
    """One report a pipeline over all conditions, where it has several: those are held equal."""
    rows = scores[scores["metric"] == groups.metric]
    names = [name for name, reports in groupby(groups.reports, lambda report: report.pipeline)
             if len(list(reports)) > 1]
    return [group_table(rows, utterances, [groups.column], metric=groups.metric,
                        fact=groups.fact, pipeline=name, allowed=[groups.column])
            for name in names]


def _worst_first(rows: pd.DataFrame, group: pd.Series, fact: Fact) -> list[str]:
    """The groups by their value over everything, those without one last."""
    sums = rows.groupby(rows["utterance_id"].map(group))[["amount", "weight"]].sum()
    badness = pd.Series(fact.worse * ratio(sums["amount"], sums["weight"]), sums.index)
    return list(badness.sort_values(ascending=False, kind="stable", na_position="last").index)


def _value(report: GroupReport, row: GroupRow) -> GroupValue:
    bounds = (row.value.low, row.value.high)
    return GroupValue(
        report.pipeline, str(report.condition), report.metric, row.value.value, row.n,
        row.n_failed, row.n_speakers, interval=bounds if np.isfinite(bounds).all() else None,
        group=row.group, weight=row.weight, compared=row)
