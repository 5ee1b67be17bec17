"""What changed? The headline of several runs, and the change from the first to the last."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup, escape

from evalkit.compare.comparison import decide
from evalkit.core.text import number, settled_by
from evalkit.core.types import Fact, Interval
from evalkit.report import gate_words
from evalkit.report.change_figure import MOST, change_figures
from evalkit.report.change_words import WORDS, sentences
from evalkit.report.changed import Changed, Since
from evalkit.report.headline import Headline, cell, ordered, read_headline
from evalkit.report.reported import ReportedRun
from evalkit.report.run_names import run_names
from evalkit.report.section import Content, Section
from evalkit.report.selection import Selection, selected
from evalkit.report.summary import ALPHA
from evalkit.report.table import Cell, Column, Row, Table, counted, measured, p_value, texts
from evalkit.statistics.gains import GainRow
from evalkit.statistics.groups import plain_data
from evalkit.statistics.multiple import adjust
from evalkit.statistics.power import detectable, more_speakers
from evalkit.statistics.systems import SystemComparison, compare_systems
from evalkit.store.documents.comparison import Change, Comparison
from evalkit.store.runfolder import RunFolder

EFFECT_MARKS = {"helped": "●", "harmed": "▼", "unclear": "◇", "unchanged": "◇"}
Key = tuple[str, str, str]
"""Metric, pipeline and condition."""
Changes = Mapping[Key, tuple[SystemComparison, float]]
"""What changed, with its adjusted p-value."""


@dataclass(frozen=True)
class VersionsContent:
    """``changed`` is of what the page shows at first, None where the ``earlier`` version has no
    score of it; ``figures`` are of it, ``comparison`` is what the gates say, None without them."""

    earlier: Since
    changed: Changed | None
    comparison: Comparison | None
    figures: list[Markup]

    @property
    def since(self) -> str:
        """What the earlier version is called."""
        return self.earlier.name

    def of(self, selection: Selection | None, *, first: bool) -> Changed | None:
        """What changed of a ``selection``, the ``first`` that the page shows or another."""
        return self.changed if first else self.earlier.changed(selection)

    @property
    def further(self) -> int:
        """Groups that the figure has no room for; the table has them."""
        return max(0, len(self.changed.groups) - MOST) if self.changed else 0

    @property
    def sentences(self) -> list[Markup]:
        """What changed, and for whom."""
        return sentences(self.changed) if self.changed else []

    @property
    def outcome(self) -> str:
        """What the gates say in a line; "" without any."""
        return gate_words.sentence(self.comparison) if self.comparison else ""

    @property
    def place(self) -> str:
        """Which release of a series the gates judge; "" where they judge one by itself."""
        return gate_words.place(self.comparison) if self.comparison else ""


def build(run: ReportedRun) -> Content | None:
    """Nothing without an earlier version."""
    if not run.earlier and run.baseline is None:
        return None
    since = Since(run, run.baseline or run.earlier[0].path)
    changed = since.changed(selected(run))
    comparison = since.judged(run.gates) if run.gates else None
    shown = VersionsContent(since, changed, comparison,
                            change_figures(changed) if changed else [])
    gates = [gate_words.gates_table(comparison)] if comparison else []
    beside = versions([*run.earlier, run.folder]) if run.earlier else _beside_frozen(since)
    groups = [by_group(changed)] if changed else []
    return Content(
        shown, [*gates, *groups, *beside.tables], [*gates, *beside.in_brief],
        [*shown.sentences, escape(shown.outcome)], _findings(shown),
        [*beside.left_out, *(comparison.left_out if comparison else ())])


def _findings(shown: VersionsContent) -> dict[str, Any]:
    changed = shown.changed
    return {"since": shown.since, "changed": plain_data(changed.found) if changed else None,
            "gates": shown.comparison.outcome if shown.comparison else None}


SECTION = Section("versions", "What changed?", build, "versions.html.j2")


def by_group(changed: Changed) -> Table:
    """The change of everybody and of every group."""
    fact = changed.fact
    unit = f", {fact.difference_unit}" if fact.difference_unit else ""
    columns = [Column("group", changed.column or "Who"), Column("before", changed.base, "number"),
               Column("after", "Now", "number"), Column("change", f"Change{unit}", "number"),
               Column("p", "p (Holm)", "number"), Column("n_speakers", "Speakers", "number"),
               Column("verdict", "Verdict")]
    return Table("changes-by-group", f"What changed of {changed.selection.title} by group",
                 columns, [Row(_group(row, changed), f"changed-{i}") for i, row in enumerate(
                     [changed.everybody, *changed.found.groups])])


def _group(row: GainRow, changed: Changed) -> dict[str, Cell]:
    verdict = WORDS.get(str(row.effect), f"not compared: {row.status}")
    change = row.change
    return texts(group=row.group) | {
        "before": measured(row.before, changed.fact), "after": measured(row.after, changed.fact),
        "change": measured(change.value, changed.fact, change.low, change.high),
        "p": p_value(row.p_adjusted), "n_speakers": counted(row.n_speakers),
        "verdict": Cell(verdict, mark=EFFECT_MARKS.get(str(row.effect), "○"))}


def _beside_frozen(since: Since) -> Content:
    """The values of a frozen baseline and of the run."""
    found = decide(*since.sides)
    columns = [Column("metric", "Metric"), Column("pipeline", "Pipeline"),
               Column("condition", "Condition"), Column("before", since.name, "number"),
               Column("after", "Now", "number"), Column("change", "Change", "number"),
               Column("unit", "Unit"), Column("n", "Utterances in common", "number"),
               Column("verdict", "Verdict")]
    table = Table("versions", f"Beside {since.name}", columns, [
        Row(_frozen(change, found.metrics[change.metric]), f"change-{i}")
        for i, change in enumerate(found.changes, 1) if change.scope == "overall"])
    return Content(tables=[table], in_brief=[table], left_out=found.left_out)


def _frozen(change: Change, fact: Fact) -> dict[str, Cell]:
    return texts(metric=fact.named(change.metric), pipeline=change.pipeline,
                 condition=change.condition, unit=fact.difference_unit,
                 verdict=change.why or change.verdict) | {
        "before": measured(change.base, fact), "after": measured(change.candidate, fact),
        "change": measured(change.change.value, fact, change.change.low, change.change.high),
        "n": counted(change.n)}


def versions(runs: Sequence[RunFolder]) -> Content:
    """A row for every main metric, pipeline and condition of any run, a column a run, the oldest
    first, and the change from the first to the last. Raises RunError for a folder that cannot be
    read."""
    headlines = [read_headline(run.record(), run.summary(), {}) for run in runs]
    changes = _changes(headlines, runs[0].scores(), runs[-1].scores())
    table = _table(run_names([run.path for run in runs]), headlines, changes)
    return Content(tables=[table], in_brief=[table], left_out=[
        replace(item, where=f"{', '.join(key)}: {item.where}")
        for key, (pair, _) in changes.items() for item in pair.left_out])


def _table(names: Sequence[str], headlines: Sequence[Headline], changes: Changes) -> Table:
    columns = [Column("metric", "Metric"), Column("pipeline", "Pipeline"),
               Column("condition", "Condition"),
               *(Column(f"run {i}", name, "number") for i, name in enumerate(names)),
               Column("change", "Change", "number"), Column("unit", "Unit"),
               Column("n", "Utterances in common", "number"), Column("verdict", "Verdict")]
    tested = Counter(metric for metric, *_ in changes)
    rows = [Row(_values(key, headlines) | _change(changes.get(key), _fact(key, headlines),
                                                  tested[key[0]], _pooled(key, headlines)),
                f"change-{i}")
            for i, key in enumerate(_keys(headlines), 1)]
    return Table("versions", f"{names[-1]} beside what was before it", columns, rows)


def _changes(headlines: Sequence[Headline], first: pd.DataFrame, last: pd.DataFrame) -> Changes:
    """The change from the first to the last by score, paired by utterance on the same draws of
    speakers, with a p-value (Wilcoxon's over speakers) that is adjusted for all of its metric;
    only of scores that have an utterance in common."""
    found = {}
    for key in _keys(headlines):
        before, after = (_rows(scores, key) for scores in (first, last))
        if set(before["utterance_id"]) & set(after["utterance_id"]):
            found[key] = compare_systems(after, before, ("last", "first"),
                                         fact=_fact(key, headlines))
    return {key: (pair, p) for metric in dict.fromkeys(key[0] for key in found)
            for key, pair, p in _adjusted({k: v for k, v in found.items() if k[0] == metric})}


def _adjusted(found: Mapping[Key, SystemComparison]
              ) -> Iterator[tuple[Key, SystemComparison, float]]:
    adjusted = adjust(np.array([pair.speakers.p_value for pair in found.values()]))
    return zip(found, found.values(), map(float, adjusted), strict=True)


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


def _pooled(key: Key, headlines: Sequence[Headline]) -> bool:
    """Whether it has no value for one utterance: it is of trials or follows from other scores."""
    found = [headline.of(key[0]).get(key[1:]) for headline in headlines]
    return _fact(key, headlines).derived is not None or any(
        value.counted != "utterances" for value in found if value is not None)


def _change(change: tuple[SystemComparison, float] | None, fact: Fact, tested: int, pooled: bool
            ) -> dict[str, Cell]:
    """The change, one of so many that were ``tested`` together, its unit, what it rests on, and
    what it says; of what is ``pooled`` no utterance has a value."""
    unit = texts(unit=fact.difference_unit)
    if change is None:
        why = f"no utterance has a {'value of its own' if pooled else 'score in both'}"
        return unit | {"change": measured(math.nan, fact, undefined=why),
                       "n": counted(None if pooled else 0), "verdict": Cell("not compared")}
    pair, p = change
    by = pair.difference
    return unit | {"change": measured(by.value, fact, by.low, by.high), "n": counted(pair.n),
                   "verdict": _verdict(by, p, fact, ALPHA / tested)}


def _verdict(by: Interval, p: float, fact: Fact, alpha: float) -> Cell:
    """Better or worse where both the interval of the change and the adjusted ``p`` say so; else
    what a test at ``alpha`` could have shown and what would settle it."""
    if fact.higher_is_better is None or not p < ALPHA or not (by.low > 0 or by.high < 0):
        return Cell("may be chance", detail=_could_show(by, fact, alpha), mark="◇")
    better = (by.low > 0) == fact.higher_is_better
    return Cell("better" if better else "worse", mark="▲" if by.low > 0 else "▼")


def _could_show(by: Interval, fact: Fact, alpha: float) -> str:
    shown = detectable(by, alpha)
    if math.isnan(shown):
        return ""
    more = more_speakers(by, by.value, alpha, of=by.n_speakers)
    return (f"could have shown {number(shown, fact)} {fact.difference_unit}".rstrip() + (
        f"; {settled_by(more)}" if more is not None else ""))


def _rows(scores: pd.DataFrame, key: Key) -> pd.DataFrame:
    metric, pipeline, condition = key
    return scores[(scores["metric"] == metric) & (scores["pipeline"] == pipeline)
                  & (scores["condition"] == condition) & scores["error"].isna()]
