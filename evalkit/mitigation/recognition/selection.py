"""Selecting the strength of every arm, and an arm to recommend, on the selection part of dev."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import NamedTuple

import numpy as np
import pandas as pd

from evalkit.store.documents.mitigation import START, FrontierPoint, TriedStrength
from evalkit.store.scores import ratio


class _Rates(NamedTuple):
    """Word error rates of the worst region and overall."""

    worst: float
    overall: float


class _Key(NamedTuple):
    """Of a trial."""

    arm: str
    strength: float
    seed: int


def tried_strengths(scores: pd.DataFrame) -> list[TriedStrength]:
    """Every arm at every strength. Chosen is, of those whose overall rate on the selection part
    is not above the start's, the one with the lowest rate of the worst region; where every one
    raises the overall rate, the one that raises it least. ``scores`` has the columns of
    trials.SCORES."""
    means = _means_over_seeds(scores)
    start = means[START, 0.0].overall
    # Summing over seeds rounds; an arm that changes nothing keeps the overall rate.
    keeps = {key: bool(mean.overall <= start + 1e-12) for key, mean in means.items()}

    def rank(key: tuple[str, float]) -> tuple[bool, float]:
        return not keeps[key], means[key].worst if keeps[key] else means[key].overall

    best = {arm: min((key for key in means if key[0] == arm), key=rank) for arm, _ in means}
    return [TriedStrength(arm=arm, strength=strength, worst=mean.worst, overall=mean.overall,
                          keeps_overall=keeps[arm, strength],
                          chosen=best[arm] == (arm, strength))
            for (arm, strength), mean in means.items()]


def recommended(tried: Sequence[TriedStrength]) -> str | None:
    """The arm that the same rule chooses among all, unless that is the start itself."""
    best = min((t for t in tried if t.keeps_overall), key=lambda t: t.worst)
    return None if best.arm == START else best.arm


def frontier(scores: pd.DataFrame, tried: Sequence[TriedStrength], targets: Sequence[str]
             ) -> list[FrontierPoint]:
    """Every trial on test, all strengths."""
    chosen = {(t.arm, t.strength) for t in tried if t.chosen}
    return [FrontierPoint(**key._asdict(), overall=_rate(trial), worst=_worst(trial),
                          target=_rate(trial[trial["cohort"].isin(targets)]),
                          chosen=(key.arm, key.strength) in chosen)
            for key, trial in _trials(scores, "test")]


def _means_over_seeds(scores: pd.DataFrame) -> dict[tuple[str, float], _Rates]:
    """By arm and strength, on the selection part."""
    seeds: dict[tuple[str, float], list[_Rates]] = {}
    for key, trial in _trials(scores, "selection"):
        seeds.setdefault((key.arm, key.strength), []).append(_Rates(_worst(trial), _rate(trial)))
    return {key: _Rates(fmean(rates.worst for rates in of_seed),
                        fmean(rates.overall for rates in of_seed))
            for key, of_seed in seeds.items()}


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
