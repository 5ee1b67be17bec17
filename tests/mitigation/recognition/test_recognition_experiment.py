"""A whole experiment, small; and what its tables say, against sums done by hand."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from evalkit.core.config import Plugin
from evalkit.core.errors import EvalkitError
from evalkit.mitigation.experiment import read_mitigation_config, run_mitigation
from evalkit.mitigation.recognition import trials as trials_module
from evalkit.mitigation.recognition.conclusion import conclude
from evalkit.mitigation.recognition.evaluation import Fixed, arm_results, small_regions
from evalkit.mitigation.recognition.selection import frontier, recommended, tried_strengths
from evalkit.models.ctc.network import CtcRecognizer
from evalkit.statistics.bootstrap import Resampling
from evalkit.store.documents.mitigation import MitigationResults, RecognitionResults
from tests.mitigation.recognition.tones import SHIFT, SIZES, corpus

YAML = """\
recognition:
  tones:
    general: general.jsonl
    dev: dev.jsonl
    test: test.jsonl
    model: {name: reference, weights: start.safetensors}
    cohorts: {name: declared, columns: [accent], intersections: false}
    arms: [plain, {name: ewc, strengths: [0.1, 10]}, {name: cohort_embedding, strengths: [0.5]}]
    seeds: [0, 1]
    schedule: {steps: 3, batch: 2, checkpoint_every: 1}
    fisher_utterances: 3
    draws: 50
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = corpus(tmp_path_factory.mktemp("tones"))
    (found / "mitigate.yaml").write_text(YAML, encoding="utf-8")
    return found


@pytest.fixture(scope="module")
def run(folder):
    said: list[str] = []
    (results,) = run_mitigation(read_mitigation_config(folder / "mitigate.yaml"), folder / "run",
                                say=said.append)
    assert results == folder / "run" / "mitigation" / "tones" / "results.json"
    assert any(re.fullmatch(r"tones: \d/9 ewc 0.1, seed 1: 3 steps, \d+ s; \d+ s left", line)
               for line in said)
    return results.parent


def results_of(run) -> RecognitionResults:
    results = MitigationResults.read(run / "results.json").results
    assert isinstance(results, RecognitionResults)
    return results


def test_every_arm_strength_and_seed_is_scored_on_the_speakers_kept_aside(run, folder):
    scores = pd.read_parquet(run / "scores.parquet")
    assert len(scores.groupby(["arm", "strength", "seed"])) == 1 + 2 + 2 * 2 + 2
    results = results_of(run)
    adapting = results.splits.adaptation.speakers
    assert adapting == 3  # 0.7 of the target's four
    parts = {part: set(rows["speaker_id"]) for part, rows in scores.groupby("part")}
    assert len(parts["test"]) == 3 * SIZES["test"]
    assert len(parts["selection"]) == 3 * SIZES["dev"] - adapting
    assert not parts["test"] & parts["selection"]
    assert all(name.startswith("test-") for name in parts["test"])


def test_results_hold_what_a_report_needs(run):
    results = results_of(run)
    assert results.targets == [results.cohorts.on_dev[0].cohort]
    assert results.best == results.cohorts.on_dev[-1].cohort
    assert [arm.arm for arm in results.arms] == ["none", "plain", "ewc", "cohort_embedding"]
    assert [arm.seeds for arm in results.arms[1:]] == [[0, 1]] * 3
    assert sum(tried.chosen for tried in results.tried) == 4
    assert len(results.frontier) == len(results.trials) == 9
    for arm in results.arms:
        assert [r.region for r in arm.regions] == ["all", *sorted(
            f"accent = {name}" for name in SHIFT)]
        assert arm.statistics["overall"].value == pytest.approx(arm.regions[0].rate.value)
    start = results.arms[0].statistics
    assert start["overall"].change == start["target"].change == 0
    assert results.conclusion
    assert results.cohorts.outlines is None


def test_weights_are_those_of_a_pipeline(run):
    results = results_of(run)
    for name, trial in results.trials.items():
        weights = run / "trials" / name / "weights.safetensors"
        assert weights.is_file() == (trial.arm != "none")
        if trial.arm in ("plain", "ewc"):
            CtcRecognizer.load(weights)
    assert not list((run / "trials").glob("*/phase*.safetensors"))


def test_a_second_call_does_nothing_again(run, folder, monkeypatch):
    before = (run / "scores.parquet").read_bytes()
    monkeypatch.setattr(trials_module, "run_trial", lambda *_: pytest.fail("done twice"))
    run_mitigation(read_mitigation_config(folder / "mitigate.yaml"), folder / "run")
    assert (run / "scores.parquet").read_bytes() == before


