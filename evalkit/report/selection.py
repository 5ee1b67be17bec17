"""What the first screen of a page is about, chosen by rule: one pipeline, one metric, one grouping,
all conditions together.

- *Metric*: the most important that the run has scores of (``ReportedRun.scored_metrics``: error
  rates first, then in the order of the run). Without any, the most important one of trials.
- *Pipeline*: the one that the user names as the one that ships (``--pipeline``), or else the best
  by that metric, over the utterances and conditions that every pipeline has a value for: who fails
  often is not better for it. Among equals the first of the run.
- *Conditions*: all together, as sums of errors over sums of words, never a mean of rates. Trials
  are no sums: of a metric of trials it is the first condition.
- *Grouping*: the page's own column: ``--by``, or else "accent", or else the first usual one.

It is never the worst of many combinations, which looks bad by chance alone. Everything that the
first screen draws is drawn from one Selection, so that a page may hold several.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from evalkit.core.errors import ConfigError
from evalkit.core.names import offer
from evalkit.core.text import printable
from evalkit.core.types import Fact
from evalkit.report.headline import Headline, Value
from evalkit.report.reported import ReportedRun
from evalkit.statistics.bootstrap import on_scale
from evalkit.statistics.groups import GroupReport, GroupRow
from evalkit.store.scores import GIVEN, ratio


@dataclass(frozen=True)
class Selection:
    """``why`` says why it is this ``pipeline``; ``everybody`` is the value over all ``parts``,
    which are the values under each condition; ``report`` are its groups over the same conditions,
    None where there is nothing to group by."""

    pipeline: str
    why: str
    metric: str
    fact: Fact
    everybody: Value
    parts: Sequence[Value]
    report: GroupReport | None

    @property
    def title(self) -> str:
        """What people call the metric."""
        return self.fact.named(self.metric)

    @property
    def condition(self) -> str:
        """The one condition, "" where several are together."""
        return self.parts[0].condition if len(self.parts) == 1 else ""

    @property
    def key(self) -> dict[str, str]:
        """What was chosen of what, as the page prints it."""
        return {"pipeline": printable(self.pipeline), "condition": printable(self.condition),
                "metric": printable(self.metric), "by": printable(self.by)}

    @property
    def by(self) -> str:
        """The column of its groups."""
        return " x ".join(self.report.by) if self.report else ""

    @property
    def compared(self) -> list[GroupRow]:
        """The groups that are large enough to be compared, worst first."""
        return [row for row in self.report.rows if row.status == "ok"] if self.report else []

    @property
    def alike(self) -> bool:
        """Whether all of them have the same value, so that none is the worst."""
        values = [row.value.value for row in self.compared]
        return bool(values) and math.isclose(min(values), max(values))  # but for rounding

    @property
    def where(self) -> str:
        """The conditions, for running text; "" where it is not known what was heard."""
        names = [part.condition for part in self.parts]
        if len(names) < 2:
            return "" if names in ([], [GIVEN]) else f"in {names[0]}"
        return "over both conditions" if len(names) == 2 else f"over all {len(names)} conditions"


def selected(run: ReportedRun) -> Selection | None:
    """What the first screen is about; None where nothing was measured that has a better side. Its
    rates have one decimal, as many as a reader remembers; the tables have them in full. Raises
    ConfigError where the pipeline that ships has no value of the metric."""
    headline = run.headline
    if run.scored_metrics:
        return _of_scores(run, run.scored_metrics[0])
    return _of_trials(run, headline, headline.judged[0]) if headline.judged else None


def _of_scores(run: ReportedRun, metric: str) -> Selection:
    fact = rounded(run.headline.facts[metric])
    rows = run.scores[run.scores["metric"] == metric]
    pipeline, why = _pipeline(run, rows, fact)
    parts = [value for value in run.headline.of(metric).values() if value.pipeline == pipeline]
    reports = [*run.pooled, *(run.groups.reports if run.groups else ())]
    report = next((each for each in reports if each.pipeline == pipeline), None)
    return Selection(pipeline, why, metric, fact, pooled(run, metric, parts), parts, report)


def _of_trials(run: ReportedRun, headline: Headline, metric: str) -> Selection:
    fact = rounded(headline.facts[metric])
    known = [value for value in headline.of(metric).values() if not value.undefined]
    first = [value for value in known if value.condition == known[0].condition]
    named = [value for value in first if value.pipeline == run.pipeline]
    best = named[0] if named else min(first, key=lambda value: fact.worse * value.value)
    why = _why(run, len({value.pipeline for value in known}))
    return Selection(best.pipeline, why, metric, fact, best, [best], None)


def rounded(fact: Fact) -> Fact:
    """``fact`` with as many decimals as a reader remembers."""
    return replace(fact, decimals=min(fact.decimals, 1)) if fact.scale > 1 else fact


def _pipeline(run: ReportedRun, rows: pd.DataFrame, fact: Fact) -> tuple[str, str]:
    """The pipeline and why it is this one."""
    present = set(rows.dropna(subset="amount")["pipeline"])
    names = [name for name in run.headline.pipelines if name in present]
    if run.pipeline is not None and run.pipeline not in names:
        raise ConfigError(f"--pipeline {run.pipeline}: no such pipeline has a value; "
                          f"{offer(run.pipeline, names)}")
    return run.pipeline or best(rows, fact, names), _why(run, len(names))


def _why(run: ReportedRun, pipelines: int) -> str:
    if run.pipeline is not None:
        return "the one that ships"
    return "" if pipelines == 1 else f"the best of {pipelines} pipelines"


def best(rows: pd.DataFrame, fact: Fact, names: Sequence[str]) -> str:
    """Which of the pipelines ``names`` has the best value over what all of them have a value for;
    each over its own where there is no such utterance."""
    measured = rows.dropna(subset="amount")
    having = measured.groupby(["utterance_id", "condition"])["pipeline"].transform("nunique")
    common = measured[having == len(names)]
    sums = (measured if common.empty else common).groupby("pipeline")[["amount", "weight"]].sum()
    badness = fact.worse * ratio(sums["amount"], sums["weight"])
    order = dict(zip(sums.index, badness, strict=True))
    return min(names, key=lambda name: math.inf if math.isnan(order[name]) else order[name])


def pooled(run: ReportedRun, metric: str, parts: Sequence[Value]) -> Value:
    """The value of one metric over the conditions of ``parts``, which are of one pipeline, with the
    interval of the headline values: speakers are resampled, all pipelines on the same draws."""
    found = on_scale(run.over_conditions(metric)[parts[0].pipeline],
                     run.headline.facts[metric].bounds)
    known = math.isfinite(found.low) and math.isfinite(found.high)
    return Value(parts[0].pipeline, "", parts[0].metric, found.value,
                 sum(part.n or 0 for part in parts), sum(part.n_failed for part in parts),
                 max((part.n_speakers or 0 for part in parts), default=0),
                 interval=(found.low, found.high) if known else None)
