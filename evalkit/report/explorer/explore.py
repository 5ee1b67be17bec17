"""Everything that a page says of single utterances and words, from the tables of its run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from markupsafe import Markup

from evalkit.core.memory import give_back
from evalkit.core.types import Fact
from evalkit.report.explorer.before import outputs_before
from evalkit.report.explorer.choice import BUDGET, chosen
from evalkit.report.explorer.document import KEYS, Node, Utterances, document, in_page
from evalkit.report.explorer.drivers import Drivers, drivers
from evalkit.report.explorer.drivers import table as drivers_table
from evalkit.report.explorer.reading import Confused, WordCounts, counted
from evalkit.report.explorer.words import (
    SHOWN,
    Wrong,
    confusion_table,
    together,
    word_table,
    wrong_words,
)
from evalkit.report.headline import ordered
from evalkit.report.outputs import lengths
from evalkit.report.recordings import Player
from evalkit.report.reported import ReportedRun
from evalkit.report.selection import best
from evalkit.report.table import Table
from evalkit.statistics.grouping import grouped
from evalkit.store.coded import among

MOST_METRICS = 8
"""Metrics that utterances can be sorted by, the most important."""
Players = Mapping[tuple[str, str, str], Sequence[Player]]


@dataclass(frozen=True)
class Explorer:
    """``ranked`` has a row an output with what is wrong in it and how bad it is by the most
    important metric, which means ``fact``; ``pipeline`` is the one that the page is about;
    ``words`` are counted by pipeline and condition; ``labels`` are the groups by every column of
    the page and utterance_id."""

    run: ReportedRun
    metric: str
    fact: Fact
    pipeline: str
    words: Mapping[tuple[str, str], WordCounts]
    ranked: pd.DataFrame
    labels: Mapping[str, pd.Series]
    drivers: list[Drivers]

    @property
    def total(self) -> int:
        """How many outputs there are."""
        return len(self.ranked)

    @property
    def driven(self) -> Drivers | None:
        """What drives the sum with the page's pipeline over all conditions; None where the metric
        counts no errors, or there are none."""
        found = [each for each in self.drivers if each.pipeline == self.pipeline]
        return found[0] if found and found[0].errors else None

    @property
    def confused(self) -> list[Confused]:
        """With the page's pipeline over all conditions, the most frequent."""
        return self._words(self.pipeline).most_confused[:SHOWN]

    @property
    def wrong(self) -> list[Wrong]:
        """With the page's pipeline over all conditions, those of the most errors."""
        return wrong_words(self._words(self.pipeline))[:SHOWN]

    def _words(self, pipeline: str) -> WordCounts:
        """Over all conditions."""
        return together(counts for (name, _), counts in self.words.items() if name == pipeline)

    @property
    def tables(self) -> list[Table]:
        """What stands beside the page as CSV."""
        return [drivers_table(self.drivers), confusion_table(self.words), word_table(self.words)]

    def kept(self, budget: int = BUDGET) -> pd.DataFrame:
        """The rows that the page holds, with their ``place`` among the worst and their texts."""
        kept = chosen(self.ranked, self.labels, budget // (2 if self.run.earlier else 1))
        texts = self.run.outputs.at(kept["at"].to_numpy())[["hypothesis", "alignment"]].set_axis(
            kept.index)
        return kept.join(texts.assign(alignment=texts["alignment"].where(kept["why"].isna())))

    def document(self, kept: pd.DataFrame, players: Players) -> Markup:
        """What the page's script unfolds (document.py), of the rows ``kept``."""
        run, facts = self.run, self._facts
        ids = kept["utterance_id"].unique().tolist()
        described = run.utterances[run.utterances["utterance_id"].isin(ids)]
        scores = run.scores[among(run.scores["utterance_id"], ids)
                            & among(run.scores["metric"], list(facts))]
        if len(kept) < self.total:
            scores = scores.merge(kept[KEYS], on=KEYS)
        pipelines = ordered(run.headline.pipelines, self.ranked["pipeline"])
        conditions = ordered(run.headline.conditions, self.ranked["condition"])
        before = outputs_before(run, kept)
        named = [*pipelines, *ordered((), before["pipeline"])]
        rows = pd.concat([kept, before], ignore_index=True) if len(before) else kept
        node = document(Utterances(rows, described, self.labels, facts, scores, players), named,
                        conditions)
        earlier = {"earlier": [*range(len(pipelines), len(named))]} if len(before) else {}
        return in_page(node | earlier | self._sums(pipelines, conditions, len(kept)))

    @property
    def _facts(self) -> dict[str, Fact]:
        facts = self.run.headline.facts
        return {name: facts[name] for name in self.run.scored_metrics[:MOST_METRICS]}

    def _sums(self, pipelines: list[str], conditions: list[str], shown: int) -> Node:
        """What the page's script cannot know from the rows that the page holds."""
        where = {name: i for i, name in enumerate(conditions)} | {"": -1}
        halves = [[pipelines.index(each.pipeline), where[each.condition], each.n, each.errors,
                   each.half] for each in self.drivers]
        sums = {"main": pipelines.index(self.pipeline), "shown": shown, "total": self.total,
                "halves": halves}
        if shown == self.total:
            return sums
        keyed = {f"{pipelines.index(p)},{where[c]}": counts
                 for (p, c), counts in self.words.items()}
        keyed |= {f"{i},-1": self._words(name) for i, name in enumerate(pipelines)}
        return sums | {
            "confused": {key: of.most_confused[:SHOWN] for key, of in keyed.items()},
            "wrong": {key: wrong_words(of)[:SHOWN] for key, of in keyed.items()}}


def explore(run: ReportedRun, ranked: pd.DataFrame, metric: str, fact: Fact) -> Explorer:
    """Of a run with scores of ``metric``; ``ranked`` are its measured rows with ``badness``
    (evalkit.report.sections.examples)."""
    scores = run.scores[run.scores["metric"] == metric]
    failed = _failed(run.outputs.keys, scores)
    # What the metric does not count is no part of the counts by word either.
    sizes = [np.empty(0, np.int64)]
    columns, words = counted(run.outputs.keys, _sized(
        run.outputs.texts(failed.notna().to_numpy()), sizes))
    rows = _joined(run.outputs.keys[KEYS].join(columns).assign(
        why=failed, bytes=np.concatenate(sizes)), ranked, fact)
    give_back()
    present = set(scores.dropna(subset="amount")["pipeline"])
    names = [name for name in run.headline.pipelines if name in present]
    return Explorer(run, metric, fact, run.pipeline or best(scores, fact, names), words, rows,
                    _labels(run), drivers(scores) if fact.is_count else [])


def _sized(texts: Iterable[tuple[pa.Array, pa.Array]], sizes: list[np.ndarray]
           ) -> Iterator[list[str | None]]:
    """The alignments among ``texts``, whose ``sizes`` are noted on the way."""
    for alignments, hypotheses in texts:
        sizes.append(lengths(alignments, hypotheses))
        yield alignments.to_pylist()


def _failed(outputs: pd.DataFrame, scores: pd.DataFrame) -> pd.Series:
    """Why each output has no value: its own error, or that of its score."""
    errors = scores[scores["error"].notna()]
    if errors.empty:
        return outputs["error"]
    keys = pd.MultiIndex.from_frame(outputs[KEYS])
    of_scores = errors.set_index(KEYS)["error"].astype(object).reindex(keys).to_numpy()
    return outputs["error"].fillna(pd.Series(of_scores, outputs.index))


def _joined(rows: pd.DataFrame, ranked: pd.DataFrame, fact: Fact) -> pd.DataFrame:
    """Outputs with their value, and what ``chosen`` asks for."""
    joined = rows.assign(at=np.arange(len(rows))).merge(
        ranked[[*KEYS, "amount", "weight", "badness"]], on=KEYS, how="left")
    kind = joined["loop"].notna().map({True: "loop", False: ""})
    kind = kind.mask(joined["silence"], "silence").mask(joined["why"].notna(), "failed")
    return joined.assign(kind=kind, errors=joined["amount"].fillna(0) if fact.is_count else 0)


def _labels(run: ReportedRun) -> dict[str, pd.Series]:
    names = run.columns.names if run.column is not None else []
    ids = pd.Index(run.utterances["utterance_id"])
    return {name: grouped(run.utterances, name).astype(str).astype("category").set_axis(ids)
            for name in names}