def test_what_was_killed_comes_to_the_same_with_more_workers(run, folder, tmp_path, monkeypatch):
    original, done = trials_module.run_trial, []

    def dying(trial, setting):
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append(trial)
        return original(trial, setting)

    config = read_mitigation_config(folder / "mitigate.yaml")
    monkeypatch.setattr(trials_module, "run_trial", dying)
    with pytest.raises(KeyboardInterrupt):
        run_mitigation(config, tmp_path)
    stale = tmp_path / "mitigation" / "tones" / "trials" / "of_another_configuration"
    stale.mkdir()
    monkeypatch.setattr(trials_module, "run_trial", original)
    run_mitigation(config, tmp_path, workers=2)
    again = tmp_path / "mitigation" / "tones"
    assert (again / "scores.parquet").read_bytes() == (run / "scores.parquet").read_bytes()
    assert not stale.exists()


@pytest.mark.parametrize(("line", "changed", "said"), [
    ("arms: [plain,", "arms: [plain, plain,", "named twice"),
    ("arms: [plain,", "arms: [plane,", "did you mean 'plain'"),
    ("dev: dev.jsonl", "dev: test.jsonl", "is also in"),
    ("name: ewc, strengths", "name: ewc, strength", "no option 'strength'"),
    ("cohorts: {name: declared, columns: [accent], intersections: false}", "cohorts: tree",
     "latitude and longitude"),
    ("columns: [accent], intersections: false", "columns: [accent, split]", "no column 'split'"),
    ("targets: 1", "targets: 3", "not a target"),
    ("model: {name: reference, weights: start.safetensors}", "model: whisper",
     "'whisper' is no recognizer that can be trained; there are reference, speechbrain"),
    ("model: {name: reference, weights: start.safetensors}", "model: pocketsphinx",
     "'pocketsphinx' is no recognizer that can be trained"),
    ("model: {name: reference, weights: start.safetensors}",
     "model: {kind: transformers, path: x}", "model: .*is written as a recognizer of eval.yaml"),
    ("weights: start.safetensors", "weights: gone.safetensors", "no such weights"),
    ("steps: 3", "steps: 0", "greater than 0"),
])
def test_a_mistake_is_one_line(folder, tmp_path, line, changed, said):
    text = YAML + "    targets: 1\n"
    assert line in text
    path = folder / "wrong.yaml"
    path.write_text(text.replace(line, changed), encoding="utf-8")
    with pytest.raises(EvalkitError, match=said) as refused:
        run_mitigation(read_mitigation_config(path), tmp_path)
    assert "\n" not in str(refused.value)


def test_a_strength_more_does_nothing_again_but_an_option_does():
    def names(**options) -> set[str]:
        arm = Plugin(name="online_ewc", options=options)
        return {trial.name for trial in trials_module.trials_of([arm], [0, 1], ["data"])}

    assert names(strengths=[0.1]) < names(strengths=[0.1, 1])
    assert names(strengths=[0.1]) & names(strengths=[0.1], gamma=0.5) == {
        name for name in names() if name.startswith("none")}


RATES = {  # errors of ten words: by arm and seed, of two speakers of each of three regions
    ("none", 0.0, 0): {"a": (1, 2), "b": (2, 2), "c": (6, 4)},
    ("plain", 0.0, 0): {"a": (3, 3), "b": (3, 3), "c": (2, 2)},
    ("plain", 0.0, 1): {"a": (3, 3), "b": (4, 3), "c": (2, 1)},
    ("ewc", 0.1, 0): {"a": (1, 2), "b": (2, 2), "c": (4, 3)},
    ("ewc", 0.1, 1): {"a": (1, 2), "b": (2, 1), "c": (4, 3)},
    ("ewc", 0.01, 0): {"a": (2, 2), "b": (2, 2), "c": (3, 3)},
    ("ewc", 0.01, 1): {"a": (2, 3), "b": (2, 2), "c": (3, 2)},
}


FIXED = Fixed(["c"], "a")


def planted() -> pd.DataFrame:
    rows = [{"arm": arm, "strength": strength, "seed": seed, "part": part, "cohort": region,
             "utterance_id": f"{part}-{region}{i}", "speaker_id": f"{part}-{region}{i}",
             "metric": "wer", "amount": float(errors), "weight": 10.0, "error": None}
            for (arm, strength, seed), regions in RATES.items() for part in ("selection", "test")
            for region, speakers in regions.items() for i, errors in enumerate(speakers)]
    return pd.DataFrame(rows)


