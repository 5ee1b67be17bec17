"""What batches changed: a sentence and a table."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from evalkit.core.types import Fact
from evalkit.report.table import Column, Row, Table, counted, failed, measured, texts
from evalkit.report.text import say
from evalkit.statistics.batching import WORD_ERRORS, change, largest, rates, said
from evalkit.store.documents.batching import BatchEffect

DISTANCE = Fact("", False, "", decimals=6)


def sentence(effects: Sequence[BatchEffect]) -> Markup:
    """Of those in which batches change most; empty where nothing is heard in batches, or nobody
    looked."""
    if not effects:
        return Markup()
    most = largest(effects)
    whole = f" (the most of {len(effects)} sets of systems)" if len(effects) > 1 else ""
    return say(f"In batches of up to {most.batch}, <b>{{}}</b> in {{}}{whole}: {{}}.",
               most.pipeline, most.condition, said(most))


def changes(effects: Sequence[BatchEffect]) -> Table:
    """A row for each of ``effects``."""
    columns = [Column("pipeline", "Pipelines"), Column("condition", "Conditions"),
               Column("batch", "Batches of up to", "number"),
               Column("n", "Given alone too (n)", "number"),
               Column("n_failed", "Failed in one way", "number"),
               Column("otherwise", "Transcribed otherwise", "number"),
               Column("alone", "Word error rate alone, %", "number"),
               Column("in_batch", "In the batch, %", "number"),
               Column("difference", "Difference, points", "number"),
               Column("distance", "Largest cosine distance", "number")]
    return Table("batches", "What batches change", columns, [_row(each) for each in effects])


def _row(effect: BatchEffect) -> Row:
    (alone, batch), difference = rates(effect), change(effect)
    none = "no reference words" if effect.otherwise is not None else "no recognizer in batches"
    distance = float("nan") if effect.distance is None else effect.distance
    return Row(texts(pipeline=effect.pipeline, condition=effect.condition) | {
        "batch": counted(effect.batch), "n": counted(effect.n),
        "n_failed": failed(effect.n_failed), "otherwise": counted(effect.otherwise),
        "alone": measured(alone, WORD_ERRORS, undefined=none),
        "in_batch": measured(batch, WORD_ERRORS, undefined=none),
        "difference": measured(difference.value, WORD_ERRORS, difference.low, difference.high,
                               none),
        "distance": measured(distance, DISTANCE, undefined="no embeddings")})
