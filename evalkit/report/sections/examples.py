"""Utterances to listen to: the worst, and those that a pipeline changed most, each with its word
alignment and its recordings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import pandas as pd
from markupsafe import Markup

from evalkit.core.alignment import Pair
from evalkit.core.text import count
from evalkit.core.types import Fact
from evalkit.report.explorer.drivers import Drivers
from evalkit.report.explorer.explore import Explorer, explore
from evalkit.report.explorer.reading import pairs_of
from evalkit.report.explorer.sounds import sounds
from evalkit.report.explorer.words import rate
from evalkit.report.recordings import Player
from evalkit.report.reported import ReportedRun
from evalkit.report.section import Content, Section
from evalkit.report.table import Cell, measured
from evalkit.report.text import say
from evalkit.store.scores import GIVEN, ratio

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

    @property
    def key(self) -> tuple[str, str, str]:
        """Of which output it is: pipeline, condition, utterance_id."""
        return self.output["pipeline"], self.output["condition"], self.output["utterance_id"]


@dataclass(frozen=True)
class Change:
    """An utterance under one condition, with the first pipeline of the run and with the one that
    changed it most; ``better`` says whether for the better."""

    before: Example
    after: Example
    better: bool


@dataclass(frozen=True)
class Examples:
    """Chosen by ``metric``, which means ``fact``, and shown with the label in ``column``;
    ``explorer`` has the others, and ``document`` what the page's script unfolds of them, which are
    ``shown``."""

    metric: str
    fact: Fact
    column: str | None
    worst: list[Example]
    changes: list[Change]
    explorer: Explorer
    document: Markup
    shown: int
    driving: Markup
    open: int = OPEN

    @property
    def confused(self) -> list[list[str]]:
        """The cells of the table of words that were heard for others."""
        return [[each.reference, each.hypothesis, f"{each.n:,}"] for each in self.explorer.confused]

    @property
    def wrong(self) -> list[list[str]]:
        """The cells of the table of words with errors."""
        return [[each.word, f"{each.said:,}", f"{each.wrong:,}", rate(each).text,
                 f"{each.substituted:,}", f"{each.deleted:,}", f"{each.inserted:,}"]
                for each in self.explorer.wrong]

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


def build(run: ReportedRun) -> Content | None:
    """Shown for every run but one of trials alone; without ``content`` where nothing was scored."""
    if not run.scored_metrics:
        return None if run.headline.has_trials else Content()
    metric = run.scored_metrics[0]
    fact = run.headline.facts[metric]
    column = run.groups.column if run.groups else None
    worst, changes, explorer = _found(run, metric, fact)
    kept = explorer.kept()
    players = sounds(run, kept, explorer.pipeline, {
        example.key: example.players
        for example in (*worst, *(each for change in changes for each in (change.before,
                                                                          change.after)))})
    sentence = driving(explorer.driven, run)
    shown = Examples(metric, fact, column, worst, changes, explorer,
                     explorer.document(kept, players), len(kept), sentence)
    return Content(shown, explorer.tables, left_out=run.recordings.left_out, sentences=[sentence])


def _found(run: ReportedRun, metric: str, fact: Fact
           ) -> tuple[list[Example], list[Change], Explorer]:
    """The worst, those that changed most, and all."""
    ranked = rank(run.scores[run.scores["metric"] == metric], fact)
    return (_examples(worst_rows(ranked, fact), fact, run), _changes(ranked, fact, run),
            explore(run, ranked, metric, fact))


def driving(of: Drivers | None, run: ReportedRun) -> Markup:
    """What drives the sum, in a sentence; nothing where there are no errors."""
    if of is None:
        return Markup()
    return say("<b>{} of {}</b> {} half of all {} with {}", f"{of.half:,}",
               count(of.n, "utterance"), "makes" if of.half == 1 else "make",
               count(of.errors, "error"), of.pipeline) + _where(of, run) + "."


def _where(of: Drivers, run: ReportedRun) -> Markup:
    """The conditions, for running text."""
    conditions = [of.condition] if of.condition else run.headline.conditions
    if conditions == [GIVEN]:
        return Markup()
    return say(" in {}", conditions[0]) if len(conditions) == 1 else Markup(
        " over all conditions together")


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
    outputs = _records(rows.merge(run.outputs.of(rows["utterance_id"]), on=KEYS, how="left"))
    return [_example(output, value, utterances.get(output["utterance_id"], {}), fact, run)
            for output, value in zip(outputs, rows["value"], strict=True)]


def _example(output: Mapping[str, Any], value: float, utterance: Mapping[str, Any], fact: Fact,
             run: ReportedRun) -> Example:
    pairs = pairs_of(output["alignment"]) or ()
    counts = (int(output["amount"]), int(output["weight"])) if fact.is_count else None
    return Example(utterance, output, measured(value, fact, undefined="there is no reference"),
                   counts, pairs[:MOST_PAIRS], len(pairs[MOST_PAIRS:]),
                   run.recordings.players(utterance, output))


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows with None for what is missing."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return cast("list[dict[str, Any]]", rows)

