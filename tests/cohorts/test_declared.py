"""Declared groups and slices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evalkit.cohorts.finders.conjunctions import Conjunctions
from evalkit.cohorts.finders.declared import Declared
from evalkit.cohorts.finders.slices import Slices
from tests.worlds import make_world


def test_every_group_and_every_intersection_that_somebody_is_in() -> None:
    people = make_world().people()
    people = replace(people, labels=people.labels.assign(age="old", accent=["a", "unknown"] * 48))
    rule = Declared(columns=("accent", "gender")).prepare(people)(people.by_speaker)
    assert rule.names == (
        "accent = a", "accent = unknown", "gender = female", "gender = male",
        "accent = a, gender = female", "accent = a, gender = male")
    members = dict(zip(rule.names, rule.members(people), strict=True))
    assert np.array_equal(members["accent = a, gender = female"], np.intersect1d(
        members["accent = a"], members["gender = female"]))
    alone = Declared(columns=("gender",), intersections=False)
    assert alone.prepare(people)(people.by_speaker).names == ("gender = female", "gender = male")


def test_a_column_that_there_is_not_is_named() -> None:
    people = make_world().people()
    assert Declared(columns=("accent",)).lacks(people) == "no column 'accent'"
    bare = replace(people, labels=people.labels[[]])
    assert Declared().lacks(bare) == "no declared groups of speakers"


def test_a_slice_of_utterances_is_found() -> None:
    people = make_world(factor=1).people()
    kitchen = (people.utterance_labels["room"] == "kitchen").to_numpy()
    own = people.by_utterance
    own = replace(own, harm=own.harm * np.where(kitchen, 4, 1))
    rule = Slices().prepare(people)(own)
    assert "room = kitchen" in rule.names
    at = rule.members(people)[rule.names.index("room = kitchen")]
    assert np.array_equal(at, np.flatnonzero(kitchen))


def test_a_rule_of_another_corpus_holds_of_nobody() -> None:
    rule = Conjunctions(((("hair", "red"),),), "speaker")
    assert [len(at) for at in rule.members(make_world().people())] == [0]
