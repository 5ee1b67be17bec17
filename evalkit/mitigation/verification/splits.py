"""Splits of speakers into train, dev and test, and the trials between those of test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evalkit.core.errors import ManifestError
from evalkit.metrics.verification import make_trials, score_trials
from evalkit.mitigation.verification.data import EncoderData


@dataclass(frozen=True)
class Split:
    """Row numbers of utterances. No speaker has some in two of them."""

    train: np.ndarray
    dev: np.ndarray
    test: np.ndarray


def given_split(train: EncoderData, dev: EncoderData, test: EncoderData
                ) -> tuple[EncoderData, list[Split]]:
    """The three joined, as one split. Raises ManifestError for a speaker in two of them."""
    parts = {"train": train, "dev": dev, "test": test}
    seen: dict[str, str] = {}
    for name, part in parts.items():
        for speaker in np.unique(part.speakers):
            if seen.setdefault(speaker, name) != name:
                raise ManifestError(f"speaker {speaker!r} is in both {seen[speaker]} and {name}; "
                                    "split the corpus by speaker")
    rows = np.split(np.arange(sum(len(p.table) for p in parts.values())),
                    np.cumsum([len(train.table), len(dev.table)]))
    return EncoderData.joined(list(parts.values())), [Split(*rows)]


def cross_validation(data: EncoderData, folds: int, seed: int) -> list[Split]:
    """Cross-validation over speakers in random order: each fold is test once, the next one is
    dev, the others are train. Raises ManifestError where a fold would have fewer than two."""
    names, code = np.unique(data.speakers.astype(str), return_inverse=True)
    if len(names) < 2 * folds:
        raise ManifestError(f"{len(names)} speakers are too few for {folds} folds")
    fold = (np.random.default_rng(seed).permutation(len(names)) % folds)[code]
    return [Split(*(np.flatnonzero(members) for members in (
        (fold != k) & (fold != (k + 1) % folds), fold == (k + 1) % folds, fold == k)))
        for k in range(folds)]


def draw_trials(data: EncoderData, splits: Sequence[Split], most: int, seed: int) -> pd.DataFrame:
    """The test trials of all splits, ``most`` in all, shared out evenly; both utterances of a
    trial are of one split, since every split has a model of its own."""
    renamed = data.table.rename(columns={"utterance_id": "id", "speaker_id": "speaker"})
    return pd.concat([make_trials(renamed.iloc[split.test], most=most // len(splits), seed=seed)
                      for split in splits], ignore_index=True)


def scored_trials(trials: pd.DataFrame, data: EncoderData, rows: np.ndarray,
                  vectors: np.ndarray) -> pd.DataFrame:
    """``trials`` with the cosines of ``vectors`` (n, dimension), the embeddings of ``rows``."""
    ids = data.table["utterance_id"].to_numpy(object)[rows]
    return score_trials(trials, pd.DataFrame({"utterance_id": ids, "embedding": list(vectors)}))
