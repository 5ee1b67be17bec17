"""What a transaction of speaker verification costs a group beside wrong decisions: recordings of
which nothing could be had, and time (ISO/IEC 19795-1 and 19795-10).

A recording of which no trial has a score was not acquired. Error rates of comparisons (FNMR, FMR)
leave it out; those of transactions, of one attempt each, do not: a person who cannot be acquired is
rejected,

    FRR = FTA + FNMR (1 - FTA),    FAR = FMR (1 - FTA)        (ISO/IEC 19795-1, 8.3).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from evalkit.core.types import Interval
from evalkit.statistics.bootstrap import Contrast, Resampling, intervals, on_scale
from evalkit.statistics.detection import FEWER_DRAWS, DetectionInterval, rate_bounds
from evalkit.statistics.labels import UNKNOWN
from evalkit.statistics.sums import speaker_sums
from evalkit.store.scores import ratio


@dataclass(frozen=True)
class Acquisition:
    """Of one group: ``n`` recordings, of which ``n_not_acquired``; the share of those
    (``failure_to_acquire``); the rates of rejecting and accepting wrongly of transactions; and of
    its ``n_timed`` recordings the ``seconds`` that the systems of the pipeline took for one, and
    for a second of audio (``real_time_factor``)."""

    n: int
    n_not_acquired: int
    failure_to_acquire: Interval
    false_rejection: DetectionInterval
    false_acceptance: DetectionInterval
    n_timed: int
    seconds: Interval | None
    real_time_factor: Interval | None


class People(NamedTuple):
    """The group of every speaker, and the speaker of every utterance that has one."""

    groups: Mapping[str, str]
    speakers: Mapping[str, str]


def acquisition(trials: pd.DataFrame, people: People, threshold: float, *,
                rates: Mapping[str, Mapping[str, DetectionInterval]],
                times: pd.DataFrame | None = None,
                resampling: Resampling = FEWER_DRAWS) -> dict[str, Acquisition]:
    """Of every group of ``trials`` (evalkit.store.trials.SCHEMA) of one pipeline and condition.
    ``rates`` are those of comparisons at the ``threshold``, of every group; ``times`` has the
    ``utterance_id``, the ``seconds`` of audio and the ``processing_seconds`` of recordings."""
    recordings = _recordings(trials, people)
    lost = _by_group(recordings, resampling)
    took = {} if times is None else _took(recordings, times, resampling)
    missed = _missed(trials, people, threshold)
    found = {}
    for group, rows in recordings.groupby("group"):
        name, own = str(group), rates[str(group)]
        seconds, factor, n_timed = took.get(name, (None, None, 0))
        found[name] = Acquisition(
            len(rows), int(rows["amount"].sum()), on_scale(lost[name], (0.0, 1.0)),
            _false_rejection(rows, missed, own["miss"], resampling),
            _false_acceptance(own["false_alarm"], lost[name], resampling), n_timed, seconds, factor)
    return found


def _recordings(trials: pd.DataFrame, people: People) -> pd.DataFrame:
    """A row of a score that is 1 where a recording was not acquired."""
    scored = trials[trials["score"].notna()]
    known = pd.unique(pd.concat([scored["enroll_id"], scored["test_id"]]))
    ids = pd.unique(pd.concat([trials["enroll_id"], trials["test_id"]]))
    table = pd.DataFrame({"utterance_id": ids, "speaker_id": _speakers(pd.Series(ids), people)})
    return table.assign(group=table["speaker_id"].map(people.groups).fillna(UNKNOWN), weight=1.0,
                        amount=(~table["utterance_id"].isin(known)).astype(float), error=None)


def _speakers(ids: pd.Series, people: People) -> pd.Series:
    """Who spoke; an utterance without a speaker is one of its own."""
    named = ids.map(people.speakers).astype(object)
    return named.where(named.notna(), ids)


def _by_group(rows: pd.DataFrame, resampling: Resampling) -> dict[str, Interval]:
    sums = speaker_sums(rows, cohort="group")
    found = intervals(sums, [Contrast((i, 0)) for i in range(len(sums.cohorts))], resampling)
    return dict(zip(sums.cohorts, found, strict=True))


def _took(recordings: pd.DataFrame, times: pd.DataFrame, resampling: Resampling
          ) -> dict[str, tuple[Interval, Interval, int]]:
    """Seconds a recording, and a second of audio, and of how many recordings, of what was timed."""
    timed = times.loc[(times["processing_seconds"] > 0) & (times["seconds"] > 0),
                      ["utterance_id", "seconds", "processing_seconds"]]
    both = recordings.drop(columns=["amount", "weight"]).merge(timed, on="utterance_id")
    if both.empty:
        return {}
    took = both.assign(amount=both["processing_seconds"])
    each = _by_group(took.assign(weight=1.0), resampling)
    factor = _by_group(took.assign(weight=both["seconds"]), resampling)
    n = both.groupby("group").size()
    return {name: (each[name], factor[name], int(n[name])) for name in each}


def _missed(trials: pd.DataFrame, people: People, threshold: float) -> pd.DataFrame:
    """Target trials of every speaker that have a score, and those below the ``threshold``."""
    own = trials[trials["label"].astype(bool) & trials["score"].notna()]
    return pd.DataFrame({"missed": own["score"] < threshold, "targets": 1.0}).groupby(
        _speakers(own["enroll_id"], people).to_numpy()).sum().astype(float)


def _false_rejection(rows: pd.DataFrame, missed: pd.DataFrame, miss: DetectionInterval,
                     resampling: Resampling) -> DetectionInterval:
    """The standard error is that of deleting every speaker in turn."""
    lost = rows.groupby("speaker_id")[["amount", "weight"]].sum()
    x = lost.join(missed).fillna(0.0)[["amount", "weight", "missed", "targets"]].to_numpy(float)
    n, value = len(x), float(_rejected(x.sum(axis=0)))
    without = _rejected(x.sum(axis=0) - x)
    se = math.sqrt((n - 1) / n * float(((without - without.mean()) ** 2).sum()))
    return _rate("false_rejection", value, se, miss, resampling)


def _rejected(sums: np.ndarray) -> np.ndarray:
    """FTA + FNMR (1 - FTA) of sums (..., 4)."""
    lost, miss = ratio(sums[..., 0], sums[..., 1]), ratio(sums[..., 2], sums[..., 3])
    rejected: np.ndarray = lost + miss * (1 - lost)
    return rejected


def _false_acceptance(false_alarm: DetectionInterval, lost: Interval, resampling: Resampling
                      ) -> DetectionInterval:
    share = lost.value
    se = math.hypot((1 - share) * false_alarm.se, false_alarm.value * np.nan_to_num(lost.se))
    return _rate("false_acceptance", false_alarm.value * (1 - share), se, false_alarm, resampling)


def _rate(name: str, value: float, se: float, like: DetectionInterval, resampling: Resampling
          ) -> DetectionInterval:
    """Of the same trials as ``like``; without an interval where that has none for its few."""
    low, high, why = rate_bounds(value, se, like.n_speakers, resampling)
    return DetectionInterval(name, value, low, high, like.n_targets, like.n_nontargets,
                             like.n_speakers, why or like.warning, se)
