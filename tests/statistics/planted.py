"""Scores with planted speaker effects."""

from __future__ import annotations

import numpy as np
import pandas as pd


def plant(rng: np.random.Generator, n_speakers: int, *, rate: float | np.ndarray = 0.15,
          sigma: float = 0.5, mean_utterances: int = 12) -> pd.DataFrame:
    """A scores table of one metric: Poisson errors around ``rate`` (one, or one a speaker) times
    a log-normal speaker effect of mean 1."""
    utterances = 2 + rng.poisson(mean_utterances - 2, n_speakers)
    speaker = np.repeat(np.arange(n_speakers), utterances)
    words = rng.integers(3, 21, len(speaker)).astype(float)
    effect = rate * np.exp(sigma * rng.normal(size=n_speakers) - sigma**2 / 2)
    return pd.DataFrame({
        "pipeline": "p", "condition": "clean", "metric": "wer",
        "utterance_id": [f"u{i}" for i in range(len(speaker))],
        "speaker_id": [f"s{i:04}" for i in speaker],
        "amount": rng.poisson(words * effect[speaker]).astype(float), "weight": words,
        "error": None})
