"""Teaches the shipped transducer more labels, in a few epochs and not from scratch: an end token,
the letters of Spanish and German, or names, with a network that attends to them or without.

    python -m benchmarks.transducer_grown end CORPUS WEIGHTS --epochs 4
    python -m benchmarks.transducer_grown languages CORPUS WEIGHTS --epochs 3
    python -m benchmarks.transducer_grown attention CORPUS WEIGHTS --epochs 3

CORPUS holds train.jsonl and dev.jsonl. Four epochs of `end` take four minutes of a core.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.transducer_arms import LETTERS
from evalkit.metrics.word_lists import listed_in
from evalkit.models import SHIPPED
from evalkit.models.transducer.config import ENGLISH, TransducerConfig
from evalkit.models.transducer.network import Transducer
from evalkit.models.transducer.objective import NAMES
from evalkit.models.transducer.training import TransducerTraining, kind
from evalkit.store.manifest import read_manifest
from evalkit.training.from_scratch import train_from_scratch

ARMS: dict[str, dict[str, Any]] = {
    "end": {"silence": (0.2, 1.2), "network": {"end_token": True}, "takes": 2},
    "languages": {"network": {"alphabet": ENGLISH + LETTERS}, "takes": 1},
    "names": {"takes": 1}, "attention": {"network": {"bias": 64}, "takes": 1}}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("arm", choices=ARMS)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--epochs", type=int, default=4)
    options = parser.parse_args(arguments)
    config = TransducerTraining(epochs=options.epochs, batch=16, peak_learning_rate=2e-3,
                                **ARMS[options.arm])
    model = train_from_scratch(
        replace(kind(config, _names(options.corpus)), make=partial(grown, config.network)),
        options.corpus, config=config,
        progress=lambda epoch, epochs, loss, seconds: print(
            f"epoch {epoch} of {epochs}: {loss:.4f} nats a character, {seconds:.0f} s",
            flush=True))
    model.save(options.weights)


def _names(corpus: Path) -> list[str]:
    """Those of the requests to train on, from which distractors are drawn."""
    said = read_manifest(corpus / "train.jsonl").utterances
    return sorted({name for each in said for name in listed_in(each.metadata.get(NAMES) or "")})


@torch.no_grad()
def grown(config: TransducerConfig) -> Transducer:
    """The shipped transducer with the labels of ``config``, those behind its own untrained."""
    model = Transducer(config)
    old = Transducer.load(SHIPPED / "transducer.safetensors").state_dict()
    new = model.state_dict()
    for name, tensor in old.items():
        new[name][:len(tensor)] = tensor
    return model


if __name__ == "__main__":
    main()
