"""The worst utterances, each with its word alignment and its recordings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import pandas as pd

from evalkit.alignment import Alignment, Pair
from evalkit.errors import RunError
from evalkit.report.groups import METRIC
from evalkit.report.recordings import Player, Recordings
from evalkit.report.tables import Cell, Headline, Row, cell
from evalkit.scores import ratio

SHOWN = 10
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


def worst_rows(scores: pd.DataFrame) -> pd.DataFrame:
    """The SHOWN utterances with the highest word error rate, each once, under the pipeline and
    condition where it is worst; among equal rates that with more errors. An utterance without
    reference words has no rate, and is ranked as if it had one word."""
    rows = scores[(scores["metric"] == METRIC) & (scores["amount"] > 0)]
    rows = rows.assign(value=ratio(rows["amount"], rows["weight"]),
                       rank=rows["amount"] / rows["weight"].clip(lower=1))
    rows = rows.sort_values(["rank", "amount", "utterance_id", "pipeline", "condition"],
                            ascending=[False, False, True, True, True], kind="stable")
    return rows.drop_duplicates("utterance_id").head(SHOWN)


def worst_examples(headline: Headline, utterances: pd.DataFrame, scores: pd.DataFrame,
                   outputs: pd.DataFrame, recordings: Recordings) -> list[Example]:
    """What ``worst_rows`` names, the worst first, with their recordings copied."""
    keys = ["pipeline", "condition", "utterance_id"]
    rows = worst_rows(scores)[[*keys, "amount", "weight", "value"]]
    described = utterances[utterances["utterance_id"].isin(rows["utterance_id"])]
    known = {row["utterance_id"]: row for row in _records(described)}
    return [_example(row, known.get(row["utterance_id"], {}), headline, recordings)
            for row in _records(rows.merge(outputs, on=keys, how="left"))]


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
