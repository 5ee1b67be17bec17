"""How the reference transducer is trained from scratch."""

from __future__ import annotations

from functools import partial

from pydantic import Field

from evalkit.models.transducer.config import NetworkConfig
from evalkit.models.transducer.features import RATE
from evalkit.models.transducer.network import Transducer
from evalkit.training.from_scratch import FromScratch, Kind


class TransducerTraining(FromScratch):
    """The shipped transducer's; ``fast_emit`` is the weight of FastEmit (Yu et al. 2021,
    arXiv:2010.11148)."""

    epochs: int = Field(20, gt=0)
    peak_learning_rate: float = Field(4e-3, gt=0)
    gain_db: float | None = Field(10.0, gt=0, le=60)
    fast_emit: float = Field(0.0, ge=0, le=1)
    network: NetworkConfig = NetworkConfig()


def kind(config: TransducerTraining | None = None) -> Kind[Transducer]:
    """Transducers of this configuration."""
    config = config or TransducerTraining()
    return Kind(make=partial(Transducer, config.network),
                objective=partial(Transducer.objective, fast_emit=config.fast_emit),
                loss=Transducer.loss, transcribe=Transducer.transcribe, save=Transducer.save,
                rate=RATE, spell=config.network.encode)
