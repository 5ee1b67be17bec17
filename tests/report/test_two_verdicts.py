"""The first screen and discovery never contradict each other in silence."""

from __future__ import annotations

import math
from typing import Any

import pytest

from evalkit.core.types import Interval
from evalkit.report.two_verdicts import why_they_differ
from evalkit.statistics.groups import GroupRow
from evalkit.store.documents.findings import (
    Chance,
    Cohort,
    Finding,
    Findings,
    OnHalf,
    Status,
    Verdict,
)
from tests.report.test_first_screen import CLEAR, RATE, group, plain, selection

GAP = Interval(0.2, 0.1, 0.3, 0.01, 0.0, 9, "t")


def half(n_speakers: int) -> OnHalf:
    return OnHalf(value=GAP, n=40, n_failed=0, n_speakers=n_speakers, share=0.2, weight=90.0,
                  sufficient=True)


def findings(label: str, status: Status, **other: Any) -> Findings:
    nan = math.nan
    found = Finding(
        finder="declared", unit="speaker", projected=False, status=status, options={}, rule={},
        chance=Chance(gap=0.1, shuffles=0, low=nan, median=nan, high=nan, p_value=nan),
        verdicts=[Verdict(cohort=label, status=status, discovered_gap=0.1, gap=GAP,
                          relative_gap=1.0, p_value=0.01, p_adjusted=0.02, who=[])],
        extremes=None, regions=None,
        cohorts=[Cohort(name=label, discovery=half(6), confirmation=half(7))])
    return Findings(**{
        "metric": "wer", "fact": RATE, "pipeline": "a", "condition": None, "n_discovery": 40,
        "n_confirmation": 39, "overall": half(79), "level": 0.95, "seed": 0, "finders": [found],
        "columns": {}, "left_out": [], "warnings": []} | other)


UNCLEAR, SURE = (group("x", 0.3, CLEAR, p, speakers=13) for p in (0.3, 0.01))


@pytest.mark.parametrize(("row", "status", "said"), [
    (UNCLEAR, "confirmed", "not surely worse on the first screen and confirmed as a cohort"),
    (SURE, "not confirmed", "surely worse on the first screen and not confirmed as a cohort"),
    (SURE, "too few fresh speakers", "surely worse on the first screen and not tested"),
    (SURE, "confirmed", ""), (UNCLEAR, "not confirmed", ""),
    (UNCLEAR, "too few fresh speakers", "")])
def test_verdicts_that_differ_are_explained(row: GroupRow, status: Status, said: str) -> None:
    told = why_they_differ(selection(row, group("y", 0.1, speakers=66)),
                           findings("accent = x", status))
    assert len(told) == bool(said)
    for sentence in told:
        assert said in plain(sentence)
        assert ("the first screen all 13 speakers against 66 others, corrected for 2 groups; "
                "discovery looks for cohorts on 40 speakers and tests them on fresh ones alone, "
                "here 7 against at most 32.") in plain(sentence)


def test_another_label_or_another_pipeline() -> None:
    shown = selection(UNCLEAR, group("y", 0.1))
    assert not why_they_differ(shown, findings("gender = x", "confirmed"))
    sentence, = why_they_differ(shown, findings(
        "accent = x", "confirmed", pipeline="b", condition="clean"))
    assert plain(sentence).endswith(", and by Word error rate of b, in clean.")
