"""Names of discovered cohorts in words that need no manual."""

from __future__ import annotations

import re

from evalkit.store.documents.findings import Finding, Trait, Verdict

_PREDICTED = re.compile(r"band (\d+) of (\d+) by predicted rate")
PARTS = {2: "half", 3: "third", 4: "quarter", 5: "fifth", 10: "tenth"}
_CLUSTERS = re.compile(r"band (\d+) of (\d+): clusters? (.*)")
_PLACE = re.compile(r"-?[\d.]+ (?:[NS] )?to -?[\d.]+ [NS], .*")

def found_among(finding: Finding) -> str:
    """What a finder looks among, for people who have not read its documentation; its name where
    the cohorts say it themselves."""
    names = [verdict.cohort for verdict in finding.verdicts]
    if finding.regions:
        return "parts of the map"
    if any(map(_PREDICTED.fullmatch, names)):
        return "voices by predicted errors"
    if any(map(_CLUSTERS.fullmatch, names)):
        return "groups of like voices"
    return "labels of the corpus" if any(" = " in name for name in names) else finding.finder


def plainly(name: str) -> str:
    """A cohort's name without the words of its finder: "band 1 of 10 by predicted rate" is the
    tenth of the voices whose speaker embedding predicts the most errors."""
    if found := _PREDICTED.fullmatch(name):
        return f"{_tenth(found)} of the voices by what embeddings predict"
    if found := _CLUSTERS.fullmatch(name):
        return f"the {_worst(int(found[1]))} of {found[2]} groups of like voices"
    return f"region {name}" if _PLACE.fullmatch(name) else name.replace(" = ", " ")


def in_figure(name: str) -> str:
    """The same where there is little room, beside what its finder looks among."""
    if found := _PREDICTED.fullmatch(name):
        return _tenth(found)
    if found := _CLUSTERS.fullmatch(name):
        return f"the {_worst(int(found[1]))} of {found[2]}"
    return name.replace(" = ", " ")


def _tenth(found: re.Match[str]) -> str:
    place, n = int(found[1]), int(found[2])
    which = "hardest" if place == 1 else f"{ordinal(place)} hardest"
    return f"the {which} {PARTS.get(n, f'1/{n}')}"


def _worst(place: int) -> str:
    return "worst" if place == 1 else f"{ordinal(place)} worst"


def ordinal(n: int) -> str:
    """ "2nd", "11th"."""
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"


def labelled(trait: Trait) -> str:
    """A label with its attribute: "gender female"."""
    return f"{trait.column} {trait.label}"


def described(verdict: Verdict) -> str:
    """The cohort in plain words, and what most of it has in common where the name does not say
    it."""
    trait = next((t for t in verdict.who[:1] if t.label not in verdict.cohort), None)
    said = plainly(verdict.cohort)
    return f"{said} ({100 * trait.share:.0f} % {labelled(trait)})" if trait else said
