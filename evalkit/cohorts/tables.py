"""The tables of a discovery: who is in which cohort, and a row for every speaker."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from evalkit.cohorts.finder import Finder, Rule
from evalkit.cohorts.speakers import Speakers


def member_table(speakers: Speakers, rules: Iterable[tuple[Finder, Rule]]) -> pd.DataFrame:
    """Every utterance's cohorts: utterance_id, finder, cohort."""
    tables = [pd.DataFrame({"utterance_id": [], "finder": [], "cohort": []}, dtype=str)]
    speaker = speakers.by_utterance.speaker
    ids, utterance = np.unique(speakers.utterance_ids, return_inverse=True)
    names = pd.Series(ids.tolist(), dtype=str)
    for finder, rule in rules:
        for name, units in zip(rule.names, rule.members(speakers), strict=True):
            rows = units if finder.unit == "utterance" else np.flatnonzero(np.isin(speaker, units))
            members = names.iloc[np.unique(utterance[rows])].array
            tables.append(pd.DataFrame({"utterance_id": members, "finder": finder.name,
                                        "cohort": name}))
    return pd.concat(tables, ignore_index=True)


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
