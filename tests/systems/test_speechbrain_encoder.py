"""A speaker encoder of SpeechBrain: evaluated and taught as one class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from evalkit import audio as waveform
from evalkit.core.config import EvalConfig
from evalkit.core.errors import ConfigError
from evalkit.core.plugins import available, create
from evalkit.core.types import Audio
from evalkit.recordings.reading import load
from evalkit.run.runner import run
from evalkit.store.manifest import write_manifest
from tests.mitigation.recognition.tones import recordings
from tests.systems.folders import speechbrain_encoder

SOUNDS = [Audio(r.wave, 16_000) for r in recordings(4)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return speechbrain_encoder(tmp_path_factory.mktemp("encoder") / "model")


def test_its_embeddings_are_those_of_speechbrain(folder: Path) -> None:
    encoder = create("encoders", "speechbrain", {"path": str(folder), "device": "cpu"})
    vectors = encoder.embed(SOUNDS)
    from speechbrain.inference.classifiers import EncoderClassifier
    from speechbrain.utils.fetching import LocalStrategy

    theirs = EncoderClassifier.from_hparams(source=str(folder), savedir=str(folder),
                                            local_strategy=LocalStrategy.NO_LINK,
                                            run_opts={"device": "cpu"})
    expected = torch.stack([theirs.encode_batch(torch.as_tensor(sound.samples)[None]).flatten()
                            for sound in SOUNDS])
    assert vectors.dtype == np.float32
    assert encoder.rate == 16_000
    torch.testing.assert_close(torch.as_tensor(vectors), functional.normalize(expected, dim=1))


def test_what_is_taught_is_what_is_evaluated(folder: Path, tmp_path: Path) -> None:
    assert list(available("trainable_encoders")) == ["speechbrain"]
    taught = create("trainable_encoders", "speechbrain", {"path": str(folder)})
    evaluated = create("encoders", "speechbrain", {"path": str(folder)})
    before = evaluated.embed(SOUNDS)
    assert type(taught) is type(evaluated)
    assert np.array_equal(taught.embed(SOUNDS), before)
    with torch.no_grad():
        for weight in taught.module.parameters():
            weight.add_(0.1)
    assert not np.allclose(taught.embed(SOUNDS), before, atol=1e-3)
    assert np.array_equal(evaluated.embed(SOUNDS), before)
    taught.save(tmp_path / "taught.safetensors")
    read = create("encoders", "speechbrain",
                  {"path": str(folder), "weights": str(tmp_path / "taught.safetensors")})
    assert np.array_equal(read.embed(SOUNDS), taught.embed(SOUNDS))
    assert read.identity != evaluated.identity


def test_inputs_follow_the_weights_not_the_default_device(folder: Path) -> None:
    expected = create("encoders", "speechbrain", {"path": str(folder)}).embed(SOUNDS)
    with torch.device("meta"):
        encoder = create("encoders", "speechbrain", {"path": str(folder)})
        assert {p.device.type for p in encoder.module.parameters()} == {"cpu"}
        assert np.array_equal(encoder.embed(SOUNDS), expected)


def test_evalkit_run_evaluates_it(folder: Path, tmp_path: Path) -> None:
    for number, sound in enumerate(SOUNDS):
        waveform.save(tmp_path / f"{number}.wav", sound)
    write_manifest(tmp_path / "corpus.jsonl", [
        {"id": str(number), "audio": f"{number}.wav", "speaker": f"s{number % 2}"}
        for number in range(len(SOUNDS))])
    config = EvalConfig.model_validate({
        "corpus": tmp_path / "corpus.jsonl", "metrics": ["wer"],
        "pipelines": [{"name": "tiny", "encoder": {"name": "speechbrain", "path": str(folder)}}]})
    made = run(config, tmp_path / "run")
    assert len(made.trials()) == 6
    expected = create("encoders", "speechbrain", {"path": str(folder)}).embed(
        [load(tmp_path / f"{number}.wav") for number in range(len(SOUNDS))])
    vectors = np.stack(list(made.embeddings()["embedding"]))
    np.testing.assert_allclose(vectors, expected, atol=1e-6)


def test_a_folder_without_an_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere: is no folder of a model"):
        create("encoders", "speechbrain", {"path": str(tmp_path / "nowhere")})
    (tmp_path / "hyperparams.yaml").write_text("modules: {}\n")
    encoder = create("encoders", "speechbrain", {"path": str(tmp_path)})
    with pytest.raises(ConfigError, match="cannot load an EncoderClassifier of SpeechBrain"):
        encoder.embed(SOUNDS[:1])
