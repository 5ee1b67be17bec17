"""Utterances to listen to: the worst, and those that a pipeline changed most, each with its word
alignment and its recordings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import pandas as pd

from evalkit.core.alignment import Alignment, Pair
from evalkit.core.errors import RunError
from evalkit.core.types import Fact
from evalkit.report.recordings import Player
from evalkit.report.reported import ReportedRun
from evalkit.report.section import Content, Section
from evalkit.report.table import Cell, measured
from evalkit.store.scores import ratio

SHOWN = 10
OPEN = 2
"""Of the worst, those that are not folded."""
CHANGED = 3
"""Utterances that became worse, and as many that became better."""
KEYS = ["utterance_id", "pipeline", "condition"]
MOST_PAIRS = 200
"""Longer alignments are cut, and say so."""


@dataclass(frozen=True)
class Example:
    """An utterance under one pipeline and condition. ``counts`` are the errors and the length of
    the reference, None where the metric counts no errors; ``cut`` counts the pairs of its
    alignment that are not shown."""

    utterance: Mapping[str, Any]
    output: Mapping[str, Any]
    value: Cell
    counts: tuple[int, int] | None
    pairs: tuple[Pair, ...]
    cut: int
    players: list[Player]


@dataclass(frozen=True)
class Change:
    """An utterance under one condition, with the first pipeline of the run and with the one that
    changed it most; ``better`` says whether for the better."""

    before: Example
    after: Example
    better: bool


@dataclass(frozen=True)
class Examples:
    """Chosen by ``metric``, which means ``fact``, and shown with the label in ``column``."""

    metric: str
    fact: Fact
    column: str | None
    worst: list[Example]
    changes: list[Change]
    open: int = OPEN

    @property
    def title(self) -> str:
        """What people call the metric."""
        return self.fact.named(self.metric)

    @property
    def aligned(self) -> bool:
        """Whether there is a word alignment to explain."""
        return any(example.pairs for example in self.worst)

    @property
    def players(self) -> list[Player]:
        """Of all of its utterances; none where there is no sound."""
        shown = [*self.worst, *(change.after for change in self.changes)]
        return [player for example in shown for player in example.players]


def build(run: ReportedRun) -> Content:
    """Shown for every run; without ``content`` where nothing was scored."""
    if not run.scored_metrics:
        return Content()
    metric = run.scored_metrics[0]
    fact = run.headline.facts[metric]
    ranked = rank(run.scores[run.scores["metric"] == metric], fact)
    column = run.groups.column if run.groups else None
    shown = Examples(metric, fact, column, _examples(worst_rows(ranked, fact), fact, run),
                     _changes(ranked, fact, run))
    return Content(shown, left_out=run.recordings.left_out)


SECTION = Section("examples", "Which utterances are worst?", build, "examples.html.j2")


def rank(scores: pd.DataFrame, fact: Fact) -> pd.DataFrame:
    """The measured rows of one metric with their ``value``, and with ``badness``, which is higher
    the worse they are. An utterance without reference words has no error rate, and ranks as if it
    had one word."""
    rows = scores.dropna(subset="amount")
    value = ratio(rows["amount"], rows["weight"])
    badness = rows["amount"] / rows["weight"].clip(lower=1) if fact.is_count else fact.worse * value
    return rows.assign(value=value, badness=badness).dropna(subset="badness")


def worst_rows(ranked: pd.DataFrame, fact: Fact) -> pd.DataFrame:
    """The SHOWN worst utterances, each once, under the pipeline and condition where it is worst;
    among equal ones those with more errors. Where errors are counted, what has none is no
    example."""
    rows = ranked[ranked["amount"] > 0] if fact.is_count else ranked
    rows = rows.sort_values(
        ["badness", "amount", *KEYS], ascending=[False, False, True, True, True], kind="stable")
    return rows.drop_duplicates("utterance_id").head(SHOWN)


def changed_rows(ranked: pd.DataFrame, first: str) -> pd.DataFrame:
    """The CHANGED utterances that became worst from the pipeline ``first`` to another under the
    same condition, then as many that became best, each once: rows of the other pipeline with
    ``change``, which is positive where it is worse."""
    same = ["utterance_id", "condition"]
    before = ranked[ranked["pipeline"] == first].set_index(same)["badness"].rename("before")
    rows = ranked[ranked["pipeline"] != first].join(before, on=same)
    rows = rows.assign(change=rows["badness"] - rows["before"])
    rows = rows[rows["change"].abs() > 0].sort_values(
        ["change", *KEYS], ascending=[False, True, True, True], kind="stable")
    worse, better = rows[rows["change"] > 0], rows[rows["change"] < 0][::-1]
    return pd.concat([part.drop_duplicates("utterance_id").head(CHANGED)
                      for part in (worse, better)]).drop_duplicates("utterance_id")


def _changes(ranked: pd.DataFrame, fact: Fact, run: ReportedRun) -> list[Change]:
    """Against the run's first pipeline."""
    first = run.headline.pipelines[0]
    rows = changed_rows(ranked, first)
    keys = rows[["utterance_id", "condition"]].assign(pipeline=first)
    before = keys.merge(ranked, on=KEYS, how="left")
    return [Change(a, b, bool(change < 0)) for a, b, change in zip(
        _examples(before, fact, run), _examples(rows, fact, run), rows["change"], strict=True)]


def _examples(rows: pd.DataFrame, fact: Fact, run: ReportedRun) -> list[Example]:
    rows = rows[[*KEYS, "amount", "weight", "value"]]
    described = run.utterances[run.utterances["utterance_id"].isin(rows["utterance_id"])]
    utterances = {row["utterance_id"]: row for row in _records(described)}
    outputs = _records(rows.merge(run.outputs, on=KEYS, how="left"))
    return [_example(output, value, utterances.get(output["utterance_id"], {}), fact, run)
            for output, value in zip(outputs, rows["value"], strict=True)]


def _example(output: Mapping[str, Any], value: float, utterance: Mapping[str, Any], fact: Fact,
             run: ReportedRun) -> Example:
    pairs = _pairs(output["alignment"])
    counts = (int(output["amount"]), int(output["weight"])) if fact.is_count else None
    return Example(utterance, output, measured(value, fact, undefined="there is no reference"),
                   counts, pairs[:MOST_PAIRS], len(pairs[MOST_PAIRS:]),
                   run.recordings.players(utterance, output))


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows with None for what is missing."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return cast("list[dict[str, Any]]", rows)


def _pairs(alignment: str | None) -> tuple[Pair, ...]:
    """No pairs where the run kept no alignment that can be read."""
    try:
        return Alignment.from_json(alignment).pairs if alignment else ()
    except RunError:
        return ()
