"""Arms of encoders that decide what they compute, and of those that they have to be better than: as
much decided at random, and smaller ones that compute everything."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import cast

import numpy as np

from benchmarks.smaller.compression import shipped
from benchmarks.smaller.corpora import TEST
from benchmarks.smaller.hearing import heard_of
from benchmarks.smaller.sweep import WEIGHTS, Trained, Training
from evalkit.core.errors import ConfigError
from evalkit.core.types import Recording
from evalkit.models.compression import coded_bytes
from evalkit.models.torch_cost import cost_of
from evalkit.models.transducer.branching import BranchingEncoder
from evalkit.models.transducer.config import TransducerConfig
from evalkit.models.transducer.encoder import BLOCK
from evalkit.models.transducer.features import RATE
from evalkit.models.transducer.network import Transducer
from evalkit.models.transducer.stream import texts
from evalkit.models.transducer.training import TransducerTraining, kind
from evalkit.models.transducer.whole import computed, in_batches
from evalkit.training.data import recordings
from evalkit.training.from_scratch import train_from_scratch

RECIPE = {"takes": 3, "noisy": 0.0, "silence": (0.0, 0.6)}
"""Of every arm: clean speech, at three speeds and any level, with silence behind it."""
COUNTED = 50
"""Utterances whose multiply-accumulates are counted."""
SILENCE = np.zeros(RATE, np.float32)
"""Behind each utterance, where what is computed is looked at."""


def trained(training: Training) -> Trained:
    """``training.options`` are keys of TransducerTraining, and ``start``: the arm whose weights the
    training starts from, or "shipped", whose LSTMs become the large branches. Without it starts
    from nothing."""
    options = dict(training.options)
    start = options.pop("start", None)
    config = TransducerTraining.model_validate({**RECIPE, **options, "seed": training.seed})
    made = kind(config)
    if start is not None:
        made = replace(made, make=partial(_started, start, training, config.network))
    model = train_from_scratch(
        made, training.corpora / "accents", config=config,
        checkpoint=training.folder / "checkpoint.safetensors",
        progress=lambda epoch, epochs, loss, seconds: print(
            f"epoch {epoch} of {epochs}: {loss:.4f} nats a character, {seconds:.0f} s", flush=True))
    model.save(training.folder / WEIGHTS)
    speech = recordings(training.corpora / f"{TEST}.jsonl", RATE)
    return Trained(heard_of(model, training.corpora), taken(model, speech),
                   {"computed": decisions(model, speech)})


def _started(start: str, training: Training, config: TransducerConfig) -> Transducer:
    """Raises ConfigError where the arm ``start`` has no weights yet."""
    model = Transducer(config)
    if start == "shipped":
        model.load_state_dict({_of_large(name): weight for name, weight
                               in shipped().state_dict().items()}, strict=False)
        cast(BranchingEncoder, model.encoder).resemble()
        return model
    weights = training.folder.parent / f"{start}_{training.seed}" / WEIGHTS
    if not weights.is_file():
        raise ConfigError(f"{weights}: not there; train the arm {start} first, and keep it")
    model.load_state_dict(Transducer.load(weights).state_dict())
    return model


def _of_large(name: str) -> str:
    """What a weight of the plain encoder is called in a branching one."""
    return re.sub(r"^encoder[.](lower|upper)[.]", r"encoder.\1.large.", name)


def taken(model: Transducer, speech: Sequence[Recording]) -> dict[str, float]:
    """Weights and bytes of what ``model`` computes with, and the multiply-accumulates of a second
    of speech, with all that is said of it."""
    unused = {0.0: ".large.", 1.0: ".small."}.get(model.config.share, "none")
    random = model.config.share is not None
    used = {name: weight for name, weight in model.named_parameters()
            if unused not in name and not (random and ".arbitrator." in name)}
    waves = [each.wave for each in speech[::max(1, len(speech) // COUNTED)]]
    cost = cost_of(model, lambda: texts(model, waves), 0,
                   seconds=sum(len(wave) for wave in waves) / RATE)
    return {"weights": float(sum(weight.numel() for weight in used.values())),
            "bytes": float(coded_bytes(used)), "macs_per_second": float(cost.macs_per_second or 0)}


def decisions(model: Transducer, speech: Sequence[Recording]) -> dict[str, list[float]]:
    """By utterance, what was computed in blocks of its words, how many these are, and the same of
    blocks behind its last word, of which a second of silence has the most."""
    found = {}
    for rows in in_batches([each.wave for each in speech], 64):
        waves = [np.concatenate([speech[row].wave, SILENCE]) for row in rows]
        for row, shares in zip(rows, computed(model, waves), strict=True):
            found[speech[row].utterance.id] = _by_place(speech[row], shares.double().numpy())
    return found


def _by_place(recording: Recording, shares: np.ndarray) -> list[float]:
    begins = np.arange(len(shares)) * BLOCK / RATE
    words = recording.utterance.words
    spoken = np.zeros(len(shares), bool)
    for word in words:
        spoken |= (begins + BLOCK / RATE > word.start) & (begins < word.end)
    silent = begins >= words[-1].end
    return [float(shares[spoken].sum()), float(spoken.sum()),
            float(shares[silent].sum()), float(silent.sum())]
