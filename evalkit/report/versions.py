"""Versions side by side: the headline of several runs, and what changed from first to last."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import pandas as pd

from evalkit.report.listing import Cell, Line, Listing, counted, measured, plain
from evalkit.report.tables import Headline, cell, ordered, read_headline
from evalkit.statistics.groups import COUNTS
from evalkit.statistics.systems import compare_systems
from evalkit.store.runfolder import RunFolder

Key = tuple[str, str, str]
"""Metric, pipeline and condition."""


def versions(runs: Sequence[RunFolder]) -> Listing:
    """A row for every main metric, pipeline and condition of any run, a column a run, the oldest
    first, and the change from the first to the last, paired by utterance on the same draws of
    speakers. Raises RunError for a folder that cannot be read."""
    headlines = [read_headline(run.record(), run.summary(), {}) for run in runs]
    names = _names(runs)
    columns = ("Metric", "Pipeline", "Condition", *names, "Change", "Unit",
               "Utterances in common", "Verdict")
    first, last = runs[0].scores(), runs[-1].scores()
    lines = [Line([*_row(key, headlines), *_change(key, headlines, first, last)],
                  f"change-{i}") for i, key in enumerate(_keys(headlines), 1)]
    return Listing("versions", f"{names[-1]} beside what was before it", columns, lines,
                   frozenset((*names, "Change", "Utterances in common")))


def _names(runs: Sequence[RunFolder]) -> list[str]:
    """The folders' names, numbered, since two may have the same."""
    names = [run.path.resolve().name for run in runs]
    often = Counter(names)
    return [f"{i}. {name}" if often[name] > 1 else name for i, name in enumerate(names, 1)]


def _keys(headlines: Sequence[Headline]) -> list[Key]:
    last = headlines[-1]
    metrics = ordered(last.main_metrics, (m for h in headlines for m in h.main_metrics))
    places = dict.fromkeys((row.metric, row.pipeline, row.condition)
                           for headline in reversed(headlines) for row in headline.rows)
    return sorted((key for key in places if key[0] in metrics),
                  key=lambda key: metrics.index(key[0]))


def _row(key: Key, headlines: Sequence[Headline]) -> list[Cell]:
    metric, pipeline, condition = key
    found = [headline.of(metric).get((pipeline, condition)) for headline in headlines]
    absent = Cell("–", undefined="not measured in this run", key=math.nan)
    fact = next(h.facts[metric] for h in reversed(headlines) if metric in h.facts)
    return [*plain(fact.named(metric), pipeline, condition),
            *(absent if row is None else cell(row, headline.facts[metric])
              for row, headline in zip(found, headlines, strict=True))]


def _change(key: Key, headlines: Sequence[Headline], first: pd.DataFrame, last: pd.DataFrame
            ) -> list[Cell]:
    """The change, its unit, what it rests on, and what it says."""
    fact = next(h.facts[key[0]] for h in reversed(headlines) if key[0] in h.facts)
    unit = Cell(fact.difference_unit)
    before, after = (_part(scores, key) for scores in (first, last))
    if not set(before["utterance_id"]) & set(after["utterance_id"]):
        return [measured(math.nan, fact, undefined="no utterance has a score in both"), unit,
                counted(0), Cell("not compared")]
    found = compare_systems(after, before, counts=key[0] in COUNTS,
                            higher_is_better=bool(fact.higher_is_better))
    low, high = found.difference.low, found.difference.high
    verdict = Cell("may be chance", mark="◇")
    if fact.higher_is_better is not None and (low > 0 or high < 0):
        better = (low > 0) == fact.higher_is_better
        verdict = Cell("better" if better else "worse", mark="▲" if low > 0 else "▼")
    return [measured(found.difference.value, fact, low, high), unit, counted(found.n), verdict]


def _part(scores: pd.DataFrame, key: Key) -> pd.DataFrame:
    metric, pipeline, condition = key
    return scores[(scores["metric"] == metric) & (scores["pipeline"] == pipeline)
                  & (scores["condition"] == condition) & scores["error"].isna()]
