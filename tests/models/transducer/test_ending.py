"""An end-pointer that is a transducer: it ends where the probability of its end token says so."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from evalkit.core.errors import ConfigError
from evalkit.core.plugins import create
from evalkit.core.types import Endpoint
from evalkit.models.transducer.card import WEIGHTS, names_in
from evalkit.models.transducer.encoder import BLOCK
from evalkit.models.transducer.ending import Bars, Ends
from evalkit.models.transducer.features import RATE
from evalkit.models.transducer.whole import encoded, greedy
from evalkit.store.manifest import write_manifest
from evalkit.systems.transducer_endpointer import TransducerEndpointer
from tests.conftest import evalkit
from tests.models.transducer.tiny import tiny, wave

SECONDS = BLOCK / RATE


def test_the_probability_is_that_of_the_end_token_behind_the_best_text_without_it() -> None:
    model, heard_of = tiny(end_token=True), wave(40 * BLOCK)
    with torch.inference_mode():
        found = list(Ends(model).push(heard_of))
        heard, said = encoded(model, [heard_of])[0], greedy(model, [heard_of])[0]
        assert said and model.config.end not in {label for label, _ in said}
        for block, (score, letters) in enumerate(found):
            text = [label for label, at in said if at <= block]
            read, _ = model.predictor(torch.tensor([[0, *text]]))
            joined = model.joint(heard[block], model.said(read, None)[0, -1])
            assert score == pytest.approx(float(joined.log_softmax(-1)[model.config.end]), abs=1e-4)
            assert letters == sum(label != 1 for label in text)
    assert len(found) == 40


def told(scores: list[tuple[float, int]], bars: dict) -> list[tuple[int, str]]:
    """Blocks and kinds of the end-points, given probabilities and letters by block."""
    made = Bars({kind: (math.log(p), n) for kind, (p, n) in bars.items()})
    return [(round(each.audio / SECONDS), each.kind) for p, letters in scores
            for each in made.passed(math.log(p), letters)]


def test_it_ends_once_for_what_was_said_and_again_when_speech_went_on() -> None:
    scores = [(0.9, 0), (0.1, 2), (0.4, 2), (0.6, 2), (0.9, 2), (0.2, 2), (0.9, 2), (0.7, 3),
              (0.9, 3), (0.2, 4), (0.9, 4)]
    assert told(scores, {"final": (0.5, 1)}) == [(4, "final"), (8, "final"), (11, "final")]
    assert told(scores, {"final": (0.8, 1)}) == [(5, "final"), (9, "final"), (11, "final")]
    assert told(scores, {"final": (0.5, 2)}) == [(5, "final"), (9, "final")]
    assert told(scores, {"speculative": (0.3, 1), "final": (0.8, 1)}) == [
        (3, "speculative"), (5, "final"), (8, "speculative"), (9, "final"),
        (11, "speculative"), (11, "final")]


def test_the_plug_in_is_the_same_for_any_cut_and_refuses_what_it_cannot_do(tmp_path: Path) -> None:
    model = tiny(end_token=True)
    with torch.no_grad():
        model.joint.output.bias[model.config.end] += 3.0  # ends now and then
    model.save(path := tmp_path / "end.safetensors")
    pointer = create("endpointers", "transducer", {"weights": str(path), "threshold": 0.4,
                                                   "speculative": 0.2, "hold": 0.06})
    speech = wave(60 * BLOCK, 1)
    whole = pointer.open(RATE).push(speech)
    assert {each.kind for each in whole} == {"speculative", "final"}
    stream, cut = pointer.open(RATE), list[Endpoint]()
    for n, part in enumerate(np.split(speech, np.arange(700, len(speech), 700))):
        found = stream.push(part)
        assert all(700 * n < round(each.audio * RATE) <= 700 * (n + 1) for each in found)
        cut += found
    assert cut == whole
    for options in ({"threshold": 1.0}, {"threshold": 0.2, "speculative": 0.3}, {"hold": -1.0}):
        with pytest.raises(ValueError, match="must be"):
            TransducerEndpointer(path, **options)
    assert TransducerEndpointer(path).identity != TransducerEndpointer(path, 0.6).identity
    tiny().save(path)
    with pytest.raises(ConfigError, match="has no end token"):
        TransducerEndpointer(path)


def test_a_recipe_says_what_is_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list = []

    def make(kind, about, corpus, out, *, config, **options):
        asked.append((kind, config))
        raise ConfigError("that is all")

    monkeypatch.setattr("evalkit.models.transducer.card.make", make)
    recipe = tmp_path / "transducer.yaml"

    def answer(text: str, *options: str) -> str:
        recipe.write_text(text)
        done = evalkit("train", "transducer", tmp_path, "--out", tmp_path / "out",
                       "--recipe", recipe, *options)
        assert done.returncode == 2
        return done.stderr

    write_manifest(tmp_path / "train.jsonl", [
        {"id": "a", "audio": "a.wav", "text": "call eve", "names": '["eve", "ada lee"]'},
        {"id": "b", "audio": "b.wav", "text": "go", "names": None}])
    assert names_in(tmp_path / "train.jsonl") == ["ada lee", "eve"]
    text = "seed: 3\nsilence: [0.2, 1.2]\nnetwork: {end_token: true, bias: 8}\nobjective: {late: 5}"
    assert "that is all" in answer(text)
    kind, config = asked.pop()
    assert (config.seed, config.silence, config.objective.late) == (3, (0.2, 1.2), 5.0)
    assert kind.make().config.end and kind.objective.names == ["ada lee", "eve"]
    assert "that is all" in answer(text, "--seed", "4") and asked.pop()[1].seed == 4
    assert "did you mean 'end_token'?" in answer("network: {end_tokn: true}")
    assert "silence: must be the least" in answer("silence: [1.2, 0.2]")
    assert not asked and WEIGHTS not in {each.name for each in (tmp_path / "out").glob("*")}
