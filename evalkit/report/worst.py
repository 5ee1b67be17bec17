"""Utterances to listen to: the worst, and those that a pipeline changed most, each with its word
alignment and its recordings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import pandas as pd

from evalkit.core.alignment import Alignment, Pair
from evalkit.core.errors import RunError
from evalkit.report.groups import METRIC
from evalkit.report.recordings import Player, Recordings
from evalkit.report.tables import Cell, Headline, Row, cell
from evalkit.store.scores import ratio

SHOWN = 10
CHANGED = 3
"""Utterances that became worse, and as many that became better."""
KEYS = ["utterance_id", "pipeline", "condition"]
MOST_PAIRS = 200
"""Longer alignments are cut, and say so."""


@dataclass(frozen=True)
class Example:
    """An utterance under the pipeline and condition in which it came out worst. ``cut`` counts
    the pairs of its alignment that are not shown."""

    utterance: Mapping[str, Any]
    output: Mapping[str, Any]
    errors: int
    words: int
    rate: Cell
    pairs: tuple[Pair, ...]
    cut: int
    players: list[Player]


@dataclass(frozen=True)
class Change:
    """An utterance under one condition, with the first pipeline of the run and with the one that
    changed it most."""

    before: Example
    after: Example

    @property
    def better(self) -> bool:
        """Whether there are fewer errors after it."""
        return self.after.errors < self.before.errors


def worst_rows(scores: pd.DataFrame) -> pd.DataFrame:
    """The SHOWN utterances with the highest word error rate, each once, under the pipeline and
    condition where it is worst; among equal rates that with more errors. An utterance without
    reference words has no rate, and is ranked as if it had one word."""
    rows = _ranked(scores)
    rows = rows[rows["amount"] > 0].sort_values(
        ["rank", "amount", *KEYS], ascending=[False, False, True, True, True], kind="stable")
    return rows.drop_duplicates("utterance_id").head(SHOWN)


def changed_rows(scores: pd.DataFrame, first: str) -> pd.DataFrame:
    """The CHANGED utterances that became worst from the pipeline ``first`` to another under the
    same condition, then as many that became best, each once: rows of the other pipeline with
    ``change``, of the rate."""
    rows = _ranked(scores)
    here = ["utterance_id", "condition"]
    before = rows[rows["pipeline"] == first].set_index(here)["rank"].rename("before")
    rows = rows[rows["pipeline"] != first].join(before, on=here)
    rows = rows.assign(change=rows["rank"] - rows["before"])
    rows = rows[rows["change"].abs() > 0].sort_values(
        ["change", *KEYS], ascending=[False, True, True, True], kind="stable")
    worse, better = rows[rows["change"] > 0], rows[rows["change"] < 0][::-1]
    return pd.concat([part.drop_duplicates("utterance_id").head(CHANGED)
                      for part in (worse, better)]).drop_duplicates("utterance_id")


def _ranked(scores: pd.DataFrame) -> pd.DataFrame:
    rows = scores[scores["metric"] == METRIC].dropna(subset="amount")
    return rows.assign(value=ratio(rows["amount"], rows["weight"]),
                       rank=rows["amount"] / rows["weight"].clip(lower=1))


def worst_examples(headline: Headline, utterances: pd.DataFrame, scores: pd.DataFrame,
                   outputs: pd.DataFrame, recordings: Recordings) -> list[Example]:
    """What ``worst_rows`` names, the worst first, with their recordings copied."""
    return _examples(worst_rows(scores), headline, utterances, outputs, recordings)


def changed_examples(headline: Headline, utterances: pd.DataFrame, scores: pd.DataFrame,
                     outputs: pd.DataFrame, recordings: Recordings) -> list[Change]:
    """What ``changed_rows`` names against the run's first pipeline."""
    rows = changed_rows(scores, headline.pipelines[0])
    then = rows[["utterance_id", "condition"]].assign(pipeline=headline.pipelines[0])
    before = then.merge(_ranked(scores), on=KEYS, how="left")
    return [Change(*pair) for pair in zip(
        *(_examples(part, headline, utterances, outputs, recordings) for part in (before, rows)),
        strict=True)]


def _examples(rows: pd.DataFrame, headline: Headline, utterances: pd.DataFrame,
              outputs: pd.DataFrame, recordings: Recordings) -> list[Example]:
    rows = rows[[*KEYS, "amount", "weight", "value"]]
    described = utterances[utterances["utterance_id"].isin(rows["utterance_id"])]
    known = {row["utterance_id"]: row for row in _records(described)}
    return [_example(row, known.get(row["utterance_id"], {}), headline, recordings)
            for row in _records(rows.merge(outputs, on=KEYS, how="left"))]


def _example(row: Mapping[str, Any], utterance: Mapping[str, Any], headline: Headline,
             recordings: Recordings) -> Example:
    pairs = _pairs(row["alignment"])
    rate = cell(Row(row["pipeline"], row["condition"], METRIC, row["value"], 1),
                headline.facts[METRIC])
    return Example(utterance, row, int(row["amount"]), int(row["weight"]), rate,
                   pairs[:MOST_PAIRS], len(pairs[MOST_PAIRS:]),
                   recordings.players(utterance, row))


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
