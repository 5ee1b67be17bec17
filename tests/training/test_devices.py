"""Nothing of training is made on torch's default device: inputs follow weights.

Here the default device is "meta", whose tensors hold nothing and refuse to be mixed with others;
the weights are on the CPU. What would be made on the wrong graphics processor fails here."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from evalkit.mitigation.arms.fine_tuning import FreezeEncoder
from evalkit.mitigation.arms.penalties import L2, Ewc, Kl, OnlineEwc
from evalkit.mitigation.arms.protocols import AdaptationData
from evalkit.mitigation.arms.replay import CohortEmbedding, Mixture
from evalkit.training.fine_tuning import Schedule, fine_tune
from evalkit.training.speaker_embeddings import EmbeddingModel, identity_head
from evalkit.training.verification import LearningConfig, fit
from evalkit.training.weightings import (
    AdversarialWeights,
    Adversary,
    EvenWeights,
    GroupDroWeights,
    Variant,
)
from tests.mitigation.recognition.tones import recordings, tiny
from tests.mitigation.verification.planted_voices import DIMENSION, planted

SPEECH = recordings(4)
VOICES = planted(12, 4, seed=0).voices, planted(8, 4, seed=1).voices


@pytest.fixture
def elsewhere() -> Iterator[None]:
    with torch.device("meta"):
        assert torch.zeros(1).device.type == "meta"
        yield


@pytest.mark.parametrize("arm", [FreezeEncoder(), L2(), Kl(), Ewc(), OnlineEwc(), Mixture(),
                                 CohortEmbedding()], ids=lambda arm: type(arm).__name__)
def test_fine_tuning_and_its_checkpoints_follow_the_weights(arm, tmp_path, elsewhere):
    with torch.device("cpu"):
        model = tiny()
    data = AdaptationData([SPEECH], SPEECH, SPEECH[:2], {r.utterance.id: 0 for r in SPEECH},
                          tmp_path / "fisher")
    for steps in (2, 4):  # the second time it goes on from the checkpoint of the first
        schedule = Schedule(steps=steps, batch=2, checkpoint_every=1)
        fine_tune(model, arm.phases(data, model, 0.5), schedule, 0, tmp_path)
    assert {weight.device.type for weight in model.module.parameters()} == {"cpu"}
    assert len(model.transcribe(SPEECH)) == len(SPEECH)


@pytest.mark.parametrize("kind", ["even", "group_dro", "pw", "aps", "pl"])
def test_training_of_embeddings_follows_the_inputs(kind, elsewhere):
    train, dev = VOICES
    variants: dict[str, Variant] = {"pw": "pw", "aps": "aps", "pl": "pl"}
    weighting = (EvenWeights() if kind == "even"
                 else GroupDroWeights(["ab"[s % 2] for s in train.speakers], 0.1)
                 if kind == "group_dro"
                 else AdversarialWeights(variants[kind], DIMENSION, Adversary(regions=2), seed=0))
    config = LearningConfig(steps=4, speakers=6, warm_up=1, refit=2, look=2)
    best = fit(EmbeddingModel(identity_head(DIMENSION)), train, dev, weighting, config, seed=0)
    assert np.isfinite(best.dev)
