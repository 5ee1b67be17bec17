"""What failed in a run, by kind, for ``summary.json``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from evalkit.core.ledger import LINE, NAMED
from evalkit.core.text import short
from evalkit.core.types import Fact
from evalkit.store import trials
from evalkit.store.documents.run import Failure
from evalkit.store.overview import Counts, utterances_of

CELL = ["pipeline", "condition"]
EER = "eer"


def failures(run: Path, failed: pd.DataFrame, pairs: pd.DataFrame, facts: Mapping[str, Fact]
             ) -> list[Failure]:
    """Of the scores of ``run`` that have ``failed``, and of its trials ``pairs``: an utterance
    once for all scores that it has no value of."""
    whole = {name: fact.part_of or name for name, fact in facts.items()}
    pairs = pairs.assign(metric=EER,
                         utterance_id=pairs["enroll_id"] + " and " + pairs["test_id"])
    of = (utterances_of(run, whole) if len(failed) else {}) | _trials(pairs)
    scores = failed.assign(metric=failed["metric"].map(lambda name: whole.get(name, name)))
    without = pairs[pairs["score"].isna()].assign(error=trials.NO_SCORE)
    both = pd.concat([part[[*CELL, "metric", "utterance_id", "error"]]
                      for part in (scores, without)], ignore_index=True)
    return [failure for (pipeline, condition), rows in both.groupby(CELL)
            for failure in _of_cell(str(pipeline), str(condition), rows, of)]


def _trials(pairs: pd.DataFrame) -> Counts:
    counts = pairs.groupby([*CELL, "metric"])["utterance_id"].nunique().reset_index()
    return {(row["pipeline"], row["condition"], row["metric"]): row["utterance_id"]
            for row in counts.to_dict("records")}


def _of_cell(pipeline: str, condition: str, rows: pd.DataFrame, of: Counts) -> Iterator[Failure]:
    """Of one pipeline and condition; metrics that failed on the same utterances are one."""
    failed = rows.drop_duplicates(["metric", "utterance_id"])
    kinds = failed["error"].str.split(":").str[0]
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (metric, kind), part in failed.groupby(["metric", kinds]):
        alike.setdefault((str(kind), tuple(sorted(part["utterance_id"]))), []).append(str(metric))
    for (kind, names), metrics in alike.items():
        part = failed[failed["metric"] == metrics[0]]
        reasons = part.loc[kinds[part.index] == kind, "error"].value_counts()
        yield Failure(
            pipeline=pipeline, condition=condition, metrics=metrics, kind=kind, n=len(names),
            of=max(of[pipeline, condition, metric] for metric in metrics),
            why=short(min(reasons.index[reasons == reasons.max()]), LINE) + (
                f"; one of {len(reasons):,} different reasons" if len(reasons) > 1 else ""),
            names=[short(name, LINE) for name in names[:NAMED]])
