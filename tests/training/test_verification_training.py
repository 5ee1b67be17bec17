"""The model and its loss."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from evalkit.store.trials import equal_error_rate
from evalkit.training.speaker_embeddings import (
    EmbeddingModel,
    Similarity,
    balanced_mean,
    identity_head,
    pair_losses,
    query_means,
)
from evalkit.training.verification import (
    LearningConfig,
    SpeakerInputs,
    WeightedTraining,
    _batches,
    dev_error,
    fit,
)
from evalkit.training.weightings import AdversarialWeights, Adversary, EvenWeights
from tests.mitigation.verification.planted_voices import DIMENSION, head, planted

QUICK = LearningConfig(steps=20, speakers=16, warm_up=5, refit=5, look=5)


def test_a_head_begins_as_the_identity() -> None:
    x = functional.normalize(torch.randn(5, 7, generator=torch.Generator().manual_seed(0)), dim=1)
    model = EmbeddingModel(identity_head(7))
    torch.testing.assert_close(model(x), x)
    assert model.drift().item() == 0


def test_drift_is_the_squared_distance_of_the_parameters() -> None:
    model = EmbeddingModel(identity_head(3))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.flatten()[1] += 2.0
    assert model.drift().item() == pytest.approx(8.0)


def test_similarity_is_the_scaled_cosine_of_query_and_mean_of_the_others() -> None:
    z = functional.normalize(torch.randn(4, 3, 5, generator=torch.Generator().manual_seed(1)),
                             dim=2)
    similarity = Similarity()
    found = similarity(z).detach().numpy()
    for i in range(4):
        for j in range(4):
            query, prototype = z[i, 2].numpy(), z[j, :2].mean(dim=0).numpy()
            cosine = query @ prototype / np.linalg.norm(query) / np.linalg.norm(prototype)
            expected = similarity.scale.item() * cosine + similarity.offset.item()
            assert found[i, j] == pytest.approx(expected, abs=1e-5)


def test_the_loss_of_a_pair_is_the_surprise_of_its_label() -> None:
    logits = torch.tensor([[2.0, -1.0], [0.5, -3.0]])
    p = 1 / (1 + np.exp(-logits.numpy()))
    expected = -np.log([[p[0, 0], 1 - p[0, 1]], [1 - p[1, 0], p[1, 1]]])
    np.testing.assert_allclose(pair_losses(logits).numpy(), expected, rtol=1e-5)


def test_target_pairs_count_half_in_the_mean_of_every_query() -> None:
    pairs = torch.tensor([[3.0, 1.0, 2.0], [0.0, 6.0, 0.0], [4.0, 4.0, 0.0]])
    assert query_means(pairs).tolist() == [2.25, 3.0, 2.0]
    assert float(balanced_mean(pairs)) == pytest.approx(7.25 / 3)


def test_dev_error_is_that_of_all_pairs() -> None:
    dev = planted(6, 4, seed=3).voices
    scores, labels = [], []
    for i in range(len(dev.x)):
        for j in range(i):
            scores.append(float(dev.x[i].double() @ dev.x[j].double()))
            labels.append(dev.speakers[i] == dev.speakers[j])
    expected = equal_error_rate(np.array(scores), np.array(labels)).value
    model = EmbeddingModel(identity_head(DIMENSION))
    assert dev_error(model, dev) == pytest.approx(expected, abs=1e-3)


def test_training_keeps_the_start_where_dev_knows_nothing_better() -> None:
    train = planted(20, 4, seed=0).voices
    separated = SpeakerInputs(torch.eye(DIMENSION)[[0, 0, 1, 1]], np.array([0, 0, 1, 1]))
    model = EmbeddingModel(identity_head(DIMENSION))
    fitted = fit(model, train, separated, EvenWeights(), QUICK, seed=0)
    assert (fitted.step, fitted.dev, model.drift().item()) == (0, 0.0, 0.0)


def test_training_ends_at_its_best_and_says_so() -> None:
    train, dev = planted(40, 6, seed=0).voices, planted(20, 6, seed=1).voices
    model = EmbeddingModel(identity_head(DIMENSION))
    fitted = fit(model, train, dev, EvenWeights(),
                 QUICK.model_copy(update={"steps": 100, "learning_rate": 3e-3}), seed=0)
    assert fitted.dev < fitted.dev_at_start
    assert fitted.step % QUICK.look == 0
    assert fitted.dev == dev_error(model, dev)


def test_a_strong_anchor_holds_the_model_at_its_start() -> None:
    train = planted(40, 6, seed=0).voices
    drifts = []
    for anchor in (0.0, 1e4):
        training = WeightedTraining(
            EmbeddingModel(identity_head(DIMENSION)), train, EvenWeights(),
            QUICK.model_copy(update={"anchor": anchor, "warm_up": 30}))
        assert len(list(training.steps([torch.arange(240).view(40, 6)] * 30))) == 30
        drifts.append(training.model.drift().item())
    assert drifts[1] < drifts[0] / 10


def test_a_batch_has_different_utterances_of_different_speakers() -> None:
    speakers = np.array(["b", "a", "c", "a", "d", "c", "b", "a"], object)
    heard = set()
    for rows in _batches(speakers, LearningConfig(steps=40, speakers=2), seed=0):
        assert (speakers[rows][:, 0] == speakers[rows][:, 1]).all()
        assert len(set(rows.flatten().tolist())) == 4
        heard |= set(rows.flatten().tolist())
    assert heard == set(range(8)) - {4}  # "d" has one alone


def test_the_same_seed_gives_the_same_head() -> None:
    train, dev = planted(30, 4, seed=0).voices, planted(10, 4, seed=1).voices

    def trained(seed: int) -> torch.Tensor:
        model = EmbeddingModel(identity_head(DIMENSION))
        training = AdversarialWeights("pw", DIMENSION, Adversary(regions=3), seed=seed)
        fit(model, train, dev, training, QUICK, seed=seed)
        return head(model)

    assert torch.equal(trained(4), trained(4))
    assert not torch.equal(trained(4), trained(5))
