"""What a transducer hears of the test split, and what it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.smaller.corpora import TEST
from benchmarks.transducer_arms import heard
from evalkit.core.types import Audio
from evalkit.models.compression import Block, Scales, coded_bytes
from evalkit.models.torch_cost import cost_of, second
from evalkit.models.transducer.features import RATE
from evalkit.models.transducer.stream import texts
from evalkit.training.data import recordings


def heard_of(model: Any, corpora: Path, test: str = TEST) -> dict[str, dict[str, str]]:
    """By ``test`` and utterance, the text, greedily."""
    speech = [(r.utterance, r.wave) for r in recordings(corpora / f"{test}.jsonl", RATE)]
    return {test: {name: text for name, (text, _) in heard(model, speech).items()}}


def taken_by(model: Any, bits: int = 32, scales: Scales = "tensor", block: Block = (1, 1),
             audio: Audio | None = None) -> dict[str, float]:
    """Weights, bytes as evalkit.models.compression.coded_bytes counts them, and
    multiply-accumulates a second of ``audio``, of silence where None."""
    size = coded_bytes(dict(model.named_parameters()), bits, scales, (block[0], block[1]))
    heard_audio = audio or second(RATE)
    cost = cost_of(model.eval(), lambda: texts(model, [heard_audio.samples]), size,
                   seconds=heard_audio.duration)
    return {"weights": float(cost.weights or 0), "bytes": float(size),
            "macs_per_second": float(cost.macs_per_second or 0)}
