"""Slices as cohorts: the worst conjunctions of what is known of utterances and speakers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import pandas as pd

from evalkit.cohorts.evidence import FLOORS, Floors
from evalkit.cohorts.finder import Search
from evalkit.cohorts.finders.conjunctions import Conjunctions
from evalkit.cohorts.search.sliceline import find_slices
from evalkit.cohorts.speakers import Outcomes, Speakers
from evalkit.core.ledger import LeftOut


@dataclass(frozen=True)
class Slices:
    """Finds the ``k`` worst slices of at most ``max_predicates`` labels (find_slices, whose
    ``alpha`` trades their rate for their size: small ones are proposed, since they are tested)."""

    k: int = 20
    max_predicates: int = 3
    alpha: float = 0.98
    floors: Floors = FLOORS
    name: Literal["slices"] = "slices"
    unit: Literal["utterance"] = "utterance"
    projected: ClassVar[bool] = False

    def lacks(self, speakers: Speakers) -> str | None:
        """Why it cannot work on these speakers; None where it can."""
        return None if speakers.utterance_labels.shape[1] else "no metadata to slice by"

    def left_out(self, speakers: Speakers) -> list[LeftOut]:
        """Nobody: a missing label is a label."""
        return []

    def prepare(self, speakers: Speakers) -> Search:
        """Numbers the labels of every column."""
        columns = {str(name): pd.Categorical(column.to_numpy(object))
                   for name, column in speakers.utterance_labels.items()}

        def search(outcomes: Outcomes) -> Conjunctions:
            measured = outcomes.n > 0
            slices = find_slices(
                {name: values[measured] for name, values in columns.items()},
                outcomes.harm[measured], outcomes.weight[measured], k=self.k,
                max_predicates=self.max_predicates, alpha=self.alpha,
                min_weight=self.floors.weight, min_rows=self.floors.utterances,
                speakers=outcomes.speaker[measured], min_speakers=self.floors.speakers)
            return Conjunctions(tuple(part.predicates for part in slices), self.unit)

        return search
