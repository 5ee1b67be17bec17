"""A whole verification experiment, on embeddings made here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file
from scipy import special, stats

from evalkit.core.config import Plugin
from evalkit.core.errors import ConfigError, ManifestError, PluginError
from evalkit.mitigation.verification import VerificationConfig, arm_training, run_verification
from evalkit.mitigation.verification.data import EncoderData
from evalkit.mitigation.verification.evaluation import changes, evaluate, seed_result
from evalkit.mitigation.verification.splits import cross_validation
from evalkit.statistics.bootstrap import Resampling
from evalkit.statistics.detection import detection_intervals
from evalkit.store.documents.mitigation import MitigationResults, VerificationResults
from evalkit.store.manifest import write_manifest
from evalkit.store.trials import equal_error_rate
from evalkit.training.verification import LearningConfig
from tests.mitigation.verification.planted_voices import planted

PARTS = {"train": 24, "dev": 12, "test": 16}
UTTERANCES = 4


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Manifests train, dev and test and all, and embeddings.npz; no audio."""
    ids, vectors, everything = [], [], []
    for seed, (part, n) in enumerate(PARTS.items()):
        made = planted(n, UTTERANCES, seed)
        rows = [{"id": f"{part}-{i}", "speaker": f"{part}-{speaker}",
                 "group": "hidden" if hard else "seen", "half": "ab"[int(speaker) % 2]}
                for i, (speaker, hard) in enumerate(
                    zip(made.voices.speakers, made.hidden, strict=True))]
        write_manifest(tmp_path / f"{part}.jsonl", rows)
        everything += rows
        ids += [row["id"] for row in rows]
        vectors.append(made.voices.x.numpy())
    write_manifest(tmp_path / "all.jsonl", everything)
    np.savez(tmp_path / "embeddings.npz", ids=np.array(ids), embeddings=np.concatenate(vectors))
    return tmp_path


def settings(corpus: Path, **changed: Any) -> VerificationConfig:
    options = {"train": corpus / "train.jsonl", "dev": corpus / "dev.jsonl",
               "test": corpus / "test.jsonl", "groups": ["group", "half"], "seeds": [0, 1],
               "encoder": Plugin(name="precomputed",
                                 options={"path": str(corpus / "embeddings.npz")}),
               "learning": LearningConfig(steps=30, speakers=12, learning_rate=3e-3, warm_up=5,
                                          refit=10, look=10),
               "draws": 20}
    arms = changed.pop("arms", ["plain", "arw_pw"])
    return VerificationConfig(**options | changed, arms=[
        Plugin(name=arm, options={"regions": 3} if arm.startswith("arw") else {})
        if isinstance(arm, str) else arm for arm in arms])


def results(config: VerificationConfig, out: Path) -> VerificationResults:
    return results_of(run_verification(config, out))


def results_of(path: Path) -> VerificationResults:
    document = MitigationResults.read(path).results
    assert isinstance(document, VerificationResults)
    return document


def test_every_arm_and_seed_is_reported(corpus: Path, tmp_path: Path) -> None:
    arms = ["arw_pw", "arw_aps", "arw_pl", "cohort", "group_dro", "plain"]
    said: list[str] = []
    path = run_verification(settings(corpus, arms=arms), tmp_path / "out", say=said.append)
    found = results_of(path)
    assert list(found.arms)[:2] == ["none", "plain"]
    assert set(found.arms) == {"none", *arms}
    assert [split.model_dump() for split in found.splits] == [PARTS]
    assert sum("dev" in line for line in said) == len(arms) * 2
    for name, arm in found.arms.items():
        assert [result.seed for result in arm.seeds] == ([None] if name == "none" else [0, 1])
        for result in arm.seeds:
            errors = [result.groups["group"][g].eer.value for g in ("hidden", "seen")]
            assert result.gap["group"] == pytest.approx(max(errors) - min(errors))
            assert result.deviation["group"] == pytest.approx(np.std(errors, ddof=0))
            assert result.overall.far.value == pytest.approx(result.overall.frr.value, abs=0.05)
        if name != "none":
            change = arm.changes["none"]["overall"]
            assert change.value == pytest.approx(np.mean(change.seeds))
            assert change.low <= change.value <= change.high
    assert "plain" in found.arms["arw_pw"].changes
    assert "plain" not in found.arms["plain"].changes


