"""A finder's result as it goes into findings.json: its cohorts on both halves of the speakers, and
the verdict on each that was tested."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evalkit.cohorts.confirm import Candidate, Test, own_interval
from evalkit.cohorts.evidence import Floors, enough, moments, rates
from evalkit.cohorts.finder import Rule, Unit, outcomes
from evalkit.cohorts.speakers import Outcomes, Speakers
from evalkit.cohorts.traits import traits
from evalkit.cohorts.trial import Halves, Result, Settings
from evalkit.core.plain import plain_data
from evalkit.statistics.bootstrap import Resampling
from evalkit.store.documents.findings import (
    STATUSES,
    Cohort,
    Extremes,
    Feature,
    Finding,
    OnHalf,
    Regions,
    Status,
    Trait,
    Verdict,
)
from evalkit.store.scores import ratio


def finding_of(result: Result, adjusted: Sequence[float], speakers: Speakers, sides: Halves,
               settings: Settings) -> Finding:
    """The finding of one finder. ``adjusted`` are the p-values of its tests adjusted for all
    tests, ``speakers`` both halves together."""
    finder, rule = result.finder, result.rule
    cohorts = _cohorts(rule, finder.unit, sides, settings)
    verdicts = _verdicts(result, adjusted, speakers, settings.resampling.level)
    return Finding(
        finder=finder.name, unit=finder.unit, projected=finder.projected,
        status=_best_status(verdicts), options=plain_data(finder),
        rule=plain_data(rule.describe()), chance=result.chance, verdicts=verdicts,
        extremes=_extremes(rule, finder.unit, sides, settings.floors), cohorts=cohorts,
        regions=_regions(rule, cohorts))


def on_half(measured: Outcomes, units: np.ndarray, speakers: Speakers, floors: Floors,
            resampling: Resampling) -> OnHalf:
    """The ``units`` (indices) of one half of the ``speakers``, for which ``floors`` hold."""
    n_speakers = len(np.unique(measured.speaker[units]))
    return OnHalf(
        value=own_interval(measured, units, speakers.sign, resampling),
        n=int(measured.n[units].sum()), n_failed=int(measured.n_failed[units].sum()),
        n_speakers=n_speakers, share=n_speakers / len(speakers.ids),
        weight=float(measured.weight[units].sum()),
        sufficient=bool(enough(moments(measured, units).sum(axis=1), floors)))


def _cohorts(rule: Rule, unit: Unit, sides: Halves, settings: Settings) -> list[Cohort]:
    asked = (settings.floors, settings.to_confirm)
    halves = [[on_half(outcomes(half, unit), units, half, floors, settings.resampling)
               for units in rule.members(half)] for half, floors in zip(sides, asked, strict=True)]
    return [Cohort(name=name, discovery=discovery, confirmation=confirmation)
            for name, discovery, confirmation in zip(rule.names, *halves, strict=True)]


def _regions(rule: Rule, cohorts: Sequence[Cohort]) -> Regions | None:
    """The cohorts with their outlines; None where they are no places."""
    outlines = rule.outlines()
    if outlines is None:
        return None
    return Regions(features=[
        Feature(geometry=outline.geometry, bbox=outline.bbox, properties=cohort)
        for outline, cohort in zip(outlines, cohorts, strict=True)])


def _best_status(verdicts: Sequence[Verdict]) -> Status:
    """That of the best proved cohort."""
    seen = {verdict.status for verdict in verdicts} or {"nothing found"}
    return next(status for status in STATUSES if status in seen)


def _verdicts(result: Result, adjusted: Sequence[float], speakers: Speakers, level: float
              ) -> list[Verdict]:
    """One a candidate, in the order in which they were tested."""
    labels = speakers.labels if result.finder.unit == "speaker" else speakers.utterance_labels
    names, members = result.rule.names, result.rule.members(speakers)
    return [_verdict(names[candidate.cohort], candidate, test, p,
                     who=traits(labels, members[candidate.cohort]), level=level)
            for candidate, test, p in zip(result.candidates, result.tests, adjusted, strict=True)]


def _verdict(name: str, candidate: Candidate, test: Test, p: float, *, who: list[Trait],
             level: float) -> Verdict:
    relative = np.nan if test.gap is None else float(ratio(test.gap.value, abs(test.rest)))
    return Verdict(
        cohort=name, status=_status(test, p, level),
        discovered_gap=candidate.gap, gap=test.gap, relative_gap=relative, p_value=test.p_value,
        p_adjusted=p, who=who)


def _status(test: Test, p: float, level: float) -> Status:
    if test.gap is None:
        return "too few fresh speakers" if test.few else "insufficient"
    return "confirmed" if p <= 1 - level else "not confirmed"


def _extremes(rule: Rule, unit: Unit, sides: Halves, floors: Floors) -> Extremes | None:
    """The worst and the best cohort of the discovery half, there and on the other half; None
    where fewer than two reach the floors."""
    if not rule.names:
        return None
    sums = [_summed_moments(rule, outcomes(half, unit), half) for half in sides]
    allowed = enough(sums[0], floors)
    if allowed.sum() < 2:
        return None
    discovered = rates(sums[0])
    worst = int(np.where(allowed, discovered, -np.inf).argmax())
    best = int(np.where(allowed, discovered, np.inf).argmin())
    gaps = [float(rates(half)[worst] - rates(half)[best]) for half in sums]
    relative = [float(ratio(gap, abs(rates(half)[best])))
                for gap, half in zip(gaps, sums, strict=True)]
    return Extremes(worst=rule.names[worst], best=rule.names[best], discovered_gap=gaps[0],
                    confirmed_gap=gaps[1], discovered_relative_gap=relative[0],
                    confirmed_relative_gap=relative[1])


def _summed_moments(rule: Rule, measured: Outcomes, speakers: Speakers) -> np.ndarray:
    """Moments of every cohort, summed over its speakers, (7, cohorts)."""
    return np.array([moments(measured, units).sum(axis=1) for units in rule.members(speakers)]).T
