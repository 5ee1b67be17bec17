"""Every trial of an experiment, and the choice of a strength."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

import numpy as np
import pandas as pd

from evalkit.mitigation.recognition.trials import NONE
from evalkit.store.scores import ratio


@dataclass(frozen=True)
class Tried:
    """One arm at one strength, with the mean over seeds of what it came to on the selection part
    of dev: the worst region and all together."""

    arm: str
    strength: float
    worst: float
    overall: float
    keeps_overall: bool
    chosen: bool


@dataclass(frozen=True)
class Point:
    """One trial on test, for the frontier of the worst region's rate against that of all.
    ``target`` is the rate of all target regions pooled."""

    arm: str
    strength: float
    seed: int
    overall: float
    worst: float
    target: float
    chosen: bool


class _Key(NamedTuple):
    """Of a trial."""

    arm: str
    strength: float
    seed: int


def choose(scores: pd.DataFrame) -> list[Tried]:
    """The strength of every arm: of those whose overall rate on the selection part is not worse
    than the start's, the one whose worst region is best; where every one costs something
    overall, the one that costs least. ``scores`` has the columns of trials.SCORES."""
    seeds: dict[tuple[str, float], list[tuple[float, float]]] = {}
    for key, trial in _trials(scores, "selection"):
        seeds.setdefault((key.arm, key.strength), []).append((_worst(trial), _rate(trial)))
    means = {key: (fmean(worst for worst, _ in found), fmean(overall for _, overall in found))
             for key, found in seeds.items()}
    start = means[NONE, 0.0][1]
    # Summing over seeds rounds; an arm that changes nothing keeps the overall rate.
    kept = {key: bool(overall <= start + 1e-12) for key, (_, overall) in means.items()}

    def rank(key: tuple[str, float]) -> tuple[bool, float]:
        return not kept[key], means[key][0 if kept[key] else 1]

    best = {arm: min((key for key in means if key[0] == arm), key=rank) for arm, _ in means}
    return [Tried(arm, strength, *means[arm, strength], kept[arm, strength],
                  best[arm] == (arm, strength)) for arm, strength in means]


def recommended(tried: Sequence[Tried]) -> str | None:
    """The arm that the same rule chooses among all, unless that is the start itself."""
    best = min((one for one in tried if one.keeps_overall), key=lambda one: one.worst)
    return None if best.arm == NONE else best.arm


def frontier(scores: pd.DataFrame, tried: Sequence[Tried], targets: Sequence[str]) -> list[Point]:
    """Every trial on test, all strengths."""
    chosen = {(one.arm, one.strength) for one in tried if one.chosen}
    return [Point(*key, _rate(trial), _worst(trial), _rate(trial[trial["cohort"].isin(targets)]),
                  (key.arm, key.strength) in chosen) for key, trial in _trials(scores, "test")]


def _rate(rows: pd.DataFrame) -> float:
    return float(rows["amount"].sum() / rows["weight"].sum())


def _worst(trial: pd.DataFrame) -> float:
    """The rate of the worst region."""
    sums = trial.groupby("cohort")[["amount", "weight"]].sum()
    return float(np.nanmax(ratio(sums["amount"], sums["weight"])))


def _trials(scores: pd.DataFrame, part: str) -> Iterator[tuple[_Key, pd.DataFrame]]:
    """The rows of every trial on one part, in their own order."""
    rows = scores[scores["part"] == part]
    for _, trial in rows.groupby([*_Key._fields], sort=False):
        first = trial.iloc[0]
        yield _Key(str(first["arm"]), float(first["strength"]), int(first["seed"])), trial