def test_none_is_the_cosine_of_the_given_embeddings(corpus: Path, tmp_path: Path) -> None:
    found = results(settings(corpus, arms=["plain"], seeds=[0]), tmp_path / "out")
    test = planted(PARTS["test"], UTTERANCES, seed=2).voices
    first, second = np.triu_indices(len(test.x), 1)
    cosines = (test.x.double() @ test.x.double().T).numpy()[first, second]
    expected = equal_error_rate(cosines, test.speakers[first] == test.speakers[second]).value
    value = found.arms["none"].seeds[0].overall.eer.value
    assert value == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("arm", ["arw_pw", "arw_aps", "arw_pl", "plain", "group_dro"])
def test_only_labelled_arms_learn_from_group_labels(corpus: Path, tmp_path: Path,
                                                    arm: str) -> None:
    """The labels of all speakers are replaced: what was learned stays the same, bit for bit."""
    config = settings(corpus, arms=[arm], seeds=[0])
    run_verification(config, tmp_path / "one")
    for part in ("train", "dev", "test"):
        path = corpus / f"{part}.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        write_manifest(path, [row | {"group": row["half"], "half": "c"} for row in rows])
    run_verification(config, tmp_path / "other")
    one, other = (load_file(tmp_path / name / "checkpoints" / f"{arm}-0.safetensors")
                  for name in ("one", "other"))
    same = all(torch.equal(one[name], other[name]) for name in one)
    assert same == (arm != "group_dro")


