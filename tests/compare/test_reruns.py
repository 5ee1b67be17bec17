"""Several runs of one version: means compared, their noise in intervals and gates."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.compare.baseline import Candidate
from evalkit.compare.comparison import decide
from evalkit.compare.formats import reasons
from evalkit.compare.gates import Gate, Gates
from evalkit.compare.reruns import NO_RERUNS, Reruns, averaged
from evalkit.core.ledger import lines
from evalkit.statistics.bootstrap import Resampling
from evalkit.store.documents.baseline import Baseline, Cell, TrialCell
from evalkit.store.documents.comparison import Comparison
from tests.worlds import planted

QUICK = Resampling(draws=400)
OVERALL = {"tolerance": {"relative": 0.05}}


def gated(base: Baseline, candidate: Candidate, reruns: Reruns = NO_RERUNS,
          **gate: object) -> Comparison:
    asked = Gates(gates=[Gate.model_validate({"metric": "wer", **OVERALL, **gate})])
    return decide(base, candidate, asked, resampling=QUICK, reruns=reruns)


def moved(candidate: Candidate, by: float, name: str = "again") -> Candidate:
    """A run in which everybody's errors are so many times as many."""
    return candidate._replace(name=name, scores=[cell.model_copy(update={
        "amount": [by * each for each in cell.amount]}) for cell in candidate.scores])


def of_base(base: Baseline, by: float = 1.0) -> Candidate:
    return moved(Candidate("b", base.facts, frozenset(base.block_of), base.scores, []), by)


def test_a_change_that_one_run_shows_is_open_where_runs_differ_as_much() -> None:
    base, candidate = planted(worse=(1.2, 1.2, 1.2))
    alone = gated(base, candidate)
    reruns = Reruns([of_base(base, 1.15), of_base(base, 0.9)],
                    [moved(candidate, 0.85), moved(candidate, 1.1)])
    several = gated(base, candidate, reruns)
    assert (alone.outcome, several.outcome) == ("regression", "pass")
    one, mean = alone.gates[0].checks[0], several.gates[0].checks[0]
    assert several.gates[0].status == "inconclusive" and mean.runs == [3, 3]
    rates = [np.mean([sum(cell.amount) / sum(cell.weight) for cell in cells])
             for cells in ([base.scores[0], *(run.scores[0] for run in reruns.base)],
                           [candidate.scores[0], *(run.scores[0] for run in reruns.candidate)])]
    assert [mean.base, mean.candidate] == pytest.approx(rates)
    assert mean.change.se > 3 * one.change.se and mean.change.df < 10
    assert mean.p_value > 0.05 > one.p_value and mean.p_beyond > one.p_beyond
    assert mean.decoding is not None and mean.decoding.share > 0.9
    (note,) = [note for note in several.notes if note.startswith("decoding: ")]
    assert "with 3 runs of the base and 3 of the candidate" in note


def test_the_same_run_again_says_the_same() -> None:
    base, candidate = planted(worse=(1.1, 1.1, 1.1))
    alone = gated(base, candidate, scope="gap place")
    again = gated(base, candidate, Reruns([of_base(base)], [moved(candidate, 1.0)]),
                  scope="gap place")
    one, two = alone.gates[0].checks[0], again.gates[0].checks[0]
    assert [two.change.low, two.change.high, two.p_beyond] == pytest.approx(
        [one.change.low, one.change.high, one.p_beyond])
    assert two.decoding is not None and (two.decoding.share, two.decoding.enough) == (0.0, 1)


def test_a_gate_asks_for_runs() -> None:
    base, candidate = planted(worse=(1.5, 1.5, 1.5))
    short = gated(base, candidate, Reruns([], [moved(candidate, 1.01)]), runs=3)
    assert short.gates[0].status == "inconclusive" and short.outcome == "pass"
    assert list(reasons(short)) == [
        "inconclusive: wer overall, asr, given: 3 runs of each version are asked for: add 2 more "
        "of the base and 1 more of the candidate"]
    assert gated(base, candidate, runs=2, on_inconclusive="fail").outcome == "inconclusive"
    enough = gated(base, candidate, Reruns([of_base(base)] * 2, [moved(candidate, 1.01)] * 2),
                   runs=3)
    assert enough.outcome == "regression"


def test_what_not_every_run_measured_is_left_out_and_counted() -> None:
    base, candidate = planted()
    cell = candidate.scores[0]
    lost = moved(candidate, 1.0)._replace(scores=[cell.model_copy(update={
        "n": [7, *cell.n[1:]], "failed": base.blocks[0].utterances[:3]})])
    found = gated(base, candidate, Reruns([], [lost]))
    assert found.outcome == "incomplete" and found.gates[0].checks[0].n == 590
    assert any("3 failures that the base did not have" in line for line in found.problems)
    assert any("run again: " in line for line in found.problems)
    assert any(line.startswith("comparison: asr, given, wer: 10 utterances left out")
               for line in lines(found.left_out))


def test_values_of_trials_are_averaged_where_the_trials_are_the_same() -> None:
    base, candidate = planted()
    names = [block.name for block in base.blocks]

    def of(values: float, trials: str = "t") -> TrialCell:
        return TrialCell(pipeline="asr", condition="given", metric="eer", column=None, group=None,
                         trials=trials, n=9, n_failed=0, speakers=names,
                         values=[values] * len(names))

    runs = [candidate._replace(trials=[of(value)]) for value in (0.2, 0.4)]
    other = candidate._replace(trials=[of(0.1, "others")])
    joined = averaged(base.model_copy(update={"trials": [of(0.1)]}), runs[0], Reruns([], runs[1:]))
    assert joined.candidate.trials[0].values == pytest.approx([0.3] * len(names))
    split = averaged(base, runs[0], Reruns([], [other]))
    assert split.candidate.trials[0].trials == "differs between runs"


def test_every_run_has_a_mean_of_the_sums_of_its_version() -> None:
    base, candidate = planted()
    joined = averaged(base, candidate, Reruns([], [moved(candidate, 3.0)]))
    (first,), (mean,) = candidate.scores, joined.candidate.scores
    assert isinstance(mean, Cell) and mean.amount == pytest.approx([2 * a for a in first.amount])
    assert mean.weight == first.weight and mean.n == first.n
    assert [len(side) for side in joined.pairing.runs] == [1, 2]
