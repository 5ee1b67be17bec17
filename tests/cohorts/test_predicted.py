"""Bands of voices by predicted rate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from evalkit.cohorts.discovery import Settings, discover_among
from evalkit.cohorts.finders.predicted import Difficulty, Predicted
from evalkit.cohorts.speakers import Outcomes, Speakers, speakers_of
from evalkit.statistics.bootstrap import Resampling
from tests.worlds import SUBJECT, make_world


def voices(n: int = 240, dimension: int = 40, seed: int = 0) -> tuple[Speakers, np.ndarray]:
    """Speakers whose error rate rises along one direction that holds little of the spread."""
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((n, dimension)) * np.linspace(3, 0.5, dimension)
    hardness = vectors[:, -1] / vectors[:, -1].std()
    words = rng.integers(30, 90, n).astype(float)
    errors = rng.poisson(words * 0.15 * np.exp(0.5 * hardness)).astype(float)
    own = Outcomes(errors, words, np.full(n, 5.0), np.zeros(n), np.arange(n))
    world = make_world().people()
    nothing = pd.DataFrame(index=range(n))
    people = replace(
        world, ids=np.arange(n).astype(str), by_speaker=own, by_utterance=own,
        utterance_ids=np.arange(n).astype(str), location=np.full((n, 2), np.nan),
        embedding=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        attributes=nothing, labels=nothing, utterance_labels=nothing)
    return people, hardness


def test_hard_voices_are_found_on_fresh_speakers() -> None:
    people, hardness = voices()
    discovery = discover_among(people, SUBJECT, [Predicted()],
                               Settings(shuffles=19, resampling=Resampling(999)))
    finding, = discovery.findings.finders
    assert finding.status == "confirmed"
    assert finding.verdicts[0].cohort == "band 1 of 10 by predicted rate"
    worst = discovery.rules["predicted"].members(people)[0]
    assert hardness[worst].mean() > 0.8
    assert finding.chance.p_value <= 0.1


def test_the_direction_is_that_of_ridge_regression() -> None:
    people, _ = voices()
    rule = Predicted().prepare(people)(people.by_speaker)
    assert isinstance(rule, Difficulty)
    own = people.by_speaker
    centred = people.embedding - people.embedding.mean(axis=0)
    total = (centred**2).sum() / len(centred)
    fits = [Ridge(total * penalty).fit(centred, own.harm / own.weight, own.weight).coef_
            for penalty in np.logspace(-3, 3, 13)]
    assert min(np.abs(fit - rule.direction).max() for fit in fits) < 1e-6


def test_bands_hold_their_share_and_everybody_with_a_vector() -> None:
    people, _ = voices()
    people.embedding[3] = np.nan
    members = Predicted(share=0.2).prepare(people)(people.by_speaker).members(people)
    assert [len(at) for at in members] == pytest.approx([48] * 5, abs=1)
    assert sorted(np.concatenate(members)) == [i for i in range(240) if i != 3]


def test_few_speakers_are_cut_into_fewer_bands() -> None:
    people, _ = voices(n=24)
    rule = Predicted().prepare(people)(people.by_speaker)
    assert [len(at) for at in rule.members(people)] == [4] * 6


def test_it_says_what_it_lacks() -> None:
    world = make_world()
    people = speakers_of(world.rows, world.utterances)
    assert Predicted().lacks(people) == "no speaker embeddings"
    few, _ = voices(n=19)
    assert Predicted().lacks(few) == "there are embeddings of 19 speakers"



def test_voices_that_are_all_alike_say_nothing() -> None:
    people, _ = voices()
    rounding = 1e-8 * np.random.default_rng(0).standard_normal(people.embedding.shape)
    alike = replace(people, embedding=people.embedding[:1] + rounding)
    assert Predicted().lacks(alike) == "the embeddings of all 240 speakers are alike"
    assert Predicted().lacks(people) is None


def test_equal_voices_are_in_one_band() -> None:
    people, _ = voices()
    rounding = 1e-16 * np.random.default_rng(0).standard_normal(people.embedding.shape)
    kind = np.arange(240) % 3
    few = replace(people, embedding=people.embedding[kind] + rounding)
    members = Predicted().prepare(few)(few.by_speaker).members(few)
    assert sorted(len(at) for at in members) == [80, 80, 80]
    assert all(len(set(kind[at])) == 1 for at in members)
