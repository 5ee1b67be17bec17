"""What a finder of cohorts is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from evalkit.cohorts.speakers import Outcomes, Speakers
from evalkit.core.ledger import LeftOut
from evalkit.store.documents.findings import Outline, Unit


class Rule(Protocol):
    """Sends speakers to named cohorts without looking at their errors, so that it can be frozen
    on some speakers and tested on others."""

    @property
    def names(self) -> tuple[str, ...]:
        """The cohorts, each a different text for readers."""
        ...

    def members(self, speakers: Speakers) -> list[np.ndarray]:
        """Indices of every cohort's units; cohorts may overlap, and a unit may have none."""
        ...

    def describe(self) -> dict[str, Any]:
        """The rule in JSON's types."""
        ...

    def outlines(self) -> list[Outline] | None:
        """Where on the globe every cohort is, which gives the page a map of them; None where they
        are no places."""
        ...


Search = Callable[[Outcomes], Rule]


class Finder(Protocol):
    """Options of one way to look for cohorts, a frozen dataclass.

    ``unit`` is what it sends to cohorts: whole speakers, or single utterances. ``projected``
    asks the page to show its cohorts in a projection of the speaker embeddings."""

    @property
    def name(self) -> str: ...

    @property
    def unit(self) -> Unit: ...

    @property
    def projected(self) -> bool: ...

    def lacks(self, speakers: Speakers) -> str | None:
        """Why it cannot work on these speakers; None where it can."""
        ...

    def left_out(self, speakers: Speakers) -> list[LeftOut]:
        """Who has no part in its search, and why: speakers of whom it cannot know the cohort."""
        ...

    def prepare(self, speakers: Speakers) -> Search:
        """Does once what does not depend on outcomes. The search that it returns is then made
        for the speakers' own outcomes, and for shuffled ones that show what chance finds."""
        ...


def outcomes(speakers: Speakers, unit: Unit) -> Outcomes:
    """The speakers' outcomes, one a unit."""
    return speakers.by_speaker if unit == "speaker" else speakers.by_utterance


def by_code(codes: np.ndarray, n_cohorts: int) -> list[np.ndarray]:
    """Indices of the units of every cohort from each unit's number; -1 is in none."""
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.searchsorted(codes[order], np.arange(n_cohorts + 1)))[1:-1]
