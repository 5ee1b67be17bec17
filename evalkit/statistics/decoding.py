"""What a version owes to the run that it was measured in: seeds, temperatures, services.

Several runs of one system on the same speakers are a crossed design: a run moves all speakers
together (variance ``common``), and every speaker's result by itself (``own``). The mean of a
version's runs is compared; the variance of the change of means over speakers has ``own`` in it,
and nothing of ``common``, since all speakers share that. So it is added (Cameron, Gelbach & Miller
2011, Journal of Business & Economic Statistics 29(2): clusters in two ways), with Satterthwaite's
degrees of freedom, for which the whole variance between runs counts, since ``common`` is the
difference of two estimates. Runs of both versions are taken to be alike, so that those of one tell
of the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from evalkit.core.types import Interval

LITTLE = 0.1
"""A share of the variance that hardly matters."""


@dataclass(frozen=True)
class RunNoise:
    """Variances of the value of one run: what all speakers have in ``common``, and what each has of
    its ``own``, summed over them; on ``df`` degrees of freedom; of ``runs`` of base and
    candidate."""

    common: float
    own: float
    df: int
    runs: tuple[int, int]

    @property
    def per_run(self) -> float:
        """How many times the variance of one run is that of the difference of means."""
        return 1 / self.runs[0] + 1 / self.runs[1]

    def share(self, change: Interval) -> float:
        """That of decoding in the variance of the change, whose interval tells of speakers."""
        noise = self.per_run * (self.common + self.own)
        return noise / (noise + self._of_speakers(change)) if noise else 0.0

    def enough(self, change: Interval) -> int | None:
        """With so many runs of each version the share is LITTLE; None where no number would do: the
        versions differ by decoding alone."""
        noise, speakers = self.common + self.own, self._of_speakers(change)
        if noise == 0:
            return 1
        return math.ceil(2 * noise * (1 / LITTLE - 1) / speakers) if speakers > 0 else None

    def _of_speakers(self, change: Interval) -> float:
        return max(0.0, change.se**2 - self.per_run * self.own)


def between_runs(sides: Sequence[np.ndarray]) -> RunNoise | None:
    """From what every speaker contributes to the value of every run, (speakers, runs) of base and
    candidate; None where neither has two runs, or there is one speaker."""
    runs = (sides[0].shape[1], sides[1].shape[1])
    df, n = sum(runs) - 2, len(sides[0])
    if df < 1 or n < 2:
        return None
    totals = sum(_squares(side.sum(axis=0)) for side in sides)
    alone = sum(_squares(side - side.mean(axis=1, keepdims=True), axis=0) for side in sides)
    own = n * alone / ((n - 1) * df)
    return RunNoise(max(0.0, totals / df - own), own, df, runs)


def with_noise(change: Interval, noise: RunNoise, level: float) -> Interval:
    """The interval of a change at ``level`` with the variance that all speakers of a run have in
    common."""
    if not (change.se > 0 and change.df > 0):
        return change
    added = noise.common * noise.per_run
    variance = change.se**2 + added
    between = added + noise.own * noise.per_run
    df = variance**2 / (change.se**4 / change.df + between**2 / noise.df)
    df = min(df, change.df)
    quantiles = special.stdtrit([df, change.df], (1 + level) / 2)
    wider = math.sqrt(variance) / change.se * float(quantiles[0] / quantiles[1])
    return replace(change, low=change.value - wider * (change.value - change.low),
                   high=change.value + wider * (change.high - change.value),
                   se=math.sqrt(variance), df=df)


def _squares(x: np.ndarray, axis: int | None = None) -> float:
    """Around the mean."""
    return float(((x - x.mean(axis=axis, keepdims=True)) ** 2).sum())
