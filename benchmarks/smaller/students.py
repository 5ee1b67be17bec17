"""Arms of a quarter of the shipped transducer's size: from scratch by what has a text, and on from
there with what the shipped one hears beside, or without."""

from __future__ import annotations

from typing import Any

from benchmarks.smaller.compression import trained
from benchmarks.smaller.corpora import TAUGHT, UNLABELLED
from benchmarks.smaller.hearing import heard_of, taken_by
from benchmarks.smaller.sweep import WEIGHTS, Trained, Training
from evalkit.core.errors import ConfigError
from evalkit.models.transducer.config import TransducerConfig
from evalkit.models.transducer.training import TransducerTraining

NETWORK = TransducerConfig(channels=80, hidden=88, embedding=32, prediction=64, joint=80)
"""222,498 parameters."""
COMMON = {"batch": 8, "takes": 1, "speeds": (100,), "noisy": 0.0, "peak_learning_rate": 3e-3}
"""Clean speech alone and small batches, by which so short a training learns most."""


def student(training: Training) -> Trained:
    """``start`` is the arm whose weights it goes on from, None for none, and ``taught`` says
    whether it learns from what the teacher heard too; the other options are keys of the recipe
    beside COMMON.

    Where it is taught, what has a text is there twice: four in five utterances else had none, and
    of these every fourth begins with the same two words."""
    options = dict(training.options)
    start, taught = options.pop("start", None), options.pop("taught", False)
    further = (*(training.corpora / name / TAUGHT for name in UNLABELLED),
               training.corpora / "accents" / "train.jsonl")
    config = TransducerTraining(**{**COMMON, **options}, seed=training.seed,
                                further=further if taught else (), **_begun(start, training))
    model, dev = trained(training, config)
    return Trained(heard_of(model, training.corpora), taken_by(model), {"dev": dev})


def _begun(start: str | None, training: Training) -> dict[str, Any]:
    """Raises ConfigError where the arm ``start`` has no weights yet."""
    if start is None:
        return {"network": NETWORK}
    weights = training.folder.parent / f"{start}_{training.seed}" / WEIGHTS
    if not weights.is_file():
        raise ConfigError(f"{weights}: not there; train the arm {start} first, and keep it")
    return {"start": weights}