def test_finished_arms_are_kept_and_others_are_not(corpus: Path, tmp_path: Path,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[tuple[str, int]] = []
    train_arm = arm_training.train_arm

    def counted(setup: Any, arm: Plugin, seed: int) -> Any:
        if len(trained) == 2 and stops:
            raise KeyboardInterrupt
        trained.append((arm.name, seed))
        return train_arm(setup, arm, seed)

    monkeypatch.setattr(arm_training, "train_arm", counted)
    stops = True
    with pytest.raises(KeyboardInterrupt):
        run_verification(settings(corpus), tmp_path / "out")
    stops = False
    resumed = run_verification(settings(corpus), tmp_path / "out").read_bytes()
    assert trained == [("plain", 0), ("plain", 1), ("arw_pw", 0), ("arw_pw", 1)]
    assert resumed == run_verification(settings(corpus), tmp_path / "whole").read_bytes()
    del trained[:]
    two_regions = Plugin(name="arw_pw", options={"regions": 2})
    run_verification(settings(corpus, arms=["plain", two_regions]), tmp_path / "out")
    assert trained == [("arw_pw", 0), ("arw_pw", 1)]


def test_a_broken_checkpoint_is_trained_again(corpus: Path, tmp_path: Path) -> None:
    config = settings(corpus, arms=["plain"], seeds=[0])
    whole = run_verification(config, tmp_path / "out").read_bytes()
    checkpoint = tmp_path / "out" / "checkpoints" / "plain-0.safetensors"
    checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    assert run_verification(config, tmp_path / "out").read_bytes() == whole


def test_cross_validation_tests_every_speaker_once(corpus: Path, tmp_path: Path) -> None:
    config = settings(corpus, train=corpus / "all.jsonl", dev=None, test=None, folds=4,
                      arms=["plain"], seeds=[0])
    found = results(config, tmp_path / "out")
    assert len(found.splits) == 4
    assert found.arms["plain"].seeds[0].overall.n_speakers == sum(PARTS.values())


def test_at_most_so_many_utterances_of_a_speaker_are_used(corpus: Path, tmp_path: Path) -> None:
    found = results(settings(corpus, arms=["plain"], seeds=[0], utterances=3), tmp_path / "out")
    n = 3 * PARTS["test"]
    assert [split.model_dump() for split in found.splits] == [PARTS]
    assert found.n_trials == n * (n - 1) // 2
    everything = results(settings(corpus, arms=["plain"], seeds=[0], utterances=UTTERANCES),
                         tmp_path / "out")
    other = results(settings(corpus, arms=["plain"], seeds=[0]), tmp_path / "other")
    assert everything.arms == other.arms


def test_folds_share_no_speaker_between_their_parts() -> None:
    speakers = np.repeat([f"s{i}" for i in range(13)], 3)
    data = EncoderData(pd.DataFrame({"utterance_id": range(39), "speaker_id": speakers}),
                       np.zeros((39, 2), np.float32))
    splits = cross_validation(data, 4, seed=0)
    for split in splits:
        parts = [set(speakers[rows]) for rows in (split.train, split.dev, split.test)]
        assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
    assert sorted(np.concatenate([split.test for split in splits])) == list(range(39))
    with pytest.raises(ManifestError, match="too few"):
        cross_validation(data, 7, seed=0)


def test_an_utterance_without_embedding_is_counted_not_dropped(corpus: Path,
                                                               tmp_path: Path) -> None:
    with np.load(corpus / "embeddings.npz") as arrays:
        keep = ~np.isin(arrays["ids"], ["train-0", "test-1"])
        np.savez(corpus / "embeddings.npz", ids=arrays["ids"][keep],
                 embeddings=arrays["embeddings"][keep])
    found = results(settings(corpus, arms=["plain"], seeds=[0]), tmp_path / "out")
    n = PARTS["test"] * UTTERANCES
    overall = found.arms["plain"].seeds[0].overall
    lost = next(item for item in found.left_out if item.what == "utterance")
    assert (lost.n, lost.names) == (2, ("test-1", "train-0"))
    assert "NoEmbedding" in lost.why
    assert found.n_trials == n * (n - 1) // 2
    assert overall.n_targets + overall.n_nontargets == (n - 1) * (n - 2) // 2


def test_a_group_that_is_too_small_has_no_interval_and_is_named(corpus: Path,
                                                                tmp_path: Path) -> None:
    """Of three speakers with eighteen target trials; as in ``evalkit groups``."""
    found = results(settings(corpus, arms=["plain"], seeds=[0]), tmp_path / "out")
    assert [str(item) for item in found.left_out] == [
        "intervals by group: 1 group left out: fewer than 5 speakers or 30 utterances: a rate "
        "without an interval (hidden)"]
    for arm in found.arms.values():
        for name, rates in arm.seeds[0].groups["group"].items():
            assert rates.n_speakers < 5 or name == "seen"
            for rate in (rates.eer, rates.frr, rates.far, rates.min_dcf):
                assert np.isfinite([rate.low, rate.high]).all() == (name == "seen")
                assert np.isfinite(rate.value)
            changed = arm.changes.get("none", {}).get(f"group={name}")
            assert changed is None or np.isfinite(changed.low) == (name == "seen")


def test_speakers_of_several_labels_and_of_too_few_utterances_are_named(corpus: Path,
                                                                        tmp_path: Path) -> None:
    path = corpus / "train.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[5]["half"] = "c"
    write_manifest(path, rows[:-3])
    config = settings(corpus, arms=["plain"], seeds=[0])
    left_out = {(item.what, item.where): item for item in results(config, tmp_path).left_out}
    assert left_out["label", "groups by half"].names == (rows[5]["speaker"],)
    assert left_out["speaker", "training"].names == (rows[-1]["speaker"],)
    assert "fewer than 2 utterances" in left_out["speaker", "training"].why


@pytest.mark.parametrize(("changed", "message"), [
    ({"test": "train.jsonl"}, "is in both train and test"),
    ({"groups": ["height"]}, "no column 'height'")])
def test_a_corpus_that_cannot_be_used_is_refused(corpus: Path, tmp_path: Path,
                                                 changed: dict[str, Any], message: str) -> None:
    if "test" in changed:
        changed = {"test": corpus / changed["test"]}
    with pytest.raises(ManifestError, match=message):
        run_verification(settings(corpus, **changed), tmp_path / "out")


@pytest.mark.parametrize(("arms", "error", "message"), [
    (["plane"], PluginError, "did you mean 'plain'"),
    ([Plugin(name="arw_pw", options={"region": 3})], ConfigError, "no option 'region'"),
    ([Plugin(name="arw_pw", options={"regions": 1})], ConfigError, "greater than 1"),
    ([Plugin(name="group_dro", options={"rate": 0})], ConfigError, "greater than 0")])
def test_a_mistake_in_an_arm_is_found_before_anything_is_trained(
        corpus: Path, tmp_path: Path, arms: list[Any], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        run_verification(settings(corpus, arms=arms), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("old", [{"adversary": {"regions": 3}}, {"group_dro_rate": 0.2}])
def test_options_that_have_moved_to_arms_are_named(corpus: Path, old: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="options of arms"):
        settings(corpus, **old)


def test_an_arm_is_named_once(corpus: Path) -> None:
    with pytest.raises(ValidationError, match="named twice"):
        settings(corpus, arms=["plain", "plain"])


def test_one_way_to_split_is_asked_for(corpus: Path) -> None:
    for changed in ({"folds": 3}, {"test": None}):
        with pytest.raises(ValidationError, match="give dev and test, or folds"):
            settings(corpus, **changed)


def noisy_trials(seed: int, noise: float) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    first, second = np.triu_indices(80, 1)
    label = first // 4 == second // 4
    return pd.DataFrame({"enroll_id": [f"u{i}" for i in first],
                         "test_id": [f"u{i}" for i in second], "label": label,
                         "score": label + noise * rng.normal(size=len(label))})


SPEAKERS = {f"u{i}": f"s{i // 4}" for i in range(80)}
GROUPINGS = {"side": {f"s{i}": "left" if i < 10 else "right" for i in range(20)}}
DRAWS = Resampling(draws=200)


def test_a_change_from_an_arm_to_itself_is_nothing() -> None:
    arm = evaluate(noisy_trials(0, 0.4), SPEAKERS, GROUPINGS, DRAWS)
    for change in changes([arm], [arm, arm], DRAWS).values():
        assert (change.value, change.low, change.high) == (0, 0, 0)


def test_a_change_is_the_mean_over_seeds_of_differences() -> None:
    before, *after = (evaluate(noisy_trials(i, noise), SPEAKERS, GROUPINGS, DRAWS)
                      for i, noise in enumerate((0.6, 0.4, 0.3)))
    found = changes([before], after, DRAWS)["overall"]
    errors = [seed_result(arm, DRAWS).overall.eer.value for arm in (before, *after)]
    assert found.value == pytest.approx(np.mean(errors[1:]) - errors[0])
    assert found.high < 0


def test_the_draws_are_those_of_the_intervals() -> None:
    """The same standard deviation as evalkit.statistics.detection has for one rate."""
    arm = evaluate(noisy_trials(0, 0.5), SPEAKERS, GROUPINGS, DRAWS)
    interval = detection_intervals(arm.trials, resampling=DRAWS)["eer"]
    value, se = arm.drawn["overall"][0], np.nanstd(arm.drawn["overall"][1:])
    reach = stats.t.ppf(0.975, 19) * se / (value * (1 - value))
    assert interval.value == pytest.approx(value)
    assert interval.high == pytest.approx(special.expit(special.logit(value) + reach))
