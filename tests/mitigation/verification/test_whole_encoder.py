"""The whole of a small ECAPA-TDNN of SpeechBrain, loaded from a folder and trained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from evalkit import audio
from evalkit.core.errors import ConfigError
from evalkit.core.types import Audio
from evalkit.mitigation.verification import VerificationConfig, run_verification
from evalkit.mitigation.verification.config import WholeEncoder
from evalkit.mitigation.verification.speakers import recorded
from evalkit.mitigation.verification.whole_encoder import load_speechbrain_encoder
from evalkit.models.torchaudio_standin import ensure_torchaudio
from evalkit.store.manifest import write_manifest
from evalkit.training.speaker_embeddings import EmbeddingModel, balanced_mean, pair_losses
from evalkit.training.verification import LearningConfig, SpeakerInputs, WeightedTraining, embed
from evalkit.training.weightings import AdversarialWeights, AdversaryConfig

HYPERPARAMS = """\
compute_features: !new:speechbrain.lobes.features.Fbank
  n_mels: 12
mean_var_norm: !new:speechbrain.processing.features.InputNormalization
  norm_type: sentence
  std_norm: False
embedding_model: !new:speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN
  input_size: 12
  channels: [16, 16, 16, 16, 48]
  kernel_sizes: [3, 3, 3, 3, 1]
  dilations: [1, 2, 3, 4, 1]
  attention_channels: 8
  res2net_scale: 4
  se_channels: 8
  lin_neurons: 8
classifier: !new:speechbrain.lobes.models.ECAPA_TDNN.Classifier
  input_size: 8
  out_neurons: 2
modules:
  compute_features: !ref <compute_features>
  mean_var_norm: !ref <mean_var_norm>
  embedding_model: !ref <embedding_model>
  classifier: !ref <classifier>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
  loadables:
    embedding_model: !ref <embedding_model>
  paths:
    embedding_model: embedding_model.ckpt
"""


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as SpeechBrain's own are."""
    ensure_torchaudio()
    from hyperpyyaml import load_hyperpyyaml

    folder = tmp_path_factory.mktemp("encoder")
    (folder / "hyperparams.yaml").write_text(HYPERPARAMS)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = load_hyperpyyaml(HYPERPARAMS)
    torch.save(made["embedding_model"].state_dict(), folder / "embedding_model.ckpt")
    return folder


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
    voiced = recorded(corpus / "train.jsonl", 0.5)
    return SpeakerInputs(torch.as_tensor(voiced.x), voiced.speakers)


def test_its_embeddings_are_those_of_speechbrain(encoder: Path, corpus: Path) -> None:
    from speechbrain.inference.classifiers import EncoderClassifier
    from speechbrain.utils.fetching import LocalStrategy

    classifier = EncoderClassifier.from_hparams(
        source=str(encoder), savedir=str(encoder), local_strategy=LocalStrategy.NO_LINK)
    x = heard(corpus).x
    expected = functional.normalize(classifier.encode_batch(x).squeeze(1), dim=1)
    model = EmbeddingModel(load_speechbrain_encoder(encoder))
    torch.testing.assert_close(embed(model, x), expected)


def test_every_parameter_learns_against_an_adversary(encoder: Path, corpus: Path) -> None:
    model = EmbeddingModel(load_speechbrain_encoder(encoder))
    start = {name: p.detach().clone() for name, p in model.named_parameters()}
    train = heard(corpus)
    training = WeightedTraining(
        model, train, AdversarialWeights("pw", 8, AdversaryConfig(regions=2), seed=0),
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
        whole=WholeEncoder(path=encoder, seconds=0.5), groups=["voice"], seeds=[0], draws=10,
        learning=LearningConfig(steps=6, speakers=6, warm_up=2, refit=3, look=2),
        adversary=AdversaryConfig(regions=2))
    path = run_verification(config, tmp_path)
    found = json.loads(path.read_text())
    assert list(found["arms"]) == ["none", "plain", "arw_pw"]
    assert found["arms"]["none"]["seeds"][0]["overall"]["n_speakers"] == 6
    kept = load_file(tmp_path / "checkpoints" / "arw_pw-0.safetensors")
    network = load_speechbrain_encoder(encoder)
    assert {f"0.network.{name}" for name in network.state_dict()} < set(kept)
    first = path.read_bytes()
    assert run_verification(config, tmp_path).read_bytes() == first


def test_a_missing_recording_is_counted_not_dropped(corpus: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (corpus / "dev.jsonl").read_text().splitlines()]
    rows[1]["audio"] = "nowhere.flac"
    write_manifest(tmp_path / "dev.jsonl", rows)
    for row in rows[2:] + rows[:1]:
        (tmp_path / row["audio"]).symlink_to(corpus / row["audio"])
    voiced = recorded(tmp_path / "dev.jsonl", 0.7, outside=True)
    assert voiced.failed.tolist() == [False, True] + [False] * 16
    assert voiced.x.shape == (18, 11_200)
    np.testing.assert_array_equal(voiced.x[0, :3_200], voiced.x[0, 8_000:])


def test_a_folder_without_an_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no folder of a SpeechBrain"):
        load_speechbrain_encoder(tmp_path / "nowhere")
    (tmp_path / "hyperparams.yaml").write_text("modules: {}\n")
    with pytest.raises(ConfigError, match="cannot load a SpeechBrain speaker encoder"):
        load_speechbrain_encoder(tmp_path)
