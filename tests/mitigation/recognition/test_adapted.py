"""Recognizers of other libraries, languages and sampling rates, adapted."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from safetensors.torch import load_file

from evalkit.core.config import Plugin
from evalkit.core.errors import EvalkitError
from evalkit.mitigation.adapted import AdaptedRecognizer
from evalkit.mitigation.arms.protocols import AdaptationData
from evalkit.mitigation.experiment import read_mitigation_config, run_mitigation
from evalkit.mitigation.recognition.trials import make_arm
from evalkit.mitigation.trainable import load_trainable
from evalkit.store.documents.mitigation import MitigationResults
from evalkit.store.manifest import write_manifest
from evalkit.systems.transformers import TransformersCtc
from evalkit.training.fine_tuning import Schedule, fine_tune
from evalkit.training.fisher import fisher_of
from evalkit.training.trainable import parameters
from tests.mitigation.recognition.tones import corpus, recordings
from tests.systems.folders import speechbrain_recognizer, transformers_recognizer

MAKERS = {"speechbrain": speechbrain_recognizer, "transformers": transformers_recognizer}

GERMAN = """\
recognition:
  german:
    general: general.jsonl
    dev: dev.jsonl
    test: test.jsonl
    model: {name: transformers, path: model}
    cohorts: {name: declared, columns: [accent], intersections: false}
    arms: [plain, {name: ewc, strengths: [0.1]}, {name: kl, strengths: [1]}]
    seeds: [0]
    schedule: {steps: 3, batch: 2, checkpoint_every: 2}
    fisher_utterances: 2
    draws: 20
"""


@pytest.mark.parametrize("name", MAKERS)
def test_it_learns_is_penalised_and_saved(name, tmp_path):
    folder = MAKERS[name](tmp_path / "model")
    model = AdaptedRecognizer(load_trainable("recognizer", Plugin(
        name=name, options={"path": str(folder)})))
    heard = recordings(4)
    before = model.losses(heard).sum().item()
    fisher = fisher_of(model, heard[:2], tmp_path)
    assert fisher.keys() == parameters(model.module).keys()
    data = AdaptationData([heard], heard, heard[:2], {}, tmp_path)
    phases = make_arm(Plugin(name="ewc")).phases(data, model, 0.001)
    fine_tune(model, phases, Schedule(steps=20, batch=4, learning_rate=1e-2), 0, tmp_path)
    texts = model.transcribe(heard)
    assert model.losses(heard).sum().item() < 0.9 * before
    assert all(isinstance(text, str) for text in texts)
    model.system.save(tmp_path / "weights.safetensors")
    state = model.module.state_dict()
    saved = load_file(tmp_path / "weights.safetensors")
    assert all(saved[key].equal(state[key].cpu()) for key in state)


@pytest.mark.parametrize("name", MAKERS)
def test_a_model_without_a_further_input_says_so(name, tmp_path):
    folder = MAKERS[name](tmp_path / "model")
    model = AdaptedRecognizer(load_trainable("recognizer", Plugin(
        name=name, options={"path": str(folder)})))
    with pytest.raises(EvalkitError, match="takes no further input; leave this arm out"):
        list(make_arm(Plugin(name="cohort_embedding")).phases(
            AdaptationData([recordings(2)], [], [], {"u0-0": 0}, tmp_path), model, 0.5))


@pytest.fixture
def german(tmp_path) -> Path:
    """A corpus of words with umlauts, and a model of a German alphabet that listens at 8 kHz."""
    corpus(tmp_path, utterances=1, letters="abäß")
    transformers_recognizer(tmp_path / "model", "abcdefghijklmnopqrstuvwxyzäöüß", rate=8_000)
    (tmp_path / "mitigate.yaml").write_text(GERMAN, encoding="utf-8")
    return tmp_path


def test_a_german_model_is_mitigated(german):
    config = read_mitigation_config(german / "mitigate.yaml")
    [path] = run_mitigation(config, german / "run")
    results = MitigationResults.read(path).results
    assert [arm.arm for arm in results.arms] == ["none", "plain", "ewc", "kl"]
    scores = pd.read_parquet(path.parent / "scores.parquet")
    assert scores["hypothesis"].str.contains("[äöüß]").any()
    # Two words each, counted as written: no text went through another alphabet.
    assert (scores["weight"] == 2).all()
    weights = next((path.parent / "trials").glob("plain*/weights.safetensors"))
    start = load_file(german / "model" / "model.safetensors")
    taught = load_file(weights)
    assert taught.keys() == start.keys()
    assert not taught["lm_head.weight"].equal(start["lm_head.weight"])
    evaluated = TransformersCtc(german / "model", weights=weights)
    assert evaluated.module.state_dict()["lm_head.weight"].equal(taught["lm_head.weight"])


def test_a_text_that_the_model_cannot_spell_is_named(german):
    row = json.loads((german / "general.jsonl").read_text().splitlines()[0])
    write_manifest(german / "general.jsonl", [row | {"text": "ab éa"}])
    with pytest.raises(EvalkitError, match=r"general\.jsonl: general-low-0: BadText: 'ab éa' "
                                           r"holds 'é'") as refused:
        run_mitigation(read_mitigation_config(german / "mitigate.yaml"), german / "run")
    assert "\n" not in str(refused.value)