def test_the_best_for_the_worst_is_chosen_among_those_that_cost_nothing():
    tried = {(one.arm, one.strength): one for one in tried_strengths(planted())}
    assert [key for key, one in tried.items() if one.chosen] == [
        ("none", 0.0), ("plain", 0.0), ("ewc", 0.01)]
    assert tried["ewc", 0.01].worst == pytest.approx((0.3 + 0.25) / 2)
    assert tried["ewc", 0.01].overall == pytest.approx(14 / 60)
    assert tried["plain", 0.0].keeps_overall
    costly = planted()
    costly.loc[(costly["strength"] == 0.01) & (costly["cohort"] == "a"), "amount"] += 3
    assert [one.strength for one in tried_strengths(costly) if one.chosen] == [0.0, 0.0, 0.1]
    costly.loc[(costly["strength"] == 0.1) & (costly["cohort"] == "a"), "amount"] += 2.5
    least = [one for one in tried_strengths(costly) if one.chosen][-1]
    assert (least.strength, least.keeps_overall) == (0.1, False)


def test_statistics_are_means_over_seeds_of_each_models_own():
    scores = planted()
    ewc = arm_results(scores, tried_strengths(scores), FIXED, Resampling(draws=200))[-1]
    rates = np.array([[0.2, 0.2, 0.3], [0.25, 0.2, 0.25]])
    start = np.array([0.15, 0.2, 0.5])
    expected = {"overall": (14 / 60, 17 / 60), "mean": (rates.mean(), start.mean()),
                "max": (rates.max(1).mean(), 0.5), "variance": (rates.var(1).mean(), start.var()),
                "target": (rates[:, 2].mean(), 0.5),
                "others": (rates[:, :2].mean(), 0.175),
                "relative_gap": ((rates[:, 2] / rates[:, 0] - 1).mean(), 0.5 / 0.15 - 1)}
    assert ewc.statistics.keys() == expected.keys()
    for name, (value, before) in expected.items():
        found = ewc.statistics[name]
        assert found.value == pytest.approx(value), name
        assert found.change == pytest.approx((value - before) / before), name
        assert found.low <= found.change <= found.high, name
    regions = {outcome.region: outcome for outcome in ewc.regions}
    assert regions["c"].difference.value == pytest.approx(0.275 - 0.5)
    assert regions["all"].difference.value == pytest.approx(14 / 60 - 17 / 60)


def test_a_region_that_is_too_small_has_no_interval():
    """Of fewer than five speakers or thirty utterances, as in ``evalkit groups``."""
    few = planted()
    many = [few[few["cohort"] != "c"].assign(
        utterance_id=lambda t, i=i: t["utterance_id"] + f"-{i}",
        speaker_id=lambda t, i=i: t["speaker_id"] + f"-{i // 5}") for i in range(30)]
    scores = pd.concat([few[few["cohort"] == "c"], *many])
    assert small_regions(scores[scores["part"] == "test"]) == ["c"]
    for arm in arm_results(scores, tried_strengths(scores), FIXED, Resampling(draws=100)):
        for result in arm.regions:
            rate, change = result.rate, result.difference
            assert np.isfinite([rate.value, change.value]).all()
            assert np.isfinite([rate.low, rate.high]).all() == (result.region != "c")
            if result.region == "c":
                assert np.isnan([change.low, change.high]).all()


def test_draws_are_paired():
    """Where every speaker gains the same share, no draw of speakers finds another."""
    scores = planted()
    half = scores[scores["arm"] == "none"].assign(arm="half", strength=1.0)
    half["amount"] /= 2
    both = pd.concat([scores[scores["arm"] == "none"], half])
    found = arm_results(both, tried_strengths(both), FIXED, Resampling(draws=100))[-1].statistics
    for name in ("overall", "mean", "max", "target", "others"):
        assert (found[name].low, found[name].high) == pytest.approx((-0.5, -0.5))
    assert found["relative_gap"].change == pytest.approx(0)


def test_the_frontier_has_every_trial():
    scores = planted()
    points = frontier(scores, tried_strengths(scores), ["c"])
    assert len(points) == len(RATES)
    plain = next(p for p in points if p.arm == "plain" and p.seed == 1)
    assert (plain.overall, plain.worst, plain.target) == pytest.approx((16 / 60, 0.35, 0.15))


def test_the_rule_that_chooses_a_strength_recommends_an_arm():
    scores = planted()
    assert recommended(tried_strengths(scores)) == "ewc"
    scores.loc[(scores["arm"] == "ewc") & (scores["cohort"] == "a"), "amount"] += 2
    assert recommended(tried_strengths(scores)) == "plain"
    scores.loc[(scores["arm"] == "plain") & (scores["cohort"] == "a"), "amount"] += 2
    assert recommended(tried_strengths(scores[scores["arm"].isin(["none", "plain"])])) is None


def test_the_conclusion_says_what_test_shows():
    scores = planted()
    outcomes = {arm.arm: arm for arm in arm_results(scores, tried_strengths(scores), FIXED,
                                                     Resampling(draws=200))}
    said = conclude(outcomes["plain"], ["c"])
    assert said.startswith("plain, on test speakers") and "c 50.0% to 17.5% (-32.5 points" in said
    assert "overall 28.3% to 26.7%" in said
    assert "none of them is fit" in conclude(None, ["c"])
