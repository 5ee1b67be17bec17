"""Names of discovered cohorts in words that need no manual."""

from __future__ import annotations

import re

from evalkit.store.documents.findings import Trait, Verdict

_PREDICTED = re.compile(r"band (\d+) of (\d+) by predicted rate")
PARTS = {2: "half", 3: "third", 4: "quarter", 5: "fifth", 10: "tenth"}
_CLUSTERS = re.compile(r"band (\d+) of (\d+): (clusters? .*)")


def plainly(name: str) -> str:
    """A cohort's name without the words of its finder: "band 1 of 10 by predicted rate" is the
    tenth of the voices whose speaker embedding predicts the most errors."""
    if found := _PREDICTED.fullmatch(name):
        place, n = int(found[1]), int(found[2])
        which = "hardest" if place == 1 else f"{ordinal(place)} hardest"
        return f"the {which} {PARTS.get(n, f'1/{n}')} of the voices by what embeddings predict"
    if found := _CLUSTERS.fullmatch(name):
        place, n = int(found[1]), int(found[2])
        which = "worst" if place == 1 else f"{ordinal(place)} worst"
        return f"the {which} of {n} groups of like voices ({found[3]})"
    return name


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
    return f"{said}; {labelled(trait)}: {100 * trait.share:.0f} %" if trait else said
