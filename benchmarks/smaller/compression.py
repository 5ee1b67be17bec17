"""Arms that make the shipped transducer smaller: after training, and while it is trained."""

from __future__ import annotations

from benchmarks.smaller.hearing import heard_of, taken_by
from benchmarks.smaller.sweep import Trained, Training
from evalkit.models import SHIPPED
from evalkit.models.compression import compress
from evalkit.models.transducer.network import Transducer


def shipped() -> Transducer:
    return Transducer.load(SHIPPED / "transducer.safetensors")


def after_training(training: Training) -> Trained:
    """The shipped weights with the options of evalkit.models.compression.compress."""
    model, options = shipped(), dict(training.options)
    compress(model, **options)
    return Trained(heard_of(model, training.corpora),
                   taken_by(model, options.get("bits", 32), options.get("scales", "tensor")))
