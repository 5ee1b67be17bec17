"""The whole of a small ECAPA-TDNN of SpeechBrain, loaded from a folder and trained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file
from torch import nn

from evalkit import audio
from evalkit.core.config import Plugin
from evalkit.core.errors import ConfigError
from evalkit.core.types import Audio
from evalkit.mitigation.trainable import load_trainable
from evalkit.mitigation.verification import VerificationConfig, run_verification
from evalkit.mitigation.verification.config import WholeEncoder
from evalkit.mitigation.verification.data import waveforms
from evalkit.store.documents.mitigation import MitigationResults, VerificationResults
from evalkit.store.manifest import write_manifest
from evalkit.training.speaker_embeddings import EmbeddingModel, balanced_mean, pair_losses
from evalkit.training.verification import LearningConfig, SpeakerInputs, WeightedTraining
from evalkit.training.weightings import AdversarialWeights, Adversary
from tests.systems.folders import speechbrain_encoder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as SpeechBrain's own are."""
    return speechbrain_encoder(tmp_path_factory.mktemp("encoder") / "model")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three manifests of speakers who hum, each at a pitch of their own."""
    root = tmp_path_factory.mktemp("hums")
    rng = np.random.default_rng(0)
    for part in ("train", "dev", "test"):
        rows = []
        for speaker in range(6):
            pitch = rng.uniform(100, 400)
            for take in range(3):
                path = root / f"{part}-{speaker}-{take}.flac"
                audio.save(path, Audio(_hum(pitch, rng), 16_000))
                rows.append({"id": path.stem, "audio": path.name, "speaker": f"{part}-{speaker}",
                             "voice": "low" if pitch < 250 else "high"})
        write_manifest(root / f"{part}.jsonl", rows)
    return root


def _hum(pitch: float, rng: np.random.Generator) -> np.ndarray:
    time = np.arange(8_000) / 16_000
    partials = [np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 9)]
    return (0.1 * sum(partials) + 0.02 * rng.normal(size=len(time))).astype(np.float32)


def heard(corpus: Path) -> SpeakerInputs:
    data = waveforms(corpus / "train.jsonl", 0.5, 16_000)
    return SpeakerInputs(torch.as_tensor(data.x), data.speakers)


def plugin(encoder: Path) -> Plugin:
    return Plugin(name="speechbrain", options={"path": str(encoder)})


def network_of(encoder: Path) -> nn.Module:
    return load_trainable("encoder", plugin(encoder)).module


def test_every_parameter_learns_against_an_adversary(encoder: Path, corpus: Path) -> None:
    model = EmbeddingModel(network_of(encoder).cpu())
    start = {name: p.detach().clone() for name, p in model.named_parameters()}
    train = heard(corpus)
    training = WeightedTraining(
        model, train, AdversarialWeights("pw", 8, Adversary(regions=2), seed=0),
        LearningConfig(learning_rate=3e-3, anchor=0, warm_up=5))
    rows = torch.arange(18).view(6, 3)

    def loss() -> float:
        embeddings = model(train.x).unflatten(0, rows.shape)
        return float(balanced_mean(pair_losses(training.similarity(embeddings))).detach())

    model.train()
    before = loss()
    losses = [loss() for _ in training.steps([rows] * 20)]
    assert np.mean(losses[-3:]) < before
    # A bias before batch normalisation, or before a softmax over time, changes nothing.
    moved = {name for name, p in model.named_parameters() if not torch.equal(p, start[name])}
    assert moved >= {name for name in start if name.endswith("weight")}


def test_an_experiment_trains_the_whole_and_keeps_it(encoder: Path, corpus: Path,
                                                     tmp_path: Path) -> None:
    config = VerificationConfig(
        train=corpus / "train.jsonl", dev=corpus / "dev.jsonl", test=corpus / "test.jsonl",
        encoder=plugin(encoder), whole=WholeEncoder(seconds=0.5), groups=["voice"], seeds=[0],
        draws=10,
        learning=LearningConfig(steps=6, speakers=6, warm_up=2, refit=3, look=2),
        arms=[Plugin(name="plain"), Plugin(name="arw_pw", options={"regions": 2})])
    path = run_verification(config, tmp_path)
    results = MitigationResults.read(path).results
    assert isinstance(results, VerificationResults)
    assert list(results.arms) == ["none", "plain", "arw_pw"]
    assert results.arms["none"].seeds[0].overall.n_speakers == 6
    kept = load_file(tmp_path / "checkpoints" / "arw_pw-0.safetensors")
    network = network_of(encoder)
    assert {f"0.network.{name}" for name in network.state_dict()} < set(kept)
    first = path.read_bytes()
    assert run_verification(config, tmp_path).read_bytes() == first


def test_a_missing_recording_is_counted_not_dropped(corpus: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (corpus / "dev.jsonl").read_text().splitlines()]
    rows[1]["audio"] = "nowhere.flac"
    write_manifest(tmp_path / "dev.jsonl", rows)
    for row in rows[2:] + rows[:1]:
        (tmp_path / row["audio"]).symlink_to(corpus / row["audio"])
    data = waveforms(tmp_path / "dev.jsonl", 0.7, 16_000, outside=True)
    assert data.failed.tolist() == [False, True] + [False] * 16
    assert list(data.errors) == [rows[1]["id"]]
    assert data.errors[rows[1]["id"]].startswith("MissingAudio: ")
    assert data.x.shape == (18, 11_200)
    np.testing.assert_array_equal(data.x[0, :3_200], data.x[0, 8_000:])


def test_an_encoder_that_cannot_be_trained_is_refused(corpus: Path, tmp_path: Path) -> None:
    split = {"train": corpus / "train.jsonl", "folds": 3, "groups": ["voice"]}
    config = VerificationConfig(**split, whole=WholeEncoder())
    with pytest.raises(ConfigError, match="'resemblyzer' is no encoder that can be trained; "
                                          "there are speechbrain"):
        run_verification(config, tmp_path)
    with pytest.raises(ValidationError, match=r"encoder: \{name: speechbrain, path: FOLDER"):
        VerificationConfig(**split, whole={"path": "encoder", "seconds": 3})
