"""Weights of samples and pairs, and the adversary."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from evalkit.training.speaker_embeddings import EmbeddingModel, identity_head
from evalkit.training.verification import (
    LearningConfig,
    SpeakerInputs,
    WeightedTraining,
    dev_error,
    fit,
)
from evalkit.training.weightings import (
    FLOOR,
    AdversarialWeights,
    Adversary,
    EvenWeights,
    GroupBalancedWeights,
    GroupDroWeights,
    PairBatch,
    Variant,
    Weighting,
    pair_weights,
    sample_weights,
    weights_of_pairs,
)
from tests.mitigation.verification.planted_voices import DIMENSION, Planted, head, planted

VARIANTS: tuple[Variant, ...] = ("aps", "pl", "pw")
LEARNING = LearningConfig(steps=200, learning_rate=3e-3, patience=20)
ARTICLES = Adversary(strength=1.0, targets=True)
ADVERSARY = Adversary(regions=4, learning_rate=0.02, strength=1.0, targets=True)
"""As in the articles."""


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=60))
def test_sample_weights_have_mean_two_and_lie_between_one_and_one_more_than_they_are(
        logits: list[float]) -> None:
    weights = sample_weights(torch.tensor(logits, dtype=torch.float64))
    assert float(weights.mean()) == pytest.approx(2, abs=1e-12)
    assert float(weights.min()) >= 1
    assert float(weights.max()) <= 1 + len(logits) + 1e-9


def test_the_strength_is_what_the_adversary_adds_to_even_weights() -> None:
    logits = torch.tensor([-2.0, 0.0, 3.0], dtype=torch.float64)
    weak, full = sample_weights(logits, 0.25), sample_weights(logits)
    torch.testing.assert_close(weak, 1 + 0.25 * (full - 1))
    assert float(weak.mean()) == pytest.approx(1.25)


def test_pairs_of_one_speaker_can_be_left_out_of_the_weighting() -> None:
    samples = torch.tensor([[9.0, 1.0], [9.0, 3.0], [9.0, 8.0]])
    pairs = pair_weights(samples, pairwise=False, targets=False)
    assert pairs.diagonal().tolist() == [1, 1, 1]
    assert pairs.tolist()[2] == [2.0, 2.0, 1.0]
    assert float(pairs.sum()) == pytest.approx(9)


def test_weights_stay_finite_where_the_adversary_gives_nothing_to_anybody() -> None:
    logits = torch.full((4,), -20.0)
    expected = 1 + torch.sigmoid(logits) / FLOOR
    torch.testing.assert_close(sample_weights(logits), expected)
    assert float(sample_weights(logits).mean()) < 1.001


@given(st.integers(2, 9), st.integers(2, 4), st.integers(0, 99))
def test_the_weight_of_a_pair_is_the_sum_of_its_samples_in_proportion(
        n: int, m: int, seed: int) -> None:
    samples = 1 + torch.rand(n, m, generator=torch.Generator().manual_seed(seed))
    pairs = pair_weights(samples, pairwise=True)
    assert float(pairs.mean()) == pytest.approx(1, abs=1e-5)
    expected = np.array([[float(samples[i, -1] + samples[j, :-1].mean()) for j in range(n)]
                         for i in range(n)])
    np.testing.assert_allclose(pairs.numpy(), expected / expected.mean(), rtol=1e-5)


def test_a_query_takes_its_weight_into_all_its_pairs() -> None:
    pairs = pair_weights(torch.tensor([[9.0, 1.0], [9.0, 3.0]]), pairwise=False)
    assert pairs.tolist() == [[0.5, 0.5], [1.5, 1.5]]


def test_even_weights_are_one() -> None:
    batch = PairBatch(torch.arange(6).view(3, 2), torch.randn(3, 2, 4))
    assert weights_of_pairs(EvenWeights(), batch).tolist() == [[1.0] * 3] * 3


def test_known_groups_weigh_the_same_in_all() -> None:
    groups = ["a"] * 6 + ["b"] * 2
    weights = GroupBalancedWeights(groups).samples(torch.arange(8), torch.zeros(8, 3)).numpy()
    assert weights[:6].sum() == pytest.approx(weights[6:].sum())
    assert weights.mean() == pytest.approx(1)


def test_group_dro_moves_mass_by_the_exponential_of_the_loss() -> None:
    weighting = GroupDroWeights(["a", "a", "b", "b"], rate=0.5)
    losses = torch.tensor([[1.0, 3.0], [2.0, 0.0]])
    weighting.update(PairBatch(torch.tensor([[0, 1], [2, 3]]), torch.zeros(2, 2, 3)), losses)
    mass = np.exp(0.5 * np.array([2.0, 1.0]))
    np.testing.assert_allclose(weighting.mass.numpy(), mass / mass.sum(), rtol=1e-6)


def groups_of_losses(hard: torch.Tensor) -> torch.Tensor:
    """(N, N): 2 nats for the pairs of a hard query, 0.2 for others."""
    return torch.where(hard, 2.0, 0.2)[:, None].expand(len(hard), len(hard))


def utterances(n: int, dimension: int) -> torch.Tensor:
    """Embeddings (n, 2, dimension) of n speakers, in no direction more than in another."""
    generator = torch.Generator().manual_seed(1)
    return functional.normalize(torch.randn(n, 2, dimension, generator=generator), dim=2)


def raised(variant: Variant, embeddings: torch.Tensor, hard: torch.Tensor) -> float:
    """How many times the weight of others the queries of ``hard`` speakers have, after 200 steps
    of the adversary on batches of 40 speakers, as training takes them."""
    adversary = AdversarialWeights(variant, embeddings.shape[2], ARTICLES, seed=0)
    adversary.refit(embeddings.flatten(0, 1))
    rows = torch.arange(2 * len(hard)).view(-1, 2)
    generator = torch.Generator().manual_seed(0)
    for _ in range(200):
        drawn = torch.randperm(len(hard), generator=generator)[:40]
        adversary.update(PairBatch(rows[drawn], embeddings[drawn]), groups_of_losses(hard[drawn]))
    weights = adversary.samples(rows[:, -1], embeddings[:, -1])
    return float(weights[hard].mean() / weights[~hard].mean())


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_adversary_raises_a_hard_group_that_it_can_identify(variant: Variant) -> None:
    hard = torch.arange(1000) < 200
    embeddings = utterances(1000, 24)
    embeddings[:, :, 0] += torch.where(hard, 0.5, -0.5)[:, None]
    assert raised(variant, functional.normalize(embeddings, dim=2), hard) > 2


@pytest.mark.parametrize("variant", VARIANTS)
def test_losses_that_nothing_identifies_are_hardly_raised(variant: Variant) -> None:
    """A linear adversary of few dimensions cannot follow who is hard at random: it is far from
    the weight of 1 + 1 / 0.2 that an adversary gives which knows every speaker."""
    hard = torch.rand(1000, generator=torch.Generator().manual_seed(2)) < 0.2
    assert raised(variant, utterances(1000, 24), hard) < 1.2


def training(weighting: Weighting, warm_up: int = 0) -> WeightedTraining:
    return WeightedTraining(EmbeddingModel(identity_head(DIMENSION)),
                            planted(20, 4, seed=0).voices, weighting,
                            LEARNING.model_copy(update={"warm_up": warm_up}))


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_step_of_the_adversary_leaves_the_model_alone(variant: Variant) -> None:
    adversary = AdversarialWeights(variant, DIMENSION, ADVERSARY, seed=0)
    game = training(adversary)
    embeddings = game.model(game.train.x).view(20, 4, DIMENSION)
    model, before = deepcopy(game.model.state_dict()), deepcopy(adversary.network.state_dict())
    losses = torch.rand(20, 20, requires_grad=True)
    adversary.update(PairBatch(torch.arange(80).view(20, 4), embeddings), losses)
    assert losses.grad is None
    assert all(p.grad is None for p in game.model.parameters())
    assert all(torch.equal(v, model[k]) for k, v in game.model.state_dict().items())
    assert any(not torch.equal(v, before[k]) for k, v in adversary.network.state_dict().items())


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_step_of_the_model_leaves_the_adversary_alone(
        variant: Variant, monkeypatch: pytest.MonkeyPatch) -> None:
    adversary = AdversarialWeights(variant, DIMENSION, ADVERSARY, seed=0)
    monkeypatch.setattr(adversary, "update", lambda batch, losses: None)
    game = training(adversary)
    before = deepcopy(adversary.network.state_dict())
    assert list(game.steps([torch.arange(80).view(20, 4)])) == [1]
    assert float(game.model.drift().detach()) > 0
    assert all(p.grad is None for p in adversary.network.parameters())
    assert all(torch.equal(v, before[k]) for k, v in adversary.network.state_dict().items())


@pytest.mark.parametrize("variant", VARIANTS)
def test_weights_are_constants_to_the_model(variant: Variant) -> None:
    adversary = AdversarialWeights(variant, 4, Adversary(regions=2), seed=0)
    embeddings = torch.randn(6, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    adversary.refit(embeddings.detach())
    batch = PairBatch(torch.arange(6).view(3, 2), embeddings.view(3, 2, 4))
    assert not weights_of_pairs(adversary, batch).requires_grad


def test_during_the_warm_up_weights_are_even() -> None:
    rows = torch.arange(80).view(20, 4)
    even = training(EvenWeights(), warm_up=3)
    adversarial = training(AdversarialWeights("pw", DIMENSION, ADVERSARY, seed=0), warm_up=3)
    differences = []
    for _ in zip(even.steps([rows] * 4), adversarial.steps([rows] * 4), strict=True):
        difference = head(even.model) - head(adversarial.model)
        differences.append(float(difference.abs().max()))
    assert differences[:3] == [0, 0, 0] and differences[3] > 0


def test_a_region_keeps_its_number_when_it_is_found_again() -> None:
    x = planted(30, 4, seed=0).voices.x
    adversary = AdversarialWeights("pl", DIMENSION, ADVERSARY, seed=0)
    adversary.refit(x)
    before = adversary.samples(torch.arange(len(x)), x)
    adversary.refit(x + 1e-4)
    torch.testing.assert_close(adversary.samples(torch.arange(len(x)), x), before)


def errors(model: EmbeddingModel, test: Planted) -> tuple[float, ...]:
    """Equal error rates within the hidden group, among the others and over all pairs."""
    parts = (test.hidden, ~test.hidden, np.full(len(test.hidden), True))
    return tuple(dev_error(model, SpeakerInputs(test.voices.x[torch.as_tensor(at)],
                                           test.voices.speakers[at])) for at in parts)


@pytest.mark.parametrize("seed", range(3))
def test_reweighting_finds_a_hidden_hard_group_and_mends_it(seed: int) -> None:
    train, dev, test = (planted(n, 8, 10 * seed + i) for i, n in enumerate((80, 40, 100)))
    found = {"none": errors(EmbeddingModel(identity_head(DIMENSION)), test)}
    arms: dict[str, Weighting] = {
        "plain": EvenWeights(), "pw": AdversarialWeights("pw", DIMENSION, ADVERSARY, seed=seed)}
    for name, weighting in arms.items():
        model = EmbeddingModel(identity_head(DIMENSION))
        fitted = fit(model, train.voices, dev.voices, weighting, LEARNING, seed=seed)
        found[name] = errors(model, test)
    at = torch.as_tensor(train.hidden)
    assert float(fitted.weights[at].mean()) > 3 * float(fitted.weights[~at].mean())
    hidden, others, overall = zip(*found.values(), strict=True)
    assert hidden[0] > hidden[1] > hidden[2]
    assert hidden[2] - others[2] < hidden[1] - others[1] < 0.8 * (hidden[0] - others[0])
    assert others[2] < others[0]
    assert overall[2] < 0.95 * overall[1]
