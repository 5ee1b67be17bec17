"""Scores of the oracle ladder, kept in a file as they come, and what they come to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

import benchmarks.ladder
import evalkit.models.percepnet
from benchmarks.ladder.mixtures import Mixture
from benchmarks.ladder.rungs import CLEAN, agreement, rungs
from evalkit.audio import resample
from evalkit.core.types import Audio, Interval, Output, Utterance
from evalkit.models.percepnet.features import pitch_of
from evalkit.models.percepnet.frames import Framing
from evalkit.statistics.bootstrap import Contrast, intervals
from evalkit.statistics.sums import speaker_sums

RATE = 16_000
"""Hz at which the rungs are scored."""
NETWORK = {"advice", "graph", "network", "runtime", "training"}
"""Modules of PercepNet that the ladder does without."""


@dataclass(frozen=True)
class Cell:
    """One utterance in one noise at one ratio: scores by rung and metric, and how many of the
    voiced frames have the clean speech's pitch."""

    speaker: str
    utterance: str
    noise: str
    snr: float
    rate: int
    made_by: str
    near: int
    voiced: int
    scores: Mapping[str, Mapping[str, float]]


def made_by(metrics: Sequence[Any]) -> str:
    """Names the signal path and the ``metrics``: scores that other versions made are not used."""
    sources = [*_sources(evalkit.models.percepnet), *_sources(benchmarks.ladder)]
    text = [path.read_text(encoding="utf-8") for path in sources if path.stem not in NETWORK]
    versions = [f"{metric.name} {metric.version}" for metric in metrics]
    return hashlib.sha256("".join([*text, *versions]).encode()).hexdigest()[:16]


def _sources(package: ModuleType) -> list[Path]:
    return sorted(Path(package.__path__[0]).glob("*.py"))


def measured(mixture: Mixture, metrics: Sequence[Any]) -> Cell:
    """Of all rungs; the clean speech only by what needs no reference."""
    framing = Framing(mixture.rate)
    noisy, clean = (pitch_of(audio.samples, framing) for audio in (mixture.noisy, mixture.clean))
    alone = [metric for metric in metrics if "reference_audio" not in metric.needs]
    scored = {rung: scores(mixture, audio, metrics if rung != CLEAN else alone)
              for rung, audio in rungs(mixture, noisy, clean).items()}
    return Cell(mixture.speaker, mixture.utterance, mixture.noise, mixture.snr, mixture.rate,
                made_by(metrics), *agreement(mixture, noisy, clean), scored)


def scores(mixture: Mixture, processed: Audio, metrics: Sequence[Any]) -> dict[str, float]:
    output = Output(resample(processed, RATE), resample(mixture.clean, RATE))
    return {name: found.amount for metric in metrics
            for name, found in metric.measure(Utterance("x"), output).items()}


def read(path: Path) -> Iterator[Cell]:
    """Those of a file that ``write`` has written; none where there is no file."""
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            yield Cell(**json.loads(line))


def write(path: Path, cell: Cell) -> None:
    with path.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(vars(cell)) + "\n")


def table(cells: Iterable[Cell]) -> pd.DataFrame:
    """In the form of evalkit's scores table: a row a cell, rung and metric."""
    return pd.DataFrame(
        [{"speaker_id": cell.speaker, "utterance_id": f"{cell.utterance} {cell.noise} {cell.snr:g}",
          "noise": cell.noise, "snr": cell.snr, "rung": rung, "metric": metric, "amount": amount,
          "weight": 1.0, "error": None}
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
    return _rate([cell.speaker for cell in cells], [cell.near for cell in cells],
                 [cell.voiced for cell in cells])


def _rate(speakers: Sequence[str] | pd.Series, amounts: Any, weights: Any) -> Interval:
    rows = pd.DataFrame({"speaker_id": speakers, "amount": np.asarray(amounts, float),
                         "weight": np.asarray(weights, float), "error": None})
    rows["utterance_id"] = [str(i) for i in range(len(rows))]
    return intervals(speaker_sums(rows), [Contrast((0, 0))])[0]
