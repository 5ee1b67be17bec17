"""How the reference transducer is trained from scratch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pydantic import Field

from evalkit.core.checked import checked
from evalkit.core.yaml_files import read_yaml
from evalkit.models.transducer.config import TransducerConfig
from evalkit.models.transducer.features import RATE
from evalkit.models.transducer.network import Transducer
from evalkit.models.transducer.objective import Objective, ObjectiveConfig
from evalkit.models.transducer.stream import texts
from evalkit.training.from_scratch import FromScratch, Kind


class TransducerTraining(FromScratch):
    """The shipped transducer's."""

    epochs: int = Field(60, gt=0)
    takes: int = Field(8, gt=0)
    peak_learning_rate: float = Field(4e-3, gt=0)
    gain_db: float | None = Field(6.0, gt=0, le=60)
    network: TransducerConfig = TransducerConfig()
    objective: ObjectiveConfig = ObjectiveConfig()


def read_recipe(path: Path) -> TransducerTraining:
    """The training that a YAML file describes, by the names of TransducerTraining; what it leaves
    out is as in the shipped one's. Raises ConfigError naming the file and the first key that is
    wrong."""
    return checked(TransducerTraining, read_yaml(path), path)


def kind(config: TransducerTraining | None = None, names: Sequence[str] = ()) -> Kind[Transducer]:
    """Transducers of this configuration, which are trained with distractors of ``names`` where
    they attend to phrases."""
    config = config or TransducerTraining()
    return Kind(make=partial(Transducer, config.network),
                objective=Objective(config.objective, names),
                loss=Transducer.loss, transcribe=texts, save=Transducer.save,
                rate=RATE, spell=config.network.encode)
