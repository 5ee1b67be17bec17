"""Who is underserved, and is it real.

The speakers are parted at random into two halves. Every finder searches one half; the search is
repeated with outcomes shuffled among speakers, which says how large a gap chance would have
found. The rules found are frozen and their worst cohorts tested on the other half, all finders
together (evalkit.cohorts.confirm). The gap where it was found and the gap on fresh speakers
are both reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from evalkit.cohorts.confirm import Candidate, Test, adjust_chains, confirm, own_interval, rank
from evalkit.cohorts.evidence import FLOORS, Floors, enough, moments, rates
from evalkit.cohorts.finder import Finder, Rule, Search, outcomes
from evalkit.cohorts.findings import Discovery
from evalkit.cohorts.people import Outcomes, People
from evalkit.cohorts.read import Asked, ask, read_people
from evalkit.cohorts.traits import traits
from evalkit.core.plugins import available, create
from evalkit.statistics.bootstrap import DEFAULT, FEW_SPEAKERS, Resampling
from evalkit.statistics.groups import plain_data
from evalkit.statistics.permutation import p_value
from evalkit.store.documents.findings import (
    STATUSES,
    Chance,
    Cohort,
    Extremes,
    Feature,
    Finding,
    Findings,
    OnHalf,
    Regions,
    Status,
    Trait,
    Verdict,
)
from evalkit.store.runfolder import RunFolder
from evalkit.store.scores import ratio

SHUFFLED_UNITS = 5_000_000
"""Units searched again in shuffled form at most, but FEWEST_SHUFFLES searches at least."""
FEWEST_SHUFFLES = 19


@dataclass(frozen=True)
class Settings:
    """How cohorts are tested. ``candidates`` is how many cohorts a finder may have tested,
    ``shuffles`` how often the search is repeated on shuffled outcomes (fewer where there are
    many speakers), ``resampling`` the draws of intervals and tests, and the seed of the halves.
    A cohort is confirmed where its adjusted p-value is at most 1 - ``resampling.level``."""

    floors: Floors = FLOORS
    candidates: int = 5
    shuffles: int = 99
    resampling: Resampling = DEFAULT


class _Found(NamedTuple):
    """A finder's work on the half that is for discovery."""

    finder: Finder
    rule: Rule
    chance: Chance
    candidates: list[Candidate]
    tested: list[Test]


def discover(run: RunFolder, *, metric: str = "wer", pipeline: str | None = None,
             condition: str | None = None, finders: Sequence[Finder] | None = None,
             postcodes: Path | None = None, settings: Settings = Settings()) -> Discovery:
    """Looks for underserved cohorts in a run with every finder that it has the data for.

    ``pipeline`` is the run's first where None, ``condition`` None pools all. ``finders`` None
    are all that are installed (plug-in group "cohorts"). Raises EvalkitError for what the user
    can mend."""
    asked = ask(run, metric, pipeline, condition)
    people = read_people(run, asked, postcodes)
    if finders is None:
        finders = [create("cohorts", name) for name in available("cohorts")]
    return discover_among(people, asked, finders, settings)


def discover_among(people: People, asked: Asked, finders: Sequence[Finder],
                   settings: Settings = Settings()) -> Discovery:
    """The same for speakers that are read already; ``asked`` says what was measured of them."""
    on_discovery = halves(len(people.speakers), settings.resampling.seed)
    first, second = people.take(on_discovery), people.take(~on_discovery)
    skipped = {finder.name: why for finder in finders if (why := finder.lacks(first))}
    found = [_search_and_test(finder, first, second, settings)
             for finder in finders if finder.name not in skipped]
    adjusted = adjust_chains([[test.p_value for test in one.tested] for one in found])
    findings = [_finding(one, p, people, (first, second), settings)
                for one, p in zip(found, adjusted, strict=True)]
    document = Findings(
        metric=asked.metric, fact=asked.fact, pipeline=asked.pipeline, condition=asked.condition,
        n_discovery=len(first.speakers), n_confirmation=len(second.speakers),
        overall=_on_half(people.by_speaker, np.arange(len(people.speakers)), people, settings),
        level=settings.resampling.level, seed=settings.resampling.seed, finders=findings,
        skipped=skipped, warnings=_warnings(people, second))
    return Discovery(document, {one.finder.name: one.rule for one in found},
                     _members(people, found), _speakers(people, on_discovery))


