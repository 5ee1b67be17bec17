"""Error rates of many utterances at once, each as the metric has it of one, for the texts of which
nothing is to be said but counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeGuard

import numpy as np

from evalkit.core.alignment import Edits
from evalkit.core.alignments import count_all
from evalkit.core.protocols import Metric
from evalkit.metrics.readings import Unit
from evalkit.metrics.tokens import characters, mixed, unparted, words
from evalkit.metrics.words import CharacterErrors, MixedErrors, WordErrors

Counting = WordErrors | MixedErrors | CharacterErrors
UNITS: dict[type[Counting], Unit] = {
    WordErrors: words, MixedErrors: mixed, CharacterErrors: characters}
"""What each of the metrics counts."""
Sums = tuple[np.ndarray, np.ndarray]
"""Amounts and weights, float64 of shape (utterances, names)."""


def is_counted(metric: Metric) -> TypeGuard[Counting]:
    """Whether ``metric`` counts tokens of texts that have one reading."""
    return type(metric) in UNITS and isinstance(metric, Counting) and not metric.has_readings


def is_plain(metric: Counting, reference: str) -> bool:
    """Whether the names of ``counted`` are all that ``metric`` measures of a normalised
    ``reference``."""
    if not isinstance(metric, WordErrors):
        return True
    return bool(reference) and (metric.unit == "space" or unparted(reference) is None)


def edits(metric: Counting, references: Sequence[str], hypotheses: Sequence[str]) -> Edits:
    """Of normalised texts, each count an int64 array of shape (utterances,)."""
    unit = UNITS[type(metric)]
    return count_all([*map(unit, references)], [*map(unit, hypotheses)], metric.costs)


def counted(metric: Counting, edits: Edits) -> tuple[list[str], Sums]:
    """The names that ``metric`` measures of every utterance, in its order, and their sums."""
    weight = edits.reference_length
    columns = {metric.name: (edits.errors, weight),
               f"{metric.name}.substitutions": (edits.substitutions, weight),
               f"{metric.name}.deletions": (edits.deletions, weight),
               f"{metric.name}.insertions": (edits.insertions, weight),
               f"{metric.name}.hits": (edits.hits, weight)}
    if isinstance(metric, WordErrors):
        columns |= {"wer.precision": (edits.hits, edits.hypothesis_length),
                    "mer": (edits.errors, weight + edits.insertions)}
    amounts, weights = (np.column_stack(side).astype(np.float64)
                        for side in zip(*columns.values(), strict=True))
    return list(columns), (amounts, weights)


def each(function: Callable[[str], str], texts: Sequence[str]) -> list[str | None]:
    """``function`` of each text; None where it ends with an error, which is then looked for."""
    try:
        return [function(text) for text in texts]
    except Exception:  # a normaliser may be anybody's
        return [_attempted(function, text) for text in texts]


def _attempted(function: Callable[[str], str], text: str) -> str | None:
    try:
        return function(text)
    except Exception:
        return None
