"""Three verdicts of a gate, held to what they promise by simulation."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from evalkit.compare import changes
from evalkit.compare.changes import Untested
from evalkit.compare.gates import Gate, Gates
from evalkit.compare.scopes import Scope
from evalkit.compare.verdicts import gate_results
from evalkit.statistics.bootstrap import Contrast, Resampling, intervals
from evalkit.statistics.power import detectable, more_speakers
from evalkit.statistics.sums import SpeakerSums
from evalkit.store.documents.comparison import Change, Check

SPEAKERS, ALLOWED, LEVEL = 40, 0.01, 0.05
QUICK = Resampling(draws=200, level=1 - LEVEL)
KEY = ("asr", "given", "wer")
GATES = Gates(gates=[Gate(metric="wer", tolerance={"absolute": ALLOWED})])
BY_CHANCE = 0.043
"""Half of the level, of either side, and two standard errors of 300 comparisons."""


def compared(rng: np.random.Generator, worse: float, speakers: int = SPEAKERS) -> Check:
    """A gate on two versions of which the second is worse by ``worse``; the speakers differ by
    much, and in how much they say."""
    weight = rng.integers(50, 400, speakers).astype(float)
    own = rng.normal(0.15, 0.05, speakers)
    amounts = np.stack([own, own + worse + rng.normal(0, 0.02, speakers)], axis=1) * weight[:, None]
    both = np.stack([weight, weight], axis=1)
    sums = SpeakerSums(np.arange(speakers), ("all",), ("0", "1"), amounts[:, None], both[:, None],
                       np.zeros((3, 1, 2)))
    interval = intervals(sums, [Contrast((0, 1), (0, 0))], QUICK, "t")[0]
    rates = amounts.sum(axis=0) / weight.sum()
    change = Change(pipeline="asr", condition="given", metric="wer", scope="overall",
                    base=rates[0], candidate=rates[1], change=interval, worsening=interval.value,
                    most_worsening=interval.high, n=speakers, n_failed_base=0,
                    n_failed_candidate=0, why=None)
    untested = Untested(change, np.diff(amounts)[:, 0] / weight.sum(), weight / weight.sum())
    cell = (KEY, Scope("overall"))
    (result,) = gate_results(GATES, [[cell]], {cell: changes.tested([untested], LEVEL, QUICK)[0]},
                             {cell: untested}, QUICK)
    return result.checks[0]


def verdicts(worse: float, n: int = 300, speakers: int = SPEAKERS) -> Counter[str]:
    """Shares."""
    rng = np.random.default_rng([speakers, round(1e5 * (1 + worse))])
    said = Counter(compared(rng, worse, speakers).status for _ in range(n))
    return Counter({status: count / n for status, count in said.items()})


def test_at_the_tolerance_neither_verdict_is_given_more_often_than_the_level_allows() -> None:
    at = verdicts(ALLOWED)
    assert at["failed"] <= BY_CHANCE and at["passed"] <= BY_CHANCE
    assert at["inconclusive"] >= 1 - 2 * BY_CHANCE


def test_away_from_it_the_right_one_is_and_never_the_other() -> None:
    within, beyond = verdicts(-ALLOWED, 80), verdicts(3 * ALLOWED, 80)
    assert within["passed"] > 0.95 and within["failed"] == 0
    assert beyond["failed"] > 0.95 and beyond["passed"] == 0


@pytest.mark.parametrize("side", [-1, 1])
def test_what_could_have_been_shown_is_shown_in_80_of_100(side: int) -> None:
    reach = np.mean([compared(np.random.default_rng(i), 0.0).detectable for i in range(30)])
    said = verdicts(ALLOWED + side * float(reach), 150)
    assert abs(said["failed" if side > 0 else "passed"] - 0.8) < 0.09


def test_so_many_more_speakers_settle_it() -> None:
    """What one inconclusive check advises, followed where the truth is what that check saw."""
    rng = np.random.default_rng(3)
    seen = next(check for check in (compared(rng, 2 * ALLOWED / 3, 12) for _ in range(100))
                if check.status == "inconclusive" and check.more_speakers
                and check.worsening > ALLOWED)
    again = [compared(rng, seen.worsening, 12).change for _ in range(40)]
    wanted = np.mean([more_speakers(change, seen.worsening - ALLOWED, LEVEL, of=12) or 0
                      for change in again])
    said = verdicts(seen.worsening, 150, 12 + round(float(wanted)))
    assert abs(said["failed"] - 0.8) < 0.1


def test_nobody_varies_and_nothing_to_find_give_no_advice() -> None:
    check = compared(np.random.default_rng(0), 0.0)
    assert more_speakers(check.change, 0.0, LEVEL, of=SPEAKERS) is None
    assert more_speakers(check.change, 10 * check.detectable, LEVEL, of=SPEAKERS) == 0
    alike = check.change.__class__(0.0, 0.0, 0.0, 0.0, 39.0, 40, "t", "nothing changed")
    assert np.isnan(detectable(alike, LEVEL)) and more_speakers(alike, 1.0, LEVEL, of=1) is None
