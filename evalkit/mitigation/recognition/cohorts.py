"""The cohorts of an experiment: found by the errors of the start on dev, and who is in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from evalkit.cohorts.finder import Finder, Rule, outcomes
from evalkit.cohorts.speakers import Speakers, speakers_of
from evalkit.core.errors import ConfigError
from evalkit.core.types import Recording
from evalkit.mitigation.recognition.splits import Speech, speaker
from evalkit.run.utterances import utterance_table
from evalkit.store.documents.mitigation import DevCohort, DevCohorts
from evalkit.store.scores import ratio

UNPLACED = "unplaced"
"""The cohort of those whom the rule sends nowhere."""


@dataclass(frozen=True)
class FoundCohorts:
    """What was found on dev. ``names`` are the cohorts, the highest pooled word error rate on dev
    first; ``of`` is the cohort of every utterance id, of all three manifests; ``on_dev`` are
    those with speakers on dev."""

    rule: Rule
    names: list[str]
    of: dict[str, str]
    on_dev: list[DevCohort]

    def described(self) -> DevCohorts:
        """For the results."""
        outlines = self.rule.outlines()
        places = None if outlines is None else dict(zip(self.rule.names, outlines, strict=True))
        return DevCohorts(rule=self.rule.describe(), on_dev=self.on_dev, outlines=places)


def find_cohorts(finder: Finder, speech: Speech, errors: pd.DataFrame) -> FoundCohorts:
    """Cohorts from the start's ``errors`` on dev, as ``word_errors`` gives them. Raises
    ConfigError where the finder cannot work on these speakers or its cohorts overlap."""
    speakers = speakers_of(errors, _utterance_facts(speech.dev))
    if why := finder.lacks(speakers):
        raise ConfigError(f"cohorts: {finder.name} cannot look for cohorts on dev: {why}")
    rule = finder.prepare(speakers)(outcomes(speakers, finder.unit))
    of = {identifier: name for part in (speech.general, speech.dev, speech.test)
          for identifier, name in _membership(rule, finder, part).items()}
    on_dev = _rates_on_dev(errors, of)
    elsewhere = sorted(set(of.values()) - {cohort.cohort for cohort in on_dev})
    return FoundCohorts(rule, [*(cohort.cohort for cohort in on_dev), *elsewhere], of, on_dev)


def _rates_on_dev(errors: pd.DataFrame, of: dict[str, str]) -> list[DevCohort]:
    """The highest rate first."""
    table = errors.assign(cohort=errors["utterance_id"].map(of)).groupby("cohort", sort=True).agg(
        amount=("amount", "sum"), words=("weight", "sum"), n=("utterance_id", "size"),
        n_speakers=("speaker_id", "nunique")).reset_index()
    table["value"] = ratio(table.pop("amount"), table["words"])
    table = table.sort_values("value", ascending=False, ignore_index=True, kind="stable")
    return [DevCohort.model_validate(row) for row in table.to_dict("records")]


def _membership(rule: Rule, finder: Finder, speech: Sequence[Recording]) -> dict[str, str]:
    """The cohort of every utterance id; the rule does not look at errors, so none are given."""
    no_errors = pd.DataFrame([{"utterance_id": r.utterance.id, "speaker_id": speaker(r),
                               "condition": "clean", "amount": 0.0, "weight": 0.0, "error": None}
                              for r in speech])
    speakers = speakers_of(no_errors, _utterance_facts(speech))
    cohort_of = dict.fromkeys(speakers.utterance_ids, UNPLACED)
    for name, units in zip(rule.names, rule.members(speakers), strict=True):
        for identifier in speakers.utterance_ids[_rows(finder, speakers, units)]:
            if cohort_of[identifier] != UNPLACED:
                raise ConfigError(f"cohorts: {identifier!r} is in {cohort_of[identifier]!r} and in "
                                  f"{name!r}; an experiment needs cohorts that do not overlap")
            cohort_of[identifier] = name
    return cohort_of


def _rows(finder: Finder, speakers: Speakers, units: np.ndarray) -> np.ndarray:
    """Indices of the utterances of a cohort's units."""
    if finder.unit == "utterance":
        return units
    return np.flatnonzero(np.isin(speakers.by_utterance.speaker, units))


def _utterance_facts(speech: Sequence[Recording]) -> pd.DataFrame:
    return utterance_table([r.utterance for r in speech], Path()).to_pandas()
