"""The tables of a discovery: who is in which cohort, and a row for every speaker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from evalkit.cohorts.finder import Finder, Rule
from evalkit.cohorts.speakers import Speakers


def member_table(speakers: Speakers, rules: Iterable[tuple[Finder, Rule]]) -> pd.DataFrame:
    """Every utterance's cohorts: utterance_id, finder, cohort, texts in codes."""
    utterance, ids = pd.factorize(speakers.utterance_ids, sort=True)
    cohorts = [(finder, name, units) for finder, rule in rules
               for name, units in zip(rule.names, rule.members(speakers), strict=True)]
    members = [np.flatnonzero(_marked(utterance[_rows(speakers, finder, units)], len(ids))
                              ).astype(np.int32) for finder, _, units in cohorts]
    of = np.repeat(np.arange(len(cohorts), dtype=np.int32), [len(each) for each in members])
    return pd.DataFrame({
        "utterance_id": _coded(ids, np.concatenate([np.zeros(0, np.int32), *members])),
        "finder": _coded([finder.name for finder, *_ in cohorts], of),
        "cohort": _coded([name for _, name, _ in cohorts], of)})


def _rows(speakers: Speakers, finder: Finder, units: np.ndarray) -> np.ndarray:
    """The rows of utterances that the ``units`` of a finder are, or say."""
    if finder.unit == "utterance":
        return units
    return np.flatnonzero(_marked(units, len(speakers.ids))[speakers.by_utterance.speaker])


def _coded(texts: Sequence[str] | np.ndarray, at: np.ndarray) -> pd.Categorical:
    code, names = pd.factorize(np.asarray(texts, object))
    return pd.Categorical.from_codes(code.astype(np.int32)[at], pd.Index(names))


def _marked(at: np.ndarray, n: int) -> np.ndarray:
    """Which of ``n`` the indices ``at`` name, of bool."""
    marked = np.zeros(n, bool)
    marked[at] = True
    return marked


def speaker_table(speakers: Speakers, on_discovery: np.ndarray) -> pd.DataFrame:
    """One row a speaker, for maps and projections; x and y are the two principal components
    of the embeddings."""
    measured = speakers.by_speaker
    table: dict[str, Any] = {
        "speaker_id": speakers.ids.astype(str),
        "half": np.where(on_discovery, "discovery", "confirmation"),
        "amount": speakers.sign * measured.harm, "weight": measured.weight,
        "latitude": speakers.location[:, 0], "longitude": speakers.location[:, 1]}
    table |= dict(zip("xy", principal_plane(speakers.embedding).T, strict=True))
    return pd.DataFrame(table)


def principal_plane(vectors: np.ndarray) -> np.ndarray:
    """First two principal components of the rows of ``vectors`` (n, d) without NaN, (n, 2)."""
    plane = np.full((len(vectors), 2), np.nan)
    known = ~np.isnan(vectors).any(axis=1)
    if vectors.shape[1] < 2 or known.sum() < 3:
        return plane
    centred = vectors[known] - vectors[known].mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, :-3:-1]
    # The sign of a component is arbitrary: its largest part is made positive.
    plane[known] = centred @ (axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]]))
    return plane
