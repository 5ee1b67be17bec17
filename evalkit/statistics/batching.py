"""How much of an error rate is due to hearing utterances in batches, in numbers and in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain
from typing import Any

import pandas as pd

from evalkit.core.text import number, span, with_unit
from evalkit.core.types import PERCENT, Fact, Interval
from evalkit.statistics.bootstrap import Contrast, intervals
from evalkit.statistics.groups import NOTHING
from evalkit.statistics.sums import speaker_sums
from evalkit.store.documents.batching import BatchEffect
from evalkit.store.documents.run import RunRecord

WORD_ERRORS = Fact(PERCENT, False, "errors over reference words, of the run's first normaliser")


def rates(effect: BatchEffect) -> tuple[float, float]:
    """The word error rates alone and in the batches; NaN where there are no reference words."""
    words = sum(each.words for each in effect.counts)
    if not words:
        return math.nan, math.nan
    return (sum(each.alone for each in effect.counts) / words,
            sum(each.batch for each in effect.counts) / words)


def change(effect: BatchEffect) -> Interval:
    """The word error rate in the batches minus that alone; NOTHING where there are no reference
    words."""
    if math.isnan(rates(effect)[0]):
        return NOTHING
    rows = [{"utterance_id": each.utterance_id, "speaker_id": each.speaker_id, "system": system,
             "amount": amount, "weight": each.words, "error": None}
            for each in effect.counts for system, amount in (("0", each.alone), ("1", each.batch))]
    sums = speaker_sums(pd.DataFrame(rows), system="system")
    return intervals(sums, [Contrast((0, 1), (0, 0))])[0]


def by_systems(record: RunRecord) -> list[BatchEffect]:
    """What batches changed, of all pipelines and conditions together in which the same systems
    hear them: what these are given alone is dealt out among them."""
    together: dict[object, list[BatchEffect]] = {}
    for effect in record.batching:
        together.setdefault(record.pipelines[effect.pipeline].in_batches, []).append(effect)
    return [_sum(each) for each in together.values()]


def _sum(effects: Sequence[BatchEffect]) -> BatchEffect:
    """Of all pipelines and conditions of ``effects``, which have the same systems."""
    def known(name: str) -> list[Any]:
        return [value for each in effects if (value := getattr(each, name)) is not None]

    return BatchEffect(
        pipeline=", ".join(dict.fromkeys(known("pipeline"))),
        condition=", ".join(dict.fromkeys(known("condition"))), batch=max(known("batch")),
        n=sum(known("n")), n_failed=sum(known("n_failed")),
        otherwise=sum(known("otherwise")) if known("otherwise") else None,
        counts=[*chain(*known("counts"))], distance=max(known("distance"), default=None))


def largest(effects: Sequence[BatchEffect]) -> BatchEffect:
    """The one in which most was transcribed otherwise, or else that of the largest distance."""
    return max(effects, key=lambda each: (each.otherwise or 0, each.distance or 0.0))


def said(effect: BatchEffect) -> str:
    """What batches changed, as the end of a sentence."""
    parts = [_transcribed(effect), _rates(effect) if effect.otherwise and effect.counts else "",
             "" if effect.distance is None else
             f"largest cosine distance of an embedding to that alone {effect.distance:.1g}",
             f"{effect.n_failed} of {effect.n} failed alone or in the batch"
             if effect.n_failed else ""]
    return "; ".join(filter(None, parts)) or "nothing was transcribed or embedded"


def _transcribed(effect: BatchEffect) -> str:
    if effect.otherwise is None:
        return ""
    was = "was" if effect.otherwise == 1 else "were"
    return (f"{effect.otherwise or 'none'} of {effect.n} utterances {was} transcribed otherwise "
            "than alone")


def _rates(effect: BatchEffect) -> str:
    (alone, batch), difference = rates(effect), change(effect)
    bounds = span(difference.low, difference.high, WORD_ERRORS)
    return (f"word error rate {with_unit(alone, WORD_ERRORS)} alone, "
            f"{with_unit(batch, WORD_ERRORS)} in the batch "
            f"({number(difference.value, WORD_ERRORS, signed=True)} points"
            f"{f', 95 % interval {bounds}' if bounds else ''})")
