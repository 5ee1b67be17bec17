"""The headline of several runs side by side, and the change from the first to the last."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from evalkit.core.ledger import LeftOut
from evalkit.core.text import number, settled_by
from evalkit.core.types import Fact, Interval
from evalkit.report.changed import Since
from evalkit.report.headline import Headline, cell, ordered, read_headline
from evalkit.report.reported import ReportedRun
from evalkit.report.run_names import run_names
from evalkit.report.section import Content
from evalkit.report.summary import ALPHA
from evalkit.report.table import Cell, Column, Row, Table, counted, measured, texts
from evalkit.statistics.multiple import adjust
from evalkit.statistics.power import detectable, more_speakers
from evalkit.statistics.systems import compare_systems

Key = tuple[str, str, str]
"""Metric, pipeline and condition."""


@dataclass(frozen=True)
class Tested:
    """A change ``by`` so much, its p-value, and over how many utterances or trials it is."""

    by: Interval
    p: float
    n: int
    left_out: Sequence[LeftOut] = ()
    of_trials: bool = False


def versions(run: ReportedRun) -> Content:
    """A row for every main metric, pipeline and condition of ``run`` or an earlier one, a column a
    run, the oldest first, and the change from the first to the last. Raises RunError for a folder
    that cannot be read."""
    runs = [*run.earlier, run.folder]
    headlines = [read_headline(each.record(), each.summary(), {}) for each in runs]
    changes = {**_changes(headlines, runs[0].scores(), runs[-1].scores()),
               **_changes_of_trials(headlines, Since(run, runs[0].path))}
    table = _table(run_names([each.path for each in runs]), headlines, changes,
                   "speakers" if run.record.corpus.speakers else "utterances")
    return Content(tables=[table], in_brief=[table], left_out=[
        replace(item, where=f"{', '.join(key)}: {item.where}")
        for key, change in changes.items() for item in change.left_out])


def _table(names: Sequence[str], headlines: Sequence[Headline], changes: Mapping[Key, Tested],
           people: str) -> Table:
    counts = "Utterances or trials" if any(change.of_trials for change in changes.values()
                                           ) else "Utterances"
    columns = [Column("metric", "Metric"), Column("pipeline", "Pipeline"),
               Column("condition", "Condition"),
               *(Column(f"run {i}", name, "number") for i, name in enumerate(names)),
               Column("change", "Change", "number"), Column("unit", "Unit"),
               Column("n", f"{counts} in common", "number"), Column("verdict", "Verdict")]
    tested = Counter(metric for metric, *_ in changes)
    rows = [Row(_values(key, headlines) | _change(changes.get(key), _fact(key, headlines),
                                                  (tested[key[0]], people),
                                                  why=_why_not(key, headlines)), f"change-{i}")
            for i, key in enumerate(_keys(headlines), 1)]
    return Table("versions", f"{names[-1]} beside what was before it", columns, rows)


def _changes(headlines: Sequence[Headline], first: pd.DataFrame, last: pd.DataFrame
             ) -> dict[Key, Tested]:
    """The change from the first to the last by score, paired by utterance on the same draws of
    speakers, with a p-value (Wilcoxon's over speakers) that is adjusted for all of its metric;
    only of scores that have an utterance in common."""
    found = {}
    for key in _keys(headlines):
        before, after = (_rows(scores, key) for scores in (first, last))
        if set(before["utterance_id"]) & set(after["utterance_id"]):
            pair = compare_systems(after, before, ("last", "first"), fact=_fact(key, headlines))
            found[key] = Tested(pair.difference, pair.speakers.p_value, pair.n, pair.left_out)
    return _adjusted(found)


def _changes_of_trials(headlines: Sequence[Headline], since: Since) -> dict[Key, Tested]:
    """The same of scores of trials, paired by trial, as evalkit.compare.together has it."""
    found = {}
    for key in _keys(headlines):
        (metric, pipeline, condition), fact = key, _fact(key, headlines)
        if all(_of_trials(key, headline) for headline in (headlines[0], headlines[-1])):
            both = since.found(pipeline, metric, fact, condition=condition)
            if both and both.everybody.effect is not None:
                row = both.everybody
                found[key] = Tested(row.change, row.p_value, row.n, of_trials=True)
    return _adjusted(found)


def _adjusted(found: Mapping[Key, Tested]) -> dict[Key, Tested]:
    """With p-values adjusted for all of one metric."""
    adjusted = dict(found)
    for metric in dict.fromkeys(key[0] for key in found):
        keys = [key for key in found if key[0] == metric]
        p = adjust(np.array([found[key].p for key in keys]))
        adjusted |= {key: replace(found[key], p=float(each))
                     for key, each in zip(keys, p, strict=True)}
    return adjusted


def _keys(headlines: Sequence[Headline]) -> list[Key]:
    last = headlines[-1]
    metrics = ordered(last.main_metrics, (m for h in headlines for m in h.main_metrics))
    keys = dict.fromkeys((row.metric, row.pipeline, row.condition)
                         for headline in reversed(headlines) for row in headline.rows)
    return sorted((key for key in keys if key[0] in metrics),
                  key=lambda key: metrics.index(key[0]))


def _fact(key: Key, headlines: Sequence[Headline]) -> Fact:
    """What the last run that has the metric says of it."""
    return next(h.facts[key[0]] for h in reversed(headlines) if key[0] in h.facts)


def _values(key: Key, headlines: Sequence[Headline]) -> dict[str, Cell]:
    metric, pipeline, condition = key
    values = [headline.of(metric).get((pipeline, condition)) for headline in headlines]
    absent = Cell("–", undefined="not measured in this run", value=math.nan)
    return texts(metric=_fact(key, headlines).named(metric), pipeline=pipeline,
                 condition=condition) | {
        f"run {i}": absent if value is None else cell(value, headline.facts[metric])
        for i, (value, headline) in enumerate(zip(values, headlines, strict=True))}


def _of_trials(key: Key, headline: Headline) -> bool:
    value = headline.of(key[0]).get(key[1:])
    return value is not None and value.counted == "trials"


def _why_not(key: Key, headlines: Sequence[Headline]) -> str:
    """Why there is no change to speak of."""
    if any(_of_trials(key, headline) for headline in headlines):
        return "not the same trials have a score in both, or of too few speakers"
    found = [headline.of(key[0]).get(key[1:]) for headline in headlines]
    if _fact(key, headlines).derived is not None or any(
            value.counted != "utterances" for value in found if value is not None):
        return "no utterance has a value of its own"
    return "no utterance has a score in both"


def _change(change: Tested | None, fact: Fact, tested: tuple[int, str], *, why: str
            ) -> dict[str, Cell]:
    """The change, its unit, what it rests on and what it says, one of so many that were ``tested``
    together over speakers or utterances; or ``why`` there is none."""
    unit = texts(unit=fact.difference_unit)
    if change is None:
        return unit | {"change": measured(math.nan, fact, undefined=why), "n": counted(
            0 if "in both" in why else None), "verdict": Cell("not compared")}
    by, (n, people) = change.by, tested
    return unit | {"change": measured(by.value, fact, by.low, by.high), "n": counted(change.n),
                   "verdict": _verdict(by, change.p, fact, ALPHA / n, people)}


def _verdict(by: Interval, p: float, fact: Fact, alpha: float, people: str = "speakers") -> Cell:
    """Better or worse where both the interval of the change and the adjusted p say so; else
    what a test at ``alpha`` could have shown and how many more ``people`` would settle it."""
    if fact.higher_is_better is None or not p < ALPHA or not (by.low > 0 or by.high < 0):
        return Cell("may be chance", detail=_could_show(by, fact, alpha, people), mark="◇")
    better = (by.low > 0) == fact.higher_is_better
    return Cell("better" if better else "worse", mark="▲" if by.low > 0 else "▼")


def _could_show(by: Interval, fact: Fact, alpha: float, people: str) -> str:
    shown = detectable(by, alpha)
    if math.isnan(shown):
        return ""
    more = more_speakers(by, by.value, alpha, of=by.n_speakers)
    return (f"could have shown {number(shown, fact)} {fact.difference_unit}".rstrip() + (
        f"; {settled_by(more, people)}" if more is not None else ""))


def _rows(scores: pd.DataFrame, key: Key) -> pd.DataFrame:
    metric, pipeline, condition = key
    return scores[(scores["metric"] == metric) & (scores["pipeline"] == pipeline)
                  & (scores["condition"] == condition) & scores["error"].isna()]
