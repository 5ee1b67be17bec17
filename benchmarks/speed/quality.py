"""STOI, extended STOI and PESQ, beside the packages."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pystoi
from pesq.cypesq import cypesq_retvals

from benchmarks.speed.table import Row, ratio
from evalkit.core.types import Audio, Output, Utterance
from evalkit.metrics.pesq import PesqWideband
from evalkit.metrics.stoi import Estoi, Stoi

RATE = 16_000
SECONDS = 7


def speech(seconds: float, seed: int = 0) -> np.ndarray:
    """A buzz through moving formants, in syllables, with a little noise: PESQ and STOI find
    utterances in it."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE)) / RATE
    base = rng.uniform(90, 220)
    pitch = 2 * np.pi * (base * t + 8 * np.sin(2 * np.pi * .7 * t))
    formants = 500 + 200 * np.sin(2 * np.pi * 1.3 * t), 1600 + 500 * np.sin(2 * np.pi * .9 * t)
    buzz = sum(sum(np.exp(-(((base * k - formant) / 250) ** 2)) for formant in formants)
               * np.sin(k * pitch) for k in range(1, 30))
    syllables = np.clip(np.sin(2 * np.pi * 2.1 * t + seed), 0, 1) ** .5
    return (.1 * buzz * syllables + 1e-4 * rng.standard_normal(len(t))).astype(np.float32)


def noisy(clean: np.ndarray, seed: int = 0) -> np.ndarray:
    added = np.random.default_rng(seed).standard_normal(len(clean))
    return (clean + .02 * added).astype(np.float32)


def fresh(clean: np.ndarray, heard: np.ndarray) -> Output:
    """An output that no metric has seen."""
    return Output(audio=Audio(heard, RATE), reference_audio=Audio(clean, RATE))


def rows() -> Iterator[Row]:
    clean = speech(SECONDS)
    heard = noisy(clean)
    utterance, doubles = Utterance("u"), (clean.astype(float), heard.astype(float))

    def ours(*metrics: Stoi | Estoi | PesqWideband) -> list[float]:
        output = fresh(clean, heard)
        return [metric.measure(utterance, output)[metric.name].amount for metric in metrics]

    def stoi() -> float:
        return float(pystoi.stoi(*doubles, RATE))

    def estoi() -> float:
        return float(pystoi.stoi(*doubles, RATE, extended=True))

    work = f"of {SECONDS} s, 16 kHz"
    for name, metrics, peer in (
            ("STOI", [Stoi()], stoi), ("extended STOI", [Estoi()], estoi),
            ("both", [Stoi(), Estoi()], lambda: (stoi(), estoi()))):
        yield Row(f"{name} {work}", 1 / ratio(lambda: ours(*metrics), peer, 15),  # noqa: B023
                  8, "x as fast as pystoi", at_least=True)
    differs = np.abs(np.subtract(ours(Stoi(), Estoi()), [stoi(), estoi()])).max()
    yield Row("how far from pystoi", float(differs), 1e-6, "")
    loudest = max(np.abs(each).max() for each in (clean, heard))
    levelled = clean / loudest, heard / loudest
    yield Row(f"PESQ, wide-band, {work}", ratio(
        lambda: ours(PesqWideband()), lambda: cypesq_retvals(RATE, *levelled, 1), 7), 1.05,
        "x the C code")
