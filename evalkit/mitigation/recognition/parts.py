"""Whose speech teaches, whose chooses, and whose judges.

Cohorts are found on the speakers of dev. Some of those of the worst cohorts are learned from, all
others choose a strength; what came of it is measured on test, to which nothing is fitted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from evalkit.cohorts.finder import Finder, Rule, outcomes
from evalkit.cohorts.speakers import Speakers, speakers_of
from evalkit.core.errors import ConfigError, ManifestError
from evalkit.core.types import Hypothesis, Output, Recording
from evalkit.metrics.words import WordErrors
from evalkit.run.utterances import utterance_table
from evalkit.store.scores import ratio
from evalkit.training.data import recordings
from evalkit.training.trainable import Trainable

UNPLACED = "unplaced"
"""The cohort of those whom the rule sends nowhere."""


@dataclass(frozen=True)
class Speech:
    """The recordings of three manifests: ``general``, such as the model was first trained on,
    ``dev`` and ``test``. They share no speaker and no utterance id."""

    general: list[Recording]
    dev: list[Recording]
    test: list[Recording]

    @property
    def all(self) -> list[Recording]:
        return [*self.general, *self.dev, *self.test]


@dataclass(frozen=True)
class Cohorts:
    """What was found on dev. ``names`` are the cohorts, worst first by their pooled word error
    rate on dev; ``of`` is the cohort of every utterance id, of all three manifests; ``on_dev``
    has a row a cohort, with the columns cohort, value, words, n and n_speakers."""

    rule: Rule
    names: list[str]
    of: dict[str, str]
    on_dev: pd.DataFrame


def read_speech(general: Path, dev: Path, test: Path, rate: int) -> Speech:
    """Waveforms are at ``rate`` Hz. Raises ManifestError where an utterance cannot be used, or
    where two of the manifests have a speaker or an utterance id in common."""
    heard = [(path, recordings(path, rate)) for path in (general, dev, test)]
    for what, key in (("speaker", speaker), ("utterance id", lambda r: r.utterance.id)):
        owner: dict[str, Path] = {}
        for path, found in heard:
            for name in {key(r) for r in found}:
                if name in owner:
                    raise ManifestError(f"{path}: {what} {name!r} is also in {owner[name]}; test "
                                        "speakers must be nobody that anything was fitted to")
                owner[name] = path
    return Speech(*(found for _, found in heard))


def speaker(recording: Recording) -> str:
    """Who speaks: an utterance without a speaker is a speaker of its own."""
    return recording.utterance.speaker or recording.utterance.id


def word_errors(model: Trainable, heard: Sequence[Recording]) -> pd.DataFrame:
    """Rows of a scores table for the metric wer, with a column ``hypothesis``."""
    texts = model.transcribe(heard)
    rows = []
    for recording, text in zip(heard, texts, strict=True):
        found = WordErrors().measure(recording.utterance, Output(hypothesis=Hypothesis(text)))
        rows.append({"utterance_id": recording.utterance.id, "speaker_id": speaker(recording),
                     "condition": "clean", "metric": "wer", "amount": found["wer"].amount,
                     "weight": found["wer"].weight, "error": None, "hypothesis": text})
    return pd.DataFrame(rows)


def find_cohorts(finder: Finder, speech: Speech, errors: pd.DataFrame) -> Cohorts:
    """Cohorts from the start's ``errors`` on dev, as ``word_errors`` gives them. Raises
    ConfigError where the finder cannot work on these speakers or its cohorts overlap."""
    people = speakers_of(errors, _facts(speech.dev))
    if why := finder.lacks(people):
        raise ConfigError(f"cohorts: {finder.name} cannot look for cohorts on dev: {why}")
    rule = finder.prepare(people)(outcomes(people, finder.unit))
    of = {identifier: name for part in (speech.general, speech.dev, speech.test)
          for identifier, name in _membership(rule, finder, part).items()}
    table = errors.assign(cohort=errors["utterance_id"].map(of)).groupby("cohort", sort=True).agg(
        amount=("amount", "sum"), words=("weight", "sum"), n=("utterance_id", "size"),
        n_speakers=("speaker_id", "nunique")).reset_index()
    table.insert(1, "value", ratio(table.pop("amount"), table["words"]))
    table = table.sort_values("value", ascending=False, ignore_index=True, kind="stable")
    elsewhere = sorted(set(of.values()) - set(table["cohort"]))
    return Cohorts(rule, [*table["cohort"], *elsewhere], of, table)


def adaptation_speakers(dev: Sequence[Recording], of: Mapping[str, str], targets: Sequence[str],
                        share: float, seed: int) -> set[str]:
    """A random ``share`` of the speakers of every target on dev, rounded to whole speakers, and
    at least one; where there are two or more, at least one is left. ``of`` is the cohort of
    every utterance id."""
    chosen: set[str] = set()
    for number, name in enumerate(targets):
        there = sorted({speaker(r) for r in dev if of[r.utterance.id] == name})
        count = min(max(1, round(share * len(there))), max(1, len(there) - 1))
        rng = np.random.default_rng([seed, number])
        chosen.update(there[i] for i in rng.permutation(len(there))[:count])
    return chosen


def _membership(rule: Rule, finder: Finder, heard: Sequence[Recording]) -> dict[str, str]:
    """The cohort of every utterance id; the rule does not look at errors, so there are none."""
    silent = pd.DataFrame([{"utterance_id": r.utterance.id, "speaker_id": speaker(r),
                            "condition": "clean", "amount": 0.0, "weight": 0.0, "error": None}
                           for r in heard])
    people = speakers_of(silent, _facts(heard))
    found = dict.fromkeys(people.utterance_ids, UNPLACED)
    for name, units in zip(rule.names, rule.members(people), strict=True):
        for identifier in people.utterance_ids[_rows(finder, people, units)]:
            if found[identifier] != UNPLACED:
                raise ConfigError(f"cohorts: {identifier!r} is in {found[identifier]!r} and in "
                                  f"{name!r}; an experiment needs cohorts that do not overlap")
            found[identifier] = name
    return found


def _rows(finder: Finder, people: Speakers, units: np.ndarray) -> np.ndarray:
    """Indices of the utterances of a cohort's units."""
    if finder.unit == "utterance":
        return units
    return np.flatnonzero(np.isin(people.by_utterance.speaker, units))


def _facts(heard: Sequence[Recording]) -> pd.DataFrame:
    return utterance_table([r.utterance for r in heard], Path()).to_pandas()
