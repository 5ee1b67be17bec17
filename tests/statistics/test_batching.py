"""What batches change, in numbers and in words."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evalkit.report.batching import changes, sentence
from evalkit.statistics.batching import change, largest, rates, said
from evalkit.statistics.bootstrap import Contrast, intervals
from evalkit.statistics.sums import speaker_sums
from evalkit.store.documents.batching import BatchEffect
from evalkit.terminal import line, print_batching
from tests.worlds import plant


def effect(counts: list[tuple[str | None, int, int, int]], **changed: Any) -> BatchEffect:
    """``counts`` are of speaker, words, errors alone and errors in the batch."""
    fields = {"pipeline": "asr", "condition": "clean", "batch": 8, "n": len(counts), "n_failed": 0,
              "otherwise": sum(a != b for _, _, a, b in counts), "distance": None}
    return BatchEffect.model_validate(fields | changed | {"counts": [
        {"utterance_id": f"u{i}", "speaker_id": speaker, "words": words, "alone": a, "batch": b}
        for i, (speaker, words, a, b) in enumerate(counts)]})


FOUR = [("a", 10, 1, 1), ("a", 10, 2, 3), ("b", 20, 3, 3), ("c", 10, 1, 2)]


def test_rates_are_sums_over_sums() -> None:
    assert rates(effect(FOUR)) == (pytest.approx(7 / 50), pytest.approx(9 / 50))
    assert change(effect(FOUR)).value == pytest.approx(2 / 50)
    assert all(math.isnan(rate) for rate in rates(effect([])))
    assert math.isnan(change(effect([("a", 0, 2, 0)])).value)


def test_the_interval_is_that_of_two_systems_over_speakers() -> None:
    rng = np.random.default_rng(3)
    alone = plant(rng, 12, rate=0.2)
    batch = alone.assign(amount=alone["amount"] + rng.integers(0, 2, len(alone)))
    both = pd.concat([alone.assign(system="0"), batch.assign(system="1")])
    expected, = intervals(speaker_sums(both, system="system"), [Contrast((0, 1), (0, 0))])
    found = change(effect([(s, int(w), int(a), int(b)) for s, w, a, b in zip(
        alone["speaker_id"], alone["weight"], alone["amount"], batch["amount"], strict=True)]))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.low < found.value < found.high and found.n_speakers == 12


def test_a_sentence_says_how_many_and_how_much(capsys: pytest.CaptureFixture[str]) -> None:
    same = effect([("a", 10, 1, 1)], condition="<b>", distance=1.19e-7)
    bad = effect(FOUR, n_failed=1, n=5)
    assert said(same) == ("none of 1 utterances were transcribed otherwise than alone; largest "
                          "cosine distance of an embedding to that alone 1e-07")
    assert re.fullmatch(
        r"2 of 5 utterances were transcribed otherwise than alone; word error rate 14.00\s% "
        r"alone, 18.00\s% in the batch \(\+4.00 points, 95 % interval .* to .*\); 1 of 5 failed "
        r"alone or in the batch", said(bad))
    assert largest([same, bad]) is bad
    shown = sentence([same, bad])
    assert "<b><bdi>asr</bdi></b> in <bdi>clean</bdi> (the most of 2 sets of systems)" in shown
    assert "&lt;b&gt;" in sentence([same]) and sentence([]) == ""
    print_batching([same, bad])
    lines = capsys.readouterr().out.splitlines()
    assert lines == [line(f"asr in <b>, in batches of up to 8: {said(same)}"),
                     f"asr in clean, in batches of up to 8: {line(said(bad))}"]
    print_batching([])
    assert not capsys.readouterr().out
    row = changes([bad]).rows[0].cells
    assert (row["otherwise"].text, row["alone"].text, row["difference"].text) == (
        "2", "14.00", "4.00")
