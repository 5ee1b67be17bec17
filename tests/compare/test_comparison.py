"""What a gate decides, from planted changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.cohorts.discovery import Settings, discover
from evalkit.cohorts.finders.declared import Declared
from evalkit.compare.baseline import Candidate, freeze
from evalkit.compare.comparison import decide
from evalkit.compare.gates import Gate, Gates
from evalkit.compare.pairing import Pairing
from evalkit.compare.scopes import KINDS, Every, Scope, parse_scope
from evalkit.compare.unmatched import check_common
from evalkit.core.errors import ConfigError
from evalkit.core.types import Fact
from evalkit.statistics.bootstrap import Resampling
from evalkit.store.documents.baseline import Baseline, Key
from evalkit.store.documents.comparison import Comparison
from evalkit.store.documents.run import Normaliser
from tests.worlds import FACTS, cell, make_run, make_world, other_way_round, planted

QUICK = Resampling(draws=400)
WORSE = {"better": "worse", "worse": "better"}


def gated(base: Baseline, candidate: Candidate, *gates: dict[str, object]) -> Comparison:
    asked = Gates(gates=[Gate.model_validate({"metric": "wer"} | gate) for gate in gates])
    return decide(base, candidate, asked, resampling=QUICK)


def statuses(found: Comparison) -> list[str]:
    return [result.status for result in found.gates]


def test_a_change_confined_to_one_group_is_found_there() -> None:
    base, candidate = planted(worse=(1, 1, 1.3), sizes=(60, 60, 20))
    found = gated(base, candidate, {"tolerance": {"relative": 0.1}}, {"scope": "every place"},
                  {"scope": "place=g0"}, {"scope": "worst place"}, {"scope": "gap place"})
    assert statuses(found) == ["inconclusive", "failed", "inconclusive", "failed", "failed"]
    assert found.outcome == "regression" and found.exit_code == 1
    assert [check.verdict for check in found.gates[1].checks] == [
        "no change found", "no change found", "worse"]
    assert found.gates[3].checks[0].scope == "worst place: g2"
    assert found.gates[4].checks[0].scope == "gap place: g2 to g0"


def test_the_change_is_the_difference_of_the_rates() -> None:
    base, candidate = planted(worse=(1, 1.1, 1.2))
    found = gated(base, candidate, {}, {"scope": "gap place"})
    (before,), (after,) = base.scores, candidate.scores
    rates = [sum(c.amount) / sum(c.weight) for c in (before, after)]
    change = found.gates[0].checks[0]
    assert [change.base, change.candidate] == pytest.approx(rates)
    assert change.change.value == pytest.approx(rates[1] - rates[0])
    assert change.change.low < change.change.value < change.change.high
    parts = np.reshape([before.amount, before.weight, after.amount, after.weight],
                       (4, 3, 20)).sum(axis=2)
    by_group = parts[[0, 2]] / parts[[1, 3]]
    gaps = by_group[:, 2] - by_group[:, 0]
    gap = found.gates[1].checks[0]
    assert [gap.base, gap.candidate, gap.change.value] == pytest.approx([*gaps, gaps[1] - gaps[0]])


@pytest.mark.parametrize(("tolerance", "status", "reason"), [
    ({}, "failed", "worse by more than the tolerance, and not by chance"),
    ({"relative": 0.05}, "failed", "worse by more than the tolerance, and not by chance"),
    ({"relative": 0.2}, "inconclusive",
     "worse, and not certain to be within the tolerance or beyond it"),
    ({"relative": 0.5}, "passed", "certainly within the tolerance"),
    ({"absolute": 0.09}, "passed", "certainly within the tolerance"),
    ({"absolute": 0.001, "relative": 0.5}, "passed", "certainly within the tolerance")])
def test_what_is_tolerated_does_not_fail(tolerance: dict[str, float], status: str, reason: str
                                         ) -> None:
    (result,) = gated(*planted(worse=(1.2,) * 3), {"tolerance": tolerance}).gates
    assert (result.status, result.checks[0].reason) == (status, reason)


def test_a_gate_may_ask_for_proof() -> None:
    noise = planted(sizes=(10, 10, 10))
    change = gated(*noise, {}).gates[0].checks[0]
    assert change.reason == "no change found, and without a tolerance none can be ruled out"
    above, below = ({"tolerance": {"absolute": change.most_worsening * by}} for by in (1.01, .99))
    strict = {"on_inconclusive": "fail"}
    assert statuses(gated(*noise, {}, above, below)) == ["inconclusive", "passed", "inconclusive"]
    outcomes = [(found.outcome, found.exit_code) for found in (
        gated(*noise, {}, below), gated(*noise, {}, above | strict),
        gated(*noise, {}, below | strict))]
    assert outcomes == [("pass", 0), ("pass", 0), ("inconclusive", 1)]
    both = Gates.model_validate({"on_inconclusive": "fail", "gates": [
        {"metric": "wer"}, {"metric": "wer", "on_inconclusive": "pass"}]})
    assert [gate.on_inconclusive for gate in both.gates] == ["fail", "pass"]


def test_a_worse_group_is_a_regression_whatever_else_is_inconclusive() -> None:
    sides = planted(worse=(1, 1, 1.3), sizes=(60, 60, 20))
    found = gated(*sides, {"scope": "place=g0", "on_inconclusive": "fail"}, {"scope": "place=g2"})
    assert statuses(found) == ["inconclusive", "failed"]
    assert (found.outcome, found.exit_code) == ("regression", 1)


def test_nothing_changed_is_certain() -> None:
    base, candidate = planted()
    same = candidate._replace(scores=base.scores)
    found = gated(base, same, {"on_inconclusive": "fail"},
                  {"scope": "gap place", "on_inconclusive": "fail"})
    assert statuses(found) == ["passed", "passed"] and found.exit_code == 0


def test_higher_may_be_better() -> None:
    base, candidate = planted(worse=(1, 1, 1.3), metric="pesq_wb")
    found = gated(base, candidate, *({"metric": "pesq_wb", "scope": scope} for scope in (
        "overall", "place=g2", "worst place", "gap place")))
    assert statuses(found) == ["passed", "passed", "inconclusive", "failed"]
    assert found.gates[1].checks[0].verdict == "better"
    assert found.gates[2].checks[0].scope == "worst place: g0"
    assert found.gates[3].checks[0].base > 0
    back = gated(*other_way_round(base, candidate), {"metric": "pesq_wb", "scope": "place=g2"})
    assert statuses(back) == ["failed"]


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10**6), st.lists(st.sampled_from([0.8, 1, 1.25]), min_size=3, max_size=3))
def test_the_other_way_round_mirrors_every_verdict(seed: int, worse: list[float]) -> None:
    sides = planted(seed, worse=worse)
    asked = [{"scope": scope} for scope in ("overall", "every place", "worst place", "gap place")]
    there, back = gated(*sides, *asked), gated(*other_way_round(*sides), *asked)
    for one, two in zip(there.changes, back.changes, strict=True):
        assert one.scope == two.scope
        assert two.verdict == WORSE.get(one.verdict, one.verdict)
        assert two.change.value == pytest.approx(-one.change.value)
        assert two.p_adjusted == one.p_adjusted
        assert two.change.low == pytest.approx(-one.change.high)


def test_versions_that_weigh_differently_mirror_too() -> None:
    base, candidate = planted(worse=(1, 1, 1.2))
    heavier = (np.array(candidate.scores[0].weight) * 1.1).round()
    candidate = candidate._replace(
        scores=[candidate.scores[0].model_copy(update={"weight": heavier.tolist()})])
    there = gated(base, candidate, {}).changes[0]
    back = gated(*other_way_round(base, candidate), {}).changes[0]
    assert there.change.value == pytest.approx(-back.change.value)
    assert there.p_value == back.p_value


def test_a_group_of_few_is_named_and_not_passed() -> None:
    sides = planted(sizes=(20, 20, 5), worse=(1, 1, 2))
    found = gated(*sides, {"scope": "every place"}, {"scope": "place=g2"})
    assert statuses(found) == ["inconclusive", "not judged"]
    assert [check.status for check in found.gates[0].checks] == [
        "inconclusive", "inconclusive", "not judged"]
    assert found.exit_code == 2
    assert found.problems == ["gate wer place=g2 cannot be judged: 5 speakers: fewer than 6 "
                              "cannot be judged"]


@pytest.mark.parametrize("gate", [
    {"scope": "place=g9"}, {"pipeline": "other"}, {"condition": "noise"}, {"metric": "pesq_wb"}])
def test_a_gate_that_matches_nothing_is_a_problem(gate: dict[str, str]) -> None:
    found = gated(*planted(), {}, gate)
    assert found.exit_code == 2 and "matches nothing" in found.problems[0]


@pytest.mark.parametrize(("gate", "message"), [
    ({"metric": "shoe"}, "no metric 'shoe'"),
    ({"metric": "wip"}, "wip has no sums of its own to compare; gate wer.hits or wer.precision"),
    ({"metric": "level"}, "neither higher nor lower"),
    ({"tolerance": {"absolute": 0.5}}, "50 points; write 0.005"),
    ({"scope": "every shoe"}, "no groups by 'shoe'; there are place")])
def test_a_gate_that_makes_no_sense_is_refused(gate: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        gated(*planted(), gate)


def test_without_gates_every_metric_is_gated_as_a_whole() -> None:
    base, candidate = planted(worse=(1.3, 1.3, 1.3))
    found = decide(base, candidate, resampling=QUICK, by=["place"])
    assert [str(result.gate) for result in found.gates] == ["wer overall"]
    assert found.exit_code == 1
    assert [str(change.scope) for change in found.changes] == [
        "overall", "place=g0", "place=g1", "place=g2"]


class Best(Every):
    """The group that is served best."""

    word = "best"

    def groups(self, pairing: Pairing, key: Key, scope: Scope) -> Iterator[Scope]:
        yield scope._replace(group=pairing.ranked(key, scope.column)[0])


def test_a_kind_of_scope_is_one_class_and_its_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="'best place' is no scope"):
        Gate(metric="wer", scope="best place")
    monkeypatch.setitem(KINDS, "best", Best())
    found = gated(*planted(worse=(1.3, 1, 1)), {"scope": "best place"}, {"scope": "worst place"})
    assert [(result.gate.scope, result.status) for result in found.gates] == [
        ("best place", "failed"), ("worst place", "passed")]
    assert found.changes[0].scope == "best place: g0"
    with pytest.raises(ValueError, match="write overall, every COLUMN, worst COLUMN, gap COLUMN, "
                                         "COLUMN=GROUP or best COLUMN"):
        parse_scope("nobody")


@pytest.mark.parametrize("metric", ["x_0.5", "x.y", "substituted"])
def test_a_name_has_no_meaning_in_a_gate(metric: str) -> None:
    """Dots or none: a score is gated by its name, also one that is a part of another."""
    base, candidate = planted(worse=(1.3, 1.3, 1.3), metric=metric)
    facts = FACTS.model_copy(update={"metrics": FACTS.metrics | {
        "x_0.5": Fact("%", False, ""), "x.y": Fact("%", False, ""),
        "substituted": Fact("%", False, "", part_of="wer")}})
    sides = base.model_copy(update={"facts": facts}), candidate._replace(facts=facts)
    assert statuses(gated(*sides, {"metric": metric})) == ["failed"]
    is_headline = metric != "substituted"
    assert len(decide(*sides, resampling=QUICK).gates) == is_headline
    failing = sides[1].scores[0].model_copy(update={"failed": ["u000-3"]})
    problems = gated(sides[0], sides[1]._replace(scores=[failing]), {"metric": metric}).problems
    assert [f"asr, given, {metric}: 1 failure that" in line for line in problems] == (
        [True] if is_headline else [])


def changed(candidate: Candidate, **facts: object) -> Candidate:
    return candidate._replace(facts=FACTS.model_copy(update=facts))


@pytest.mark.parametrize(("facts", "message"), [
    ({"normaliser": Normaliser(name="none", version="1")},
     "not the same normaliser: basic 1 in the base, none 1 in the candidate"),
    ({"alignment_costs": "sclite"}, "not the same alignment costs: levenshtein"),
    ({"corpus": {"name": "c", "digest": "e"}}, "not the same corpus: c d in the base, c e"),
    ({"conditions": {"given": "noise"}}, "not the same condition given: unchanged in"),
    ({"metrics": FACTS.metrics | {"wer": FACTS.metrics["pesq_wb"]}},
     "not the same definition of wer"),
])
def test_measured_otherwise_is_incomplete(facts: dict[str, object], message: str) -> None:
    base, candidate = planted()
    found = gated(base, changed(candidate, **facts), {})
    assert found.exit_code == 2 and message in found.problems[0], found.problems


def test_what_is_gone_is_named() -> None:
    base, candidate = planted()
    left = frozenset(u for u in candidate.utterances if u < "u040")
    gone = gated(base, candidate._replace(utterances=left), {}).problems
    assert gone[0].startswith("utterances gone: 'u040-0', ") and gone[0].endswith("and 195 more")
    assert gone[1] == "groups by place gone: 'g2'"
    assert gated(base, candidate._replace(scores=[]), {"metric": "wer"}).problems[:3] == [
        "pipelines gone: 'asr'", "conditions gone: 'given'",
        "metrics gone: 'wer'"]


def test_versions_without_an_utterance_in_common_are_refused_in_one_line() -> None:
    base, candidate = planted()
    with pytest.raises(ConfigError, match=r"no utterance is in both .*'u000-0', .*'x'; compare"):
        check_common(base, candidate._replace(utterances=frozenset({"x"}), scores=[]))


def test_failures_that_grew_are_a_problem_and_nobodys_advantage() -> None:
    base, candidate = planted()
    now = candidate.scores[0]
    n = [9, *now.n[1:]]
    amount = [now.amount[0] / 2, *now.amount[1:]]
    failing = now.model_copy(update={"n": n, "amount": amount, "failed": ["u000-3"]})
    found = gated(base, candidate._replace(scores=[failing]), {})
    assert found.problems == ["asr, given, wer: 1 failure that the base did not have: 'u000-3'"]
    (change,) = found.changes
    assert (change.n, change.n_failed_base, change.n_failed_candidate) == (590, 0, 1)
    assert change.base == pytest.approx(
        sum(base.scores[0].amount[1:]) / sum(base.scores[0].weight[1:]))


def test_what_is_new_is_a_note() -> None:
    base, candidate = planted()
    more = cell("pesq_wb", *np.ones((2, 60)))
    found = gated(base, candidate._replace(scores=[*candidate.scores, more],
                                           utterances=candidate.utterances | {"new"}), {})
    assert found.exit_code == 0
    assert found.notes == []
    assert {(item.what, item.why, item.names) for item in found.left_out} == {
        ("metric", "only in the candidate", ("pesq_wb",)),
        ("utterance", "only in the candidate", ("new",))}


def test_the_same_seed_gives_the_same_numbers() -> None:
    sides = planted(worse=(1, 1, 1.1))
    one, two = (gated(*sides, {"scope": "every place"}).to_dict() for _ in range(2))
    assert one == two


@pytest.mark.parametrize("text", ["place=g1", "place=g1\u200b", "place = ｇ1", "place=\u00a0g1 "])
def test_a_gate_takes_a_group_however_it_is_written(text: str) -> None:
    base, candidate = planted()
    pairing = Pairing(base, candidate)
    scopes = list(KINDS["group"].groups(pairing, pairing.keys[0], parse_scope(text)))
    assert scopes == [Scope("group", "place", "g1")]


@pytest.mark.parametrize("ages", [
    [1e308, -1e308], [5e-324, 1e308], [2**62, -2**62], ["nan", "1e308"],
    [i / 90 * 1e308 for i in range(-90, 90)]], ids=str)
def test_huge_metadata_is_frozen_and_searched(tmp_path: Path, ages: list[object]) -> None:
    world = make_world()
    of_speakers = {name: ages[i % len(ages)]
                   for i, name in enumerate(sorted(world.rows["speaker_id"].unique()))}
    age = world.utterances["speaker_id"].map(of_speakers)
    run = make_run(tmp_path, world._replace(utterances=world.utterances.assign(age=age)))
    frozen = freeze(run)
    assert len(frozen.groups("age")) == (4 if len(ages) > 2 else 2)
    found = discover(run, finders=[Declared()], settings=Settings(shuffles=0)).findings
    assert set(found.columns.get("age", ["1e308", "unknown"])) == set(frozen.groups("age"))


def test_columns_that_a_baseline_does_not_group_by_are_named(tmp_path: Path) -> None:
    world = make_world()
    n = len(world.utterances)
    facts = world.utterances.assign(wer=0.5, name=[f"n{i}" for i in range(n)],
                                    age=[f"{i % 40}.0" for i in range(n)])
    frozen = freeze(make_run(tmp_path, world._replace(utterances=facts)))
    assert {name: item.why for item in frozen.left_out for name in item.names} == {
        "wer": "named like a metric, to use it add --allow-outcome", "name": "more than 50 groups"}
    assert len(frozen.groups("age")) == 4
