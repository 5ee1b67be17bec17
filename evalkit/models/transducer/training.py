"""How the reference transducer is trained from scratch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pydantic import Field, model_validator

from evalkit.core.checked import checked
from evalkit.core.errors import ConfigError
from evalkit.core.yaml_files import read_yaml
from evalkit.models.transducer.config import TransducerConfig
from evalkit.models.transducer.features import RATE
from evalkit.models.transducer.network import Transducer
from evalkit.models.transducer.objective import Objective, ObjectiveConfig
from evalkit.models.transducer.stream import texts
from evalkit.training.from_scratch import FromScratch, Kind


class TransducerTraining(FromScratch):
    """The shipped transducer's. ``start`` are the weights that it goes on from, whose network it
    then is; None for none."""

    epochs: int = Field(60, gt=0)
    takes: int = Field(8, gt=0)
    peak_learning_rate: float = Field(4e-3, gt=0)
    gain_db: float | None = Field(6.0, gt=0, le=60)
    network: TransducerConfig = TransducerConfig()
    objective: ObjectiveConfig = ObjectiveConfig()
    start: Path | None = None

    @model_validator(mode="after")
    def _one_network(self) -> TransducerTraining:
        if self.start is not None and "network" in self.model_fields_set:
            raise ValueError("start has a network of its own; leave out start or network")
        return self


def read_recipe(path: Path) -> TransducerTraining:
    """The training that a YAML file describes, by the names of TransducerTraining; what it leaves
    out is as in the shipped one's, and paths are from its folder. Raises ConfigError naming the
    file and the first key that is wrong."""
    read = checked(TransducerTraining, read_yaml(path), path)
    return read.model_copy(update={"further": tuple(path.parent / each for each in read.further),
                                   "start": read.start and path.parent / read.start})


def kind(config: TransducerTraining | None = None, names: Sequence[str] = ()) -> Kind[Transducer]:
    """Transducers of this configuration, which are trained with distractors of ``names`` where
    they attend to phrases. Raises ConfigError where they cannot start from what it says."""
    config = config or TransducerTraining()
    network, make = config.network, partial(Transducer, config.network)
    if config.start is not None:
        network, make = Transducer.load(config.start).config, partial(Transducer.load, config.start)
    if config.objective.compute and not network.decides:
        raise ConfigError("objective.compute: this encoder decides nothing; leave it out, or say "
                          "network.encoder: branching or amortised, without a share")
    return Kind(make=make, objective=Objective(config.objective, names), loss=Transducer.loss,
                transcribe=texts, save=Transducer.save, rate=RATE, spell=network.encode)
