"""Cohorts by declared labels: what holds of a speaker, or of an utterance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from evalkit.cohorts.finder import Unit
from evalkit.cohorts.people import People

Label = tuple[str, str]
"""A column and one of its values."""


@dataclass(frozen=True)
class Conjunctions:
    """Frozen conjunctions of labels, of whole speakers or of single utterances."""

    groups: tuple[tuple[Label, ...], ...]
    unit: Unit

    @property
    def names(self) -> tuple[str, ...]:
        """Such as "accent = Scottish, gender = female"."""
        return tuple(", ".join(f"{column} = {value}" for column, value in group)
                     for group in self.groups)

    def members(self, people: People) -> list[np.ndarray]:
        """Indices of every group's units; a column that there is not holds of nobody."""
        table = people.labels if self.unit == "speaker" else people.utterance_labels
        columns = {column: table.get(column, np.full(len(table), ""))
                   for group in self.groups for column, _ in group}
        holds = {label: np.asarray(columns[label[0]] == label[1])
                 for group in self.groups for label in group}
        return [np.flatnonzero(np.logical_and.reduce([holds[label] for label in group]))
                for group in self.groups]

    def describe(self) -> dict[str, Any]:
        """The rule in JSON's types."""
        return {"groups": [[list(label) for label in group] for group in self.groups]}
