"""Word error rate by a group of speakers that the corpus declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from evalkit.core.errors import ConfigError
from evalkit.core.types import Fact
from evalkit.report.listing import Line, Listing, counted, failed, plain
from evalkit.report.tables import Headline, Row, cell
from evalkit.statistics.groups import GroupReport, group_table
from evalkit.statistics.groups import GroupRow as Compared
from evalkit.statistics.labels import labels_of
from evalkit.store.manifest import FIELDS
from evalkit.store.scores import ratio

METRIC = "wer"


@dataclass(frozen=True, kw_only=True)
class GroupRow(Row):
    """The word error rate of one group under one pipeline and condition. ``compared`` is what
    evalkit.statistics says of it."""

    group: str
    words: int
    compared: Compared | None = None

    @property
    def large_enough(self) -> bool:
        """Whether the group has a label, and enough speakers and utterances to be compared."""
        return self.compared is None or self.compared.status == "ok"


@dataclass(frozen=True)
class Groups:
    """Word error rates by the metadata column ``column``. ``order`` holds the groups, the
    highest rate over all pipelines and conditions first, ``speakers`` how many speakers the
    corpus has of each; ``rows`` are in the order of pipeline, condition, group; ``reports`` are
    what evalkit.statistics says, in the same order."""

    column: str
    order: list[str]
    speakers: Mapping[str, int]
    rows: list[GroupRow]
    reports: list[GroupReport] = field(default_factory=list)


def choose_column(utterances: pd.DataFrame, by: str | None) -> str | None:
    """The column to group by: ``by``, or else "accent", or else the first metadata column of 2
    to 12 values, or else None. Raises ConfigError where ``by`` is not a metadata column."""
    known = {*FIELDS, "utterance_id", "speaker_id"}
    columns = [name for name in utterances.columns if name not in known]
    if by is not None:
        if by not in columns:
            raise ConfigError(f"--by {by}: the corpus has no such metadata column; it has "
                              f"{', '.join(columns) or 'none'}")
        return by
    if "accent" in columns:
        return "accent"
    return next((name for name in columns if 2 <= utterances[name].nunique() <= 12), None)


def by_group(utterances: pd.DataFrame, scores: pd.DataFrame, headline: Headline,
             by: str | None = None) -> Groups | None:
    """Word error rates by group; None where there is no column to group by or no such rate."""
    column = choose_column(utterances, by)
    errors = scores[scores["metric"] == METRIC]
    if column is None or errors.empty:
        return None
    cells = errors.groupby(["pipeline", "condition"]).groups
    found = {(p, c): group_table(errors, utterances, [column], pipeline=p, condition=c)
             for p in headline.pipelines for c in headline.conditions if (p, c) in cells}
    group = labels_of(utterances[column])
    pooled = (errors.groupby(errors["utterance_id"].map(
        dict(zip(utterances["utterance_id"], group, strict=True))))[["amount", "weight"]].sum())
    rates = pd.Series(ratio(pooled["amount"], pooled["weight"]), pooled.index)
    order = list(rates.sort_values(ascending=False, kind="stable", na_position="last").index)
    rows = [_row(p, c, row) for (p, c), report in found.items()
            for row in sorted(report.rows, key=lambda row: order.index(row.group))]
    speakers = utterances.groupby(group.to_numpy())["speaker_id"].nunique()
    return Groups(column, order, {name: int(speakers.get(name, 0)) for name in order}, rows,
                  list(found.values()))


def _row(pipeline: str, condition: str, row: Compared) -> GroupRow:
    bounds = (row.value.low, row.value.high)
    return GroupRow(
        pipeline, condition, METRIC, row.value.value, row.n, row.n_failed, row.n_speakers,
        interval=bounds if np.isfinite(bounds).all() else None, group=row.group,
        words=int(row.weight), compared=row)


def rates(groups: Groups, fact: Fact) -> Listing:
    """Every group's rate, with what stands behind it."""
    columns = (groups.column, "Pipeline", "Condition", "Word error rate, %", "Speakers",
               "Utterances (n)", "Failed", "Reference words")
    lines = [Line([*plain(row.group, row.pipeline, row.condition),
                   replace(cell(row, fact), n_failed=0), counted(row.n_speakers), counted(row.n),
                   failed(row.n_failed), counted(row.words)]) for row in groups.rows]
    return Listing("groups", f"Word error rate by {groups.column}, with 95 % intervals", columns,
                   lines, frozenset(columns[3:]))
