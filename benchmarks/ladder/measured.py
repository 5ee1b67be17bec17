"""Scores of the oracle ladder, kept in a file as they come, and what they come to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.ladder.mixtures import Mixture
from benchmarks.ladder.rungs import BANDS_POSTFILTER, CLEAN, CLEAN_PITCH, agreement, rungs
from evalkit.audio import resample
from evalkit.core.types import Interval, Output, Utterance
from evalkit.models.percepnet.features import pitch_of
from evalkit.models.percepnet.frames import Framing
from evalkit.statistics.bootstrap import Contrast, intervals
from evalkit.statistics.sums import speaker_sums

RATE = 16_000
"""Hz at which the rungs are scored."""
WITHOUT_DNSMOS = (CLEAN_PITCH, BANDS_POSTFILTER)
"""Rungs that explain the others, and are spared what takes longest."""


@dataclass(frozen=True)
class Cell:
    """One utterance in one noise at one ratio: scores by rung and metric, and how many of the
    voiced frames have the clean speech's pitch."""

    mixture: Mixture
    near: int
    voiced: int
    scores: Mapping[str, Mapping[str, float]]


class Scorer:
    """Scores signals at RATE, and keeps what it finds in the file ``kept``, where one is given,
    a line a signal: whatever made it, the same signal is not scored twice."""

    def __init__(self, metrics: Sequence[Any], kept: Path | None) -> None:
        self.metrics, self.kept = metrics, kept
        lines = kept.read_text(encoding="utf-8").splitlines() if kept and kept.exists() else []
        self.known: dict[str, dict[str, float]] = dict(json.loads(line) for line in lines)

    def cell(self, mixture: Mixture) -> Cell:
        framing = Framing(mixture.rate)
        noisy, clean = (pitch_of(audio.samples, framing)
                        for audio in (mixture.noisy, mixture.clean))
        scored = {rung: self.scores(rung, Output(resample(audio, RATE),
                                                 resample(mixture.clean, RATE)))
                  for rung, audio in rungs(mixture, noisy, clean).items()}
        return Cell(mixture, *agreement(mixture, noisy, clean), scored)

    def scores(self, rung: str, output: Output) -> dict[str, float]:
        """The clean speech is scored only by what needs no reference."""
        found: dict[str, float] = {}
        for metric in self.metrics:
            if not ((rung == CLEAN and "reference_audio" in metric.needs)
                    or (rung in WITHOUT_DNSMOS and metric.name == "dnsmos")):
                found |= self._measured(metric, output)
        return found

    def _measured(self, metric: Any, output: Output) -> dict[str, float]:
        name = digest(metric, output)
        if name not in self.known:
            self.known[name] = {key: found.amount for key, found in
                                metric.measure(Utterance("x"), output).items()}
            if self.kept:
                with self.kept.open("a", encoding="utf-8") as lines:
                    lines.write(json.dumps([name, self.known[name]]) + "\n")
        return self.known[name]


def digest(metric: Any, output: Output) -> str:
    """Of the signals that the ``metric`` compares, and its version."""
    parts = [f"{metric.name} {metric.version}".encode()]
    parts += [audio.samples.tobytes() for audio in (output.audio, output.reference_audio) if audio]
    return hashlib.sha256(b"".join(parts)).hexdigest()[:32]


def table(cells: Iterable[Cell]) -> pd.DataFrame:
    """In the form of evalkit's scores table: a row a cell, rung and metric."""
    return pd.DataFrame(
        [{"speaker_id": cell.mixture.speaker, "utterance_id": cell.mixture.name,
          "noise": cell.mixture.noise, "snr": cell.mixture.snr, "rung": rung, "metric": metric,
          "amount": amount, "weight": 1.0, "error": None}
         for cell in cells for rung, scored in cell.scores.items()
         for metric, amount in scored.items()])


def means(scores: pd.DataFrame, metric: str) -> dict[str, Interval]:
    """Of every rung, with intervals by speaker."""
    sums = speaker_sums(scores[scores["metric"] == metric], system="rung")
    found = intervals(sums, [Contrast((0, i)) for i in range(len(sums.systems))])
    return dict(zip(sums.systems, found, strict=True))


def difference(scores: pd.DataFrame, metric: str, rung: str, other: str) -> Interval:
    """Of ``rung`` less ``other``, paired."""
    sums = speaker_sums(scores[scores["metric"] == metric], system="rung")
    first, second = (sums.systems.index(name) for name in (rung, other))
    return intervals(sums, [Contrast((0, first), (0, second))])[0]


def share(scores: pd.DataFrame, metric: str, rung: str, start: str, end: str) -> Interval:
    """Of the way from ``start`` to ``end`` that ``rung`` goes."""
    wide = scores[scores["metric"] == metric].pivot_table(
        index=["speaker_id", "utterance_id"], columns="rung", values="amount").reset_index()
    return _rate(wide["speaker_id"], wide[rung] - wide[start], wide[end] - wide[start])


def pitch_agreement(cells: Sequence[Cell]) -> Interval:
    """Share of the voiced frames with the clean speech's pitch."""
    return _rate([cell.mixture.speaker for cell in cells], [cell.near for cell in cells],
                 [cell.voiced for cell in cells])


def _rate(speakers: Sequence[str] | pd.Series, amounts: Any, weights: Any) -> Interval:
    rows = pd.DataFrame({"speaker_id": speakers, "amount": np.asarray(amounts, float),
                         "weight": np.asarray(weights, float), "error": None})
    rows["utterance_id"] = [str(i) for i in range(len(rows))]
    return intervals(speaker_sums(rows), [Contrast((0, 0))])[0]
