"""Speakers of two groups, one of them small, hard and easy to recognise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from evalkit.training.speaker_embeddings import EmbeddingModel
from evalkit.training.verification import SpeakerInputs

DIMENSION = 24
SHARE_HIDDEN = 0.15


@dataclass(frozen=True)
class Planted:
    """``hidden`` (n,) says which utterances are of the hidden group."""

    voices: SpeakerInputs
    hidden: np.ndarray


def planted(n_speakers: int, utterances: int, seed: int) -> Planted:
    """Speakers differ in the first ten directions, those of the hidden group less than others,
    and whose next ten are noise that a head can learn to ignore: strong in the hidden group.
    A direction of its own tells the groups apart, so that a linear adversary can."""
    rng = np.random.default_rng(seed)
    hidden = np.arange(n_speakers) < round(SHARE_HIDDEN * n_speakers)
    own = np.zeros((n_speakers, DIMENSION))
    own[:, :10] = rng.normal(size=(n_speakers, 10)) * np.where(hidden, 0.6, 1.0)[:, None]
    own[:, 20] = np.where(hidden, 0.8, -0.8)
    speakers = np.repeat(np.arange(n_speakers), utterances)
    spread = np.full((len(speakers), DIMENSION), 0.2)
    spread[:, :10] = np.where(hidden, 0.3, 0.5)[speakers, None]
    spread[:, 10:20] = np.where(hidden, 1.2, 0.5)[speakers, None]
    x = own[speakers] + spread * rng.normal(size=spread.shape)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    voices = SpeakerInputs(torch.as_tensor(x, dtype=torch.float32), speakers)
    return Planted(voices, hidden[speakers])


def head(model: EmbeddingModel) -> torch.Tensor:
    """The weights of a model that is a linear head."""
    return dict(model.named_parameters())["network.weight"].detach()
