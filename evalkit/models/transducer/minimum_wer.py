"""Teaching a transducer further to expect fewer word errors (Guo et al. 2020, arXiv:2007.13802).

Its own best guesses of noisy takes are made once, before the updates ("semi-offline"), and then the
errors that are to be expected of them are made small.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from evalkit.core.alignment import count_edits
from evalkit.core.strict import Strict
from evalkit.core.types import Recording
from evalkit.models.transducer.beam import Beam
from evalkit.models.transducer.network import Transducer
from evalkit.models.transducer.objective import expected_errors
from evalkit.models.transducer.stream import hypothesis
from evalkit.models.transducer.whole import encoded
from evalkit.training.loop import train_steps

Guesses = list[tuple[str, int]]
"""Texts, and how many word errors each has."""


class MinimumWerConfig(Strict):
    """``width`` guesses of each utterance; ``passes`` over all in batches of ``batch``; ``keep`` is
    the weight of the loss of what was said. With ``errors`` off only that loss is made small, with
    all else the same: the baseline."""

    seed: int = Field(0, ge=0)
    width: int = Field(4, ge=2, le=32)
    passes: int = Field(2, gt=0)
    batch: int = Field(16, gt=0)
    learning_rate: float = Field(1e-4, gt=0)
    keep: float = Field(0.05, gt=0)
    errors: bool = True


def guesses(model: Transducer, recording: Recording, width: int) -> Guesses:
    """The ``width`` best texts of a recording, as far as they differ, and the word errors of
    each."""
    model.eval()
    with torch.inference_mode():
        beam = Beam(model, width)
        for block in encoded(model, [recording.wave])[0].cpu():
            beam.hear(block)
        texts = dict.fromkeys(hypothesis(model, each.said).text for each in beam.finish())
    said = recording.text.split()
    return [(text, count_edits(said, text.split()).errors) for text in texts]


def teach(model: Transducer, speech: Sequence[Recording], found: Sequence[Guesses],
          config: MinimumWerConfig) -> Iterator[int]:
    """Teaches ``model`` with what was ``found`` of ``speech``; yields after each update how many
    there were."""
    rng = np.random.default_rng(config.seed)
    optimiser = torch.optim.AdamW(model.parameters(), config.learning_rate, weight_decay=0.0)
    batches = (rows[first:first + config.batch] for rows in
               (rng.permutation(len(speech)) for _ in range(config.passes))
               for first in range(0, len(speech), config.batch))
    yield from train_steps(model, batches, partial(_loss, model, speech, found, config), optimiser,
                           gradient_norm=5.0)


def _loss(model: Transducer, speech: Sequence[Recording], found: Sequence[Guesses],
          config: MinimumWerConfig, rows: np.ndarray) -> Tensor:
    batch = [speech[row] for row in rows]
    if config.errors:
        return expected_errors(model, batch, [found[row] for row in rows], config.keep).mean()
    return config.keep * model.loss([r.wave for r in batch], [r.text for r in batch]).mean()
