"""Cost against error of the pipelines of a run, by group: the document of `evalkit frontier`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, product

import numpy as np
import pandas as pd

from evalkit.core.errors import ConfigError
from evalkit.core.ledger import NAMED, LeftOut, merged
from evalkit.core.names import offer
from evalkit.core.text import count
from evalkit.core.types import Fact, Interval
from evalkit.statistics.bootstrap import Contrast, Resampling, intervals, on_scale
from evalkit.statistics.cells import of_cells
from evalkit.statistics.dominated import cheaper_pairs, dominated, is_dominated
from evalkit.statistics.enhancement import noted_outcomes
from evalkit.statistics.gains import GainReport, Rule
from evalkit.statistics.group_columns import first_column, group_columns
from evalkit.statistics.groups import (
    NOTHING,
    counted,
    groups_left_out,
    labelled,
    utterances_left_out,
    without_bounds,
)
from evalkit.statistics.payers import changes_against, paid_for
from evalkit.statistics.sums import SpeakerSums, speaker_sums
from evalkit.statistics.usual_metric import usual_metric
from evalkit.statistics.variants import Variants
from evalkit.store.documents.frontier import (
    AXES,
    AxisName,
    Frontier,
    OfGroup,
    Taken,
    Variant,
)

ONE_SIDED = "not all pipelines have a value"
Changes = Mapping[str, Sequence[GainReport]]
"""By pipeline, a report for every set of columns."""
_APART = 1.1
"""How many times the least the most has to be: multiplications of one network differ by some
percent with what it happens to say."""
_CELL = ["condition", "utterance_id"]
"""What utterances are paired by."""


@dataclass(frozen=True)
class Asked:
    """What a frontier is asked for; None is chosen from what there is: ``by`` as a page chooses
    (evalkit.statistics.group_columns). Columns are ``allowed`` although they are outcomes."""

    metric: str | None = None
    axis: AxisName | None = None
    against: str | None = None
    condition: str | None = None
    by: Sequence[Sequence[str]] | None = None
    allowed: Collection[str] = ()
    seed: int = 0


ANYTHING = Asked()


@dataclass(frozen=True)
class Placed:
    """Rows of one metric, of pipelines with known ``costs``, the cheapest first."""

    rows: pd.DataFrame
    utterances: pd.DataFrame
    costs: Mapping[str, float]
    rule: Rule

    def values(self, sums: SpeakerSums) -> dict[tuple[str, str], Interval]:
        """By cohort and pipeline."""
        cells = list(product(range(len(sums.cohorts)), range(len(sums.systems))))
        found = intervals(sums, [Contrast(cell) for cell in cells], self.rule.resampling)
        return {(sums.cohorts[i], sums.systems[j]): on_scale(value, self.rule.fact.bounds)
                for (i, j), value in zip(cells, found, strict=True)}


def axis_named(name: str) -> AxisName:
    """The axis of that name, or of that word. Raises ConfigError for another."""
    words = {axis.word: axis for axis in AXES.values()} | dict(AXES)
    if name not in words:
        raise ConfigError(f"no cost {name!r}; {offer(name, [a.word for a in AXES.values()])}")
    return words[name].name


def usual_axis(taken: Mapping[str, Taken]) -> AxisName:
    """The one that the most pipelines have, of those that tell them apart (``_APART``) if there are
    any; of several such the first of AXES. Raises ConfigError where none has two."""
    known = {name: _amounts(taken, name) for name in map(axis_named, AXES)}
    best = max(known, key=lambda name: (_tells(known[name]), len(known[name])))
    if len(known[best]) < 2:
        raise ConfigError("no cost is known of two pipelines; state it in a table, "
                          "--costs costs.csv")
    return best


def _amounts(taken: Mapping[str, Taken], axis: AxisName) -> list[float]:
    return [amount for each in taken.values() if (amount := each.on(axis)) is not None]


def _tells(amounts: Sequence[float]) -> bool:
    """Whether they tell pipelines apart."""
    return max(amounts, default=0) > _APART * min(amounts, default=0)


def passed_over(taken: Mapping[str, Taken], axis: AxisName) -> list[str]:
    """A line that says why ``usual_axis`` took ``axis``, and none of those of which something is
    known that are before it or known of more pipelines; none where there are none."""
    order, chosen = list(map(axis_named, AXES)), _amounts(taken, axis)
    known = {name: amounts for name in order if (amounts := _amounts(taken, name))}
    others = [f"{AXES[name].title.lower()} ({_why_not(amounts, chosen)})"
              for name, amounts in known.items()
              if order.index(name) < order.index(axis) or len(amounts) > len(chosen)]
    return others and [f"the cost is {AXES[axis].title.lower()}, not {', not '.join(others)}; "
                       "`evalkit frontier --cost` takes another"]


def _why_not(amounts: Sequence[float], chosen: Sequence[float]) -> str:
    if _tells(chosen) and not _tells(amounts):
        return f"none takes over {_APART} times what another does"
    return f"known of {count(len(amounts), 'pipeline')} alone"


def frontier_of(table: Variants, asked: Asked = ANYTHING) -> Frontier:
    """The pipelines that have the metric and a cost on the axis, on the utterances that all of
    them have a value of. Raises ConfigError for a metric, condition, column or reference that there
    is not, for a column of which runs say different things, and where fewer than two pipelines are
    left."""
    metric, rows = _rows(table, asked)
    axis = asked.axis or usual_axis(table.taken)
    costs = _costs(rows, table, axis)
    lost = _unplaced(costs, table, axis)
    against = _reference(asked.against, costs)
    rows, unpaired = _paired(rows[rows["pipeline"].isin([*costs])], len(costs))
    by, unused = _columns(table, asked, metric, rows)
    table.check_columns(dict.fromkeys(chain(*by)))
    notes = noted_outcomes(rows, table.utterances, by, asked.allowed)
    chosen = passed_over(table.taken, axis) if asked.axis is None else []
    placed = Placed(rows, table.utterances, costs, Rule(
        table.facts[metric], resampling=Resampling(seed=asked.seed)))
    changes = changes_against(rows, against, table.utterances, by, placed.rule)
    groups, without = _groups(placed, by, changes)
    return Frontier(
        metric=metric, fact=placed.rule.fact, axis=axis, against=against, seed=asked.seed,
        condition=asked.condition, level=placed.rule.resampling.level,
        variants=_variants(placed, table.taken, changes), groups=groups,
        warnings=list(dict.fromkeys([*chosen, *_warnings(changes), *chain(*notes.values())])),
        left_out=merged([*table.left_out, *lost, *unused, *unpaired, *without]))


def _rows(table: Variants, asked: Asked) -> tuple[str, pd.DataFrame]:
    """The metric and its rows, with names as text."""
    scores = table.scores[table.scores["metric"].isin([*table.facts])
                          & table.scores["pipeline"].isin([*table.taken])]
    if len(table.taken) < 2:
        raise ConfigError(f"only the pipeline {', '.join(table.taken)} is compared, two are "
                          "needed; name another (--pipeline), or give another run too")
    metric = asked.metric or usual_metric(scores, table.facts, pipelines=2)
    if metric is None:
        raise ConfigError("no metric with a better side has values of two pipelines")
    names = scores["metric"].unique()
    if metric not in names:
        raise ConfigError(f"no metric {metric!r} of these pipelines; {offer(metric, names)}")
    rows = of_cells(scores[scores["metric"] == metric], "scores", None, asked.condition)
    if table.facts[metric].higher_is_better is None:
        raise ConfigError(f"metric {metric!r} has no better side")
    return metric, rows.astype(dict.fromkeys(("pipeline", *_CELL), str))


def _costs(rows: pd.DataFrame, table: Variants, axis: AxisName) -> dict[str, float]:
    """Of those that have a value and a cost, the cheapest first."""
    measured = set(rows.loc[rows["error"].isna(), "pipeline"])
    amounts = {name: each.on(axis) for name, each in table.taken.items() if name in measured}
    known = {name: amount for name, amount in amounts.items() if amount is not None}
    return dict(sorted(known.items(), key=lambda item: item[1]))


def _unplaced(costs: Mapping[str, float], table: Variants, axis: AxisName) -> list[LeftOut]:
    """The others. Raises ConfigError, with why, where fewer than two are left."""
    title, lost = AXES[axis].title.lower(), list[LeftOut]()
    for name in table.taken.keys() - costs.keys():
        why = ("no value of the metric" if table.taken[name].on(axis) is not None else
               f"{title} not known: {table.why_unknown(name, axis)}")
        lost.append(LeftOut("pipeline", "cost against error", why, names=(name,)))
    lost.sort(key=lambda item: list(table.taken).index(item.names[0]))
    if len(costs) < 2:
        raise ConfigError("fewer than two pipelines have both a cost and a value: " + "; ".join(
            f"{item.names[0]}: {item.why}" for item in lost)
            + "; --costs FILE gives what a run does not know")
    return lost


def _columns(table: Variants, asked: Asked, metric: str, rows: pd.DataFrame
             ) -> tuple[list[Sequence[str]], list[LeftOut]]:
    """Those that were asked for, or those of a page, and why the others are not."""
    if asked.by is not None:
        return list(asked.by), []
    first = first_column(table.utterances, rows, metric, allowed=asked.allowed)
    found = group_columns(table.utterances, rows, dict.fromkeys([metric, *table.facts]), first,
                          asked.allowed)
    return [[name] for name in found.names], found.left_out


def _reference(asked: str | None, costs: Mapping[str, float]) -> str:
    """The dearest where none is asked for."""
    if asked is not None and asked not in costs:
        raise ConfigError(f"no pipeline {asked!r} is compared; {offer(asked, costs)}")
    return asked or max(costs, key=lambda name: costs[name])


def _paired(rows: pd.DataFrame, pipelines: int) -> tuple[pd.DataFrame, list[LeftOut]]:
    """The rows, where all have failed on an utterance of which not ``pipelines`` have a value."""
    having = rows[rows["error"].isna()].groupby(_CELL)["pipeline"].nunique().rename("having")
    lost = rows.join(having, on=_CELL)["having"].fillna(0) < pipelines
    names = rows.loc[lost, "utterance_id"].unique()
    error = rows["error"].astype(object)
    without = [LeftOut("utterance", "cost against error", ONE_SIDED, len(names),
                       tuple(names[:NAMED]))] if len(names) else []
    return rows.assign(error=error.where(~lost, error.fillna(ONE_SIDED))), without


def _variants(placed: Placed, taken: Mapping[str, Taken], changes: Changes) -> list[Variant]:
    rule, sums = placed.rule, speaker_sums(placed.rows, system="pipeline")
    values = placed.values(sums)
    worse = dominated(sums, placed.costs, rule.fact, rule.resampling)
    return [Variant(pipeline=name, taken=taken[name], value=values["all", name],
                    dominated=worse.get(name), change=None if name not in changes else
                    paid_for(changes[name][0].everybody)) for name in placed.costs]


def _groups(placed: Placed, by: Sequence[Sequence[str]], changes: Changes
            ) -> tuple[list[OfGroup], list[LeftOut]]:
    found, lost, floors = list[OfGroup](), list[LeftOut](), placed.rule.floors
    for k, columns in enumerate(by):
        rows = labelled(placed.rows, placed.utterances, columns)
        judged = {(name, row.group): paid_for(row) for name, reports in changes.items()
                  for row in reports[k].rows}
        some = [row.model_copy(update={"by": tuple(columns), "change": judged.get(
            (row.pipeline, row.group))}) for row in _of_column(placed, rows)]
        once, where = {row.group: row for row in some}.values(), f"frontier by {', '.join(columns)}"
        found += some
        lost += [*groups_left_out(once, where, floors),
                 *utterances_left_out(rows[rows["error"].isna()], where)]
    return found, lost


def _of_column(placed: Placed, rows: pd.DataFrame) -> Iterator[OfGroup]:
    """Without columns and changes, of ``rows`` that have groups."""
    values = placed.values(speaker_sums(rows, cohort="group", system="pipeline"))
    once = rows[rows["pipeline"] == rows["pipeline"].iloc[0]]
    for group, row in counted(once, placed.rule.floors).iterrows():
        own = {name: values.get((str(group), name), NOTHING) for name in placed.costs}
        best = _dominated_in({name: value.value for name, value in own.items()},
                             placed.costs, placed.rule.fact)
        for name, value in own.items():
            yield OfGroup(
                by=(), group=str(group), pipeline=name, status=row["status"],
                n=int(row["n"]), n_failed=int(row["n_failed"]), n_speakers=int(row["n_speakers"]),
                value=value if row["enough"] else without_bounds(value), dominated=best.get(name),
                change=None)


def _dominated_in(values: Mapping[str, float], costs: Mapping[str, float], fact: Fact
                  ) -> dict[str, str]:
    """By pipeline the best of those that dominate it by the estimates, the cheapest of those that
    are as good."""
    names = list(costs)
    losses = fact.worse * np.array([values[name] for name in names])
    amounts = [costs[name] for name in names]
    found: dict[str, str] = {}
    for i, j in sorted(cheaper_pairs(amounts),
                       key=lambda pair: (losses[pair[1]], amounts[pair[1]])):
        if is_dominated((i, j), amounts, losses):
            found.setdefault(names[i], names[j])
    return found


def _warnings(changes: Changes) -> Iterator[str]:
    return (note for reports in changes.values() for report in reports for note in report.warnings)
