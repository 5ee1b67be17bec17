"""The Fisher diagonal: what it is where it is known, and what it is not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from evalkit.training import fisher
from evalkit.training.fisher import content, diagonal_fisher, fisher_of, normalised
from evalkit.training.trainable import parameters
from tests.mitigation.recognition.tones import recordings, tiny


def gaussian(noise: np.ndarray, spread: float, seed: int = 0):
    """A linear model with Gaussian errors at its true weights, and its negative log-likelihood."""
    rng = np.random.default_rng(seed)
    x = torch.tensor(rng.normal(size=(len(noise), 3)) * [1.0, 2.0, 0.5])
    truth = torch.tensor([0.3, -1.0, 2.0], dtype=torch.float64)
    y = x @ truth + torch.tensor(noise)
    weights = {"w": truth.clone().requires_grad_()}

    def loss(i: int) -> torch.Tensor:
        return (y[i] - x[i] @ weights["w"]) ** 2 / (2 * spread**2)

    return x, y, weights, loss


def test_of_a_linear_gaussian_model_it_is_known():
    # Errors of exactly one standard deviation make the empirical Fisher the expected one.
    signs = np.random.default_rng(1).choice([-1.0, 1.0], 500)
    x, _, weights, loss = gaussian(0.7 * signs, 0.7)
    found = diagonal_fisher(weights, loss, range(500))["w"]
    expected = (x.T @ x).diagonal() / 0.7**2 / 500
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=0)


def test_drawn_labels_approach_the_same():
    x, _, weights, loss = gaussian(0.7 * np.random.default_rng(2).normal(size=4_000), 0.7)
    found = diagonal_fisher(weights, loss, range(4_000))["w"]
    torch.testing.assert_close(found, (x**2).mean(0) / 0.7**2, rtol=0.1, atol=0)


def test_the_square_of_a_summed_gradient_is_something_else():
    x, y, weights, loss = gaussian(0.7 * np.random.default_rng(3).normal(size=200), 0.7)
    optimum = torch.linalg.lstsq(x, y[:, None]).solution[:, 0]
    weights["w"].data = optimum
    summed = torch.autograd.grad(sum(loss(i) for i in range(200)), weights["w"])[0]
    assert (summed**2 < 1e-16).all()
    assert (diagonal_fisher(weights, loss, range(200))["w"] > 0.05).all()


def test_of_a_recognizer_gradients_are_squared_one_by_one():
    model, heard = tiny(), recordings(4)
    weights = parameters(model.module)
    found = diagonal_fisher(weights, lambda r: model.losses([r]).sum(), heard)
    by_hand = {name: torch.zeros_like(w) for name, w in weights.items()}
    for recording in heard:
        model.module.zero_grad()
        model.losses([recording]).sum().backward()
        for name, w in weights.items():
            by_hand[name] += w.grad**2 / 4
    assert found.keys() == by_hand.keys()
    for name in found:
        assert (found[name] >= 0).all()
        torch.testing.assert_close(found[name], by_hand[name])
    assert sum(float(part.sum()) for part in found.values()) > 0


def test_normalised_means_mean_one():
    found = normalised({"a": torch.tensor([1.0, 3.0]), "b": torch.tensor([[8.0, 0.0]])})
    everything = torch.cat([part.flatten() for part in found.values()])
    torch.testing.assert_close(everything, torch.tensor([1.0, 3.0, 8.0, 0.0]) / 3)


def test_an_estimate_is_kept_by_what_made_it(tmp_path, monkeypatch):
    model, heard = tiny(dropout=0.5), recordings(3)
    model.module.train()
    first = fisher_of(model, heard, tmp_path)
    other = fisher_of(tiny(seed=1), heard, tmp_path)
    assert len(list(tmp_path.glob("*.safetensors"))) == 2
    assert not torch.equal(first["output.1.w.bias"], other["output.1.w.bias"])
    monkeypatch.setattr(fisher, "diagonal_fisher", lambda *_: pytest.fail("anew"))
    again = fisher_of(model, heard, tmp_path)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert content(parameters(model.module), heard) != content(parameters(model.module), heard[:2])


def test_it_is_estimated_in_evaluation_mode(tmp_path):
    heard = recordings(3)
    found = []
    for number in range(2):
        model = tiny(dropout=0.5)
        model.module.train()
        torch.manual_seed(number)
        found.append(fisher_of(model, heard, tmp_path / str(number)))
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])
