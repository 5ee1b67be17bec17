"""Cohorts by declared labels: what holds of a speaker, or of an utterance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from evalkit.cohorts.finder import Unit
from evalkit.cohorts.speakers import Speakers

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

    def members(self, speakers: Speakers) -> list[np.ndarray]:
        """Indices of every group's units; a column that there is not holds of nobody."""
        table = speakers.labels if self.unit == "speaker" else speakers.utterance_labels
        labels = {label for group in self.groups for label in group}
        columns = {column: table[column].to_numpy(object) if column in table
                   else np.full(len(table), "", object) for column, _ in labels}
        holds = {(column, value): columns[column] == value for column, value in labels}
        return [np.flatnonzero(np.logical_and.reduce([holds[label] for label in group]))
                for group in self.groups]

    def describe(self) -> dict[str, Any]:
        """The rule in JSON's types."""
        return {"groups": [[list(label) for label in group] for group in self.groups]}

    def outlines(self) -> None:
        """None: its cohorts are no places."""
