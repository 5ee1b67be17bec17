"""A small corpus in which every letter is a tone, and accents differ in pitch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from evalkit.audio import save
from evalkit.core.types import Audio, Recording, Utterance
from evalkit.mitigation.adapted import AdaptedRecognizer
from evalkit.models.ctc.network import CtcRecognizer, NetworkConfig
from evalkit.models.transducer.config import TransducerConfig
from evalkit.models.transducer.network import Transducer
from evalkit.store.manifest import write_manifest
from evalkit.systems.reference import Reference
from evalkit.systems.transducer import TransducerRecognizer

PITCH = {"a": 300.0, "b": 900.0, "c": 2000.0, "ä": 450.0, "ß": 1300.0}
SHIFT = {"low": 1.0, "high": 1.5, "higher": 2.0}
SIZES = {"general": 2, "dev": 4, "test": 3}
"""Speakers of each accent."""


def spell(text: str, shift: float, rng: np.random.Generator) -> np.ndarray:
    """Each letter is a tone of 0.1 s, a space a pause; float32 at 16 kHz."""
    time = np.arange(1600) / 16_000
    tones = [np.sin(2 * np.pi * PITCH[c] * shift * time) if c in PITCH else 0 * time for c in text]
    samples = 0.1 * np.concatenate(tones) + 0.001 * rng.standard_normal(1600 * len(text))
    return samples.astype(np.float32)


def recordings(count: int, seed: int = 0, shift: float = 1.0) -> list[Recording]:
    """Three words each."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(count):
        text = " ".join("".join(rng.choice(list("abc"), 3)) for _ in range(3))
        utterance = Utterance(f"u{seed}-{i}", speaker=f"s{i % 3}", text=text)
        found.append(Recording(utterance, text, spell(text, shift, rng)))
    return found


def tiny(seed: int = 0, dropout: float = 0.0) -> AdaptedRecognizer:
    """An untrained recognizer of a few thousand parameters."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = NetworkConfig(mels=20, channels=8, hidden=8, layers=1, dropout=dropout)
        system = Reference()
        vars(system)["module"] = CtcRecognizer(network).eval()  # in place of the shipped one
        return AdaptedRecognizer(system)


def transducer() -> Transducer:
    """An untrained one, of a few thousand parameters."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Transducer(TransducerConfig(mels=20, channels=8, hidden=8, embedding=4,
                                           prediction=8, joint=8)).eval()


def tiny_transducer() -> AdaptedRecognizer:
    """The same as a recognizer."""
    system = TransducerRecognizer()
    vars(system)["module"] = transducer()
    return AdaptedRecognizer(system)


def corpus(folder: Path, utterances: int = 2, letters: str = "abc") -> Path:
    """Writes general, dev and test manifests with words of ``letters``, and
    ``start.safetensors``; returns ``folder``."""
    rng = np.random.default_rng(1)
    for split, speakers in SIZES.items():
        rows = []
        for accent, shift in SHIFT.items():
            for number in range(speakers * utterances):
                text = " ".join("".join(rng.choice(list(letters), 3)) for _ in range(2))
                name = f"{split}-{accent}-{number}"
                save(folder / f"{name}.wav", Audio(spell(text, shift, rng), 16_000))
                rows.append({"id": name, "audio": f"{name}.wav", "text": text, "accent": accent,
                             "speaker": f"{split}-{accent}-{number // utterances}"})
        write_manifest(folder / f"{split}.jsonl", rows)
    tiny().system.save(folder / "start.safetensors")
    return folder
