"""Arms that make the shipped transducer smaller: after training, and while it is taught further."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.smaller.hearing import heard_of, taken_by
from benchmarks.smaller.sweep import WEIGHTS, Trained, Training
from evalkit.models import SHIPPED
from evalkit.models.compression import compress
from evalkit.models.transducer.network import Transducer
from evalkit.models.transducer.training import TransducerTraining, kind
from evalkit.training.from_scratch import train_from_scratch

START = SHIPPED / WEIGHTS
FURTHER = {"epochs": 3, "takes": 1, "peak_learning_rate": 1e-3}
"""Of every arm that goes on from the shipped weights: 453 updates."""


def shipped() -> Transducer:
    return Transducer.load(START)


def after_training(training: Training) -> Trained:
    """The shipped weights with the options of evalkit.models.compression.compress."""
    model, options = shipped(), dict(training.options)
    compress(model, **options)
    return Trained(heard_of(model, training.corpora), _taken(model, options))


def taught_further(training: Training) -> Trained:
    """The shipped weights, taught further; the options are keys of the recipe beside FURTHER."""
    config = TransducerTraining(**{**FURTHER, **training.options}, seed=training.seed,
                                start=START)
    model, dev = trained(training, config)
    return Trained(heard_of(model, training.corpora), _taken(model, dict(config.smaller)),
                   {"dev": dev})


def trained(training: Training, config: TransducerTraining) -> tuple[Transducer, list[float]]:
    """A transducer of ``accents`` by this recipe, whose weights are left in the training's folder;
    and the loss on dev in nats a character after each epoch."""
    losses: list[float] = []

    def progress(epoch: int, epochs: int, loss: float, seconds: float) -> None:
        losses.append(round(loss, 4))
        print(f"epoch {epoch} of {epochs}: {loss:.4f} nats a character, {seconds:.0f} s",
              flush=True)

    model = train_from_scratch(kind(config), training.corpora / "accents", config=config,
                               progress=progress,
                               checkpoint=training.folder / "checkpoint.safetensors")
    model.save(training.folder / WEIGHTS)
    return model, losses


def _taken(model: Transducer, options: Mapping[str, Any]) -> dict[str, float]:
    return taken_by(model, options.get("bits", 32), options.get("scales", "tensor"),
                    options.get("block", (1, 1)))
