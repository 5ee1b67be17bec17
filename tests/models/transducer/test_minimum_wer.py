"""Teaching a transducer to expect fewer errors of its own guesses."""

from __future__ import annotations

import copy

import pytest
import torch

from evalkit.core.types import Recording, Utterance
from evalkit.models.transducer.minimum_wer import MinimumWerConfig, guesses, teach
from evalkit.models.transducer.objective import expected_errors

from .tiny import tiny, wave

TEXTS = ("x x d", "d x", "x")


@pytest.fixture(scope="module")
def speech():
    return [Recording(Utterance(str(n)), text, wave(6_000, seed=n))
            for n, text in enumerate(TEXTS)]


def test_guesses_are_different_texts_with_their_errors(speech):
    found = guesses(tiny(), speech[0], 4)
    texts = [text for text, _ in found]
    assert 1 < len(texts) == len(set(texts)) <= 4
    assert all(errors >= abs(len(text.split()) - 3) for text, errors in found)


@torch.no_grad()
def expected(model, speech, found) -> float:
    return float(expected_errors(model.eval(), speech, found, keep=0.0).sum())


def test_teaching_makes_the_expected_errors_fewer(speech):
    """Which the baseline, of the same updates, is not made for."""
    model = tiny(dropout=0.0)
    found = [guesses(model, each, 6) for each in speech]
    assert any(len({errors for _, errors in each}) > 1 for each in found)
    before = expected(model, speech, found)
    after = {}
    for errors in (True, False):
        taught = copy.deepcopy(model)
        config = MinimumWerConfig(passes=6, batch=2, learning_rate=3e-3, errors=errors)
        assert list(teach(taught, speech, found, config)) == list(range(1, 13))
        after[errors] = expected(taught, speech, found)
    assert after[True] < before
    assert after[True] < after[False]