def halves(n_speakers: int, seed: int) -> np.ndarray:
    """Which speakers are for discovery, (n_speakers,) of bool: a random half, whatever their
    errors."""
    order = np.random.default_rng(seed).permutation(n_speakers)
    return order < (n_speakers + 1) // 2


def _search_and_test(finder: Finder, first: People, second: People, settings: Settings) -> _Found:
    search = finder.prepare(first)
    own = outcomes(first, finder.unit)
    rule = search(own)
    candidates = rank(rule.members(first), own, settings.floors, settings.candidates)
    chance = _chance(search, first, own, candidates, settings)
    tested = list(confirm(rule.members(second), candidates, outcomes(second, finder.unit),
                        settings.floors, settings.resampling))
    return _Found(finder, rule, chance, candidates, tested)


def _chance(search: Search, people: People, own: Outcomes, candidates: Sequence[Candidate],
            settings: Settings) -> Chance:
    """The gap that was found beside those that the same search finds in shuffled outcomes."""
    gap = candidates[0].gap if candidates else 0.0
    rng = np.random.default_rng(settings.resampling.seed)
    n = min(settings.shuffles, max(FEWEST_SHUFFLES, SHUFFLED_UNITS // len(own.harm)))
    null = np.zeros(n)
    rule: Rule | None = None
    members: list[np.ndarray] = []
    for i in range(n):
        shuffled = own.shuffled(rng)
        before, rule = rule, search(shuffled)
        members = members if rule is before else rule.members(people)
        best = rank(members, shuffled, settings.floors, 1)
        null[i] = best[0].gap if best else 0.0
    low, middle, high = np.quantile(null, [0.025, 0.5, 0.975]) if n else [np.nan] * 3
    return Chance(gap=gap, shuffles=n, low=float(low), median=float(middle), high=float(high),
                  p_value=float(p_value(gap, null)))


def _finding(one: _Found, adjusted: Sequence[float], people: People,
             halves: tuple[People, People], settings: Settings) -> Finding:
    cohorts, members = _cohorts(one, halves, settings), one.rule.members(people)
    labels = people.labels if one.finder.unit == "speaker" else people.utterance_labels
    verdicts = [_verdict(cohorts[candidate.cohort].name, candidate, test, p,
                         who=traits(labels, members[candidate.cohort]),
                         level=settings.resampling.level)
                for candidate, test, p in zip(one.candidates, one.tested, adjusted, strict=True)]
    return Finding(
        finder=one.finder.name, unit=one.finder.unit, projected=one.finder.projected,
        status=_status(verdicts), options=plain_data(one.finder),
        rule=plain_data(one.rule.describe()), chance=one.chance, verdicts=verdicts,
        extremes=_extremes(one, *halves, settings), cohorts=cohorts,
        regions=_regions(one.rule, cohorts))


def _regions(rule: Rule, cohorts: Sequence[Cohort]) -> Regions | None:
    """The cohorts with their outlines; None where they are no places."""
    outlines = rule.outlines()
    if outlines is None:
        return None
    return Regions(features=[
        Feature(geometry=outline.geometry, bbox=outline.bbox, properties=cohort)
        for outline, cohort in zip(outlines, cohorts, strict=True)])


def _status(verdicts: Sequence[Verdict]) -> Status:
    """That of the best proved cohort."""
    there = {verdict.status for verdict in verdicts} or {"nothing found"}
    return next(status for status in STATUSES if status in there)


def _verdict(name: str, candidate: Candidate, test: Test, p: float, *, who: list[Trait],
             level: float) -> Verdict:
    status: Status = "confirmed" if p <= 1 - level else "not confirmed"
    relative = np.nan if test.gap is None else float(ratio(test.gap.value, abs(test.rest)))
    return Verdict(
        cohort=name, status="insufficient" if test.gap is None else status,
        discovered_gap=candidate.gap, gap=test.gap, relative_gap=relative, p_value=test.p_value,
        p_adjusted=p, who=who)


def _cohorts(one: _Found, halves: tuple[People, People], settings: Settings) -> list[Cohort]:
    sides = [(people, outcomes(people, one.finder.unit), one.rule.members(people))
             for people in halves]
    return [Cohort(name=name, discovery=discovery, confirmation=confirmation)
            for i, name in enumerate(one.rule.names)
            for discovery, confirmation in [[_on_half(own, members[i], people, settings)
                                             for people, own, members in sides]]]


def _on_half(own: Outcomes, at: np.ndarray, people: People, settings: Settings) -> OnHalf:
    n_speakers = len(np.unique(own.speaker[at]))
    return OnHalf(
        value=own_interval(own, at, people.sign, settings.resampling), n=int(own.n[at].sum()),
        n_failed=int(own.n_failed[at].sum()), n_speakers=n_speakers,
        share=n_speakers / len(people.speakers), weight=float(own.weight[at].sum()),
        sufficient=bool(enough(moments(own, at).sum(axis=1), settings.floors)))


def _extremes(one: _Found, first: People, second: People, settings: Settings) -> Extremes | None:
    """The worst and the best cohort of the discovery half, there and on the other half."""
    sums = [np.array([moments(own, at).sum(axis=1) for at in one.rule.members(people)]).T
            for people in (first, second) for own in [outcomes(people, one.finder.unit)]]
    if not len(one.rule.names) or (allowed := enough(sums[0], settings.floors)).sum() < 2:
        return None
    there = rates(sums[0])
    worst = int(np.where(allowed, there, -np.inf).argmax())
    best = int(np.where(allowed, there, np.inf).argmin())
    gaps = [rates(half)[worst] - rates(half)[best] for half in sums]
    relative = [float(ratio(gap, abs(rates(half)[best])))
                for gap, half in zip(gaps, sums, strict=True)]
    names = one.rule.names
    return Extremes(worst=names[worst], best=names[best], discovered_gap=float(gaps[0]),
                    confirmed_gap=float(gaps[1]), discovered_relative_gap=relative[0],
                    confirmed_relative_gap=relative[1])


def _warnings(people: People, second: People) -> list[str]:
    notes = []
    alone = people.speakers[people.by_utterance.speaker] == people.utterance_ids
    if alone.any():
        notes.append(f"{int(alone.sum())} utterances have no speaker id and count as speakers of "
                     "their own: where they share speakers, p-values are too small")
    if people.misplaced:
        notes.append(f"{len(people.misplaced)} of {len(people.speakers)} speakers have a latitude "
                     "or longitude that is off the globe or no number: it counts as unknown")
    if len(second.speakers) < FEW_SPEAKERS:
        notes.append(f"{len(second.speakers)} speakers to confirm on: fewer than {FEW_SPEAKERS}, "
                     "only large gaps can be confirmed")
    return notes


def _members(people: People, found: Sequence[_Found]) -> pd.DataFrame:
    """Every utterance's cohorts: utterance_id, finder, cohort."""
    parts = [pd.DataFrame({"utterance_id": [], "finder": [], "cohort": []}, dtype=str)]
    owner = people.by_utterance.speaker
    for one in found:
        for name, at in zip(one.rule.names, one.rule.members(people), strict=True):
            rows = at if one.finder.unit == "utterance" else np.flatnonzero(np.isin(owner, at))
            parts.append(pd.DataFrame({"utterance_id": np.unique(people.utterance_ids[rows]),
                                       "finder": one.finder.name, "cohort": name}))
    return pd.concat(parts, ignore_index=True)


def _speakers(people: People, on_discovery: np.ndarray) -> pd.DataFrame:
    """One row a speaker, for maps and projections; x and y are the two principal components
    of the embeddings."""
    own = people.by_speaker
    table: dict[str, Any] = {
        "speaker_id": people.speakers.astype(str),
        "half": np.where(on_discovery, "discovery", "confirmation"),
        "amount": people.sign * own.harm, "weight": own.weight,
        "latitude": people.location[:, 0], "longitude": people.location[:, 1]}
    table |= dict(zip("xy", _plane(people.embedding).T, strict=True))
    return pd.DataFrame(table)


def _plane(vectors: np.ndarray) -> np.ndarray:
    """First two principal components of the rows without NaN, (n, 2)."""
    found = np.full((len(vectors), 2), np.nan)
    known = ~np.isnan(vectors).any(axis=1)
    if vectors.shape[1] < 2 or known.sum() < 3:
        return found
    centred = vectors[known] - vectors[known].mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, :-3:-1]
    # The sign of a component is arbitrary: its largest part is made positive.
    found[known] = centred @ (axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]]))
    return found
