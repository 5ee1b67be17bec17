"""Arms of a quarter of the shipped transducer's size, from scratch: taught by it, and alone."""

from __future__ import annotations

from benchmarks.smaller.compression import trained
from benchmarks.smaller.corpora import TAUGHT, UNLABELLED
from benchmarks.smaller.hearing import heard_of, taken_by
from benchmarks.smaller.sweep import Trained, Training
from evalkit.models.transducer.config import TransducerConfig
from evalkit.models.transducer.training import TransducerTraining

NETWORK = TransducerConfig(channels=80, hidden=88, embedding=32, prediction=64, joint=80)
"""222,498 parameters."""
COMMON = {"takes": 1, "speeds": (100,), "noisy": 0.0, "peak_learning_rate": 4e-3}
"""Clean speech alone, by which so short a training learns most."""


def student(training: Training) -> Trained:
    """``taught`` says whether it learns from what the teacher heard too, ``epochs`` for how
    long."""
    further = tuple(training.corpora / name / TAUGHT for name in UNLABELLED)
    config = TransducerTraining(**COMMON, seed=training.seed, epochs=training.options["epochs"],
                                network=NETWORK,
                                further=further if training.options["taught"] else ())
    model, dev = trained(training, config)
    return Trained(heard_of(model, training.corpora), taken_by(model), {"dev": dev})
