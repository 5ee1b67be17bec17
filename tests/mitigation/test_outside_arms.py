"""Arms of another package: each is one module and a line of its entry points."""

from __future__ import annotations

import pytest
import torch

from evalkit.core.config import Plugin
from evalkit.mitigation.arms.protocols import AdaptationData
from evalkit.mitigation.recognition.trials import make_arm as make_recognition_arm
from evalkit.mitigation.verification.arm_training import make_arm as make_verification_arm
from evalkit.training.fine_tuning import Schedule, fine_tune
from evalkit.training.speaker_embeddings import EmbeddingModel, identity_head
from evalkit.training.verification import LearningConfig, fit
from tests.mitigation.recognition.tones import recordings, tiny
from tests.mitigation.verification.planted_voices import DIMENSION, planted

pytestmark = pytest.mark.usefixtures("outside")


def test_an_arm_of_recognition_trains_in_its_phases(tmp_path):
    arm = make_recognition_arm(Plugin(name="rehearse", options={"strengths": [0.25]}))
    speech, model = recordings(4), tiny()
    data = AdaptationData([speech[:2]], speech[2:], speech[2:], {}, tmp_path)
    before = {name: w.detach().clone() for name, w in model.module.named_parameters()}
    phases = list(arm.phases(data, model, arm.strengths[0]))
    assert [phase.share for phase in phases] == [0.25, 0.75]
    fine_tune(model, phases, Schedule(steps=4, batch=2), 0, tmp_path)
    assert len(list(tmp_path.glob("phase*.safetensors"))) == 2
    assert any(not torch.equal(w, before[name]) for name, w in model.module.named_parameters())


def test_an_arm_of_verification_weighs_samples():
    arm = make_verification_arm(Plugin(name="first_half", options={"factor": 3}))
    train, dev = planted(12, 4, seed=0).voices, planted(8, 4, seed=1).voices
    labels = [str(speaker) for speaker in train.speakers]
    weights = []
    for weighting in (arm.weighting(labels, DIMENSION, seed=0, device=torch.device("cpu")),
                      make_verification_arm(Plugin(name="plain")).weighting(
                          [], DIMENSION, seed=0, device=torch.device("cpu"))):
        model = EmbeddingModel(identity_head(DIMENSION))
        best = fit(model, train, dev, weighting,
                   LearningConfig(steps=4, speakers=8, warm_up=0, look=2, learning_rate=1e-2),
                   seed=0)
        weights.append(best.weights.tolist())
    assert weights == [[3.0] * 24 + [1.0] * 24, [1.0] * 48]
