"""How late words come, and for whom: quantiles of latencies, which are no sums."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from evalkit.core.errors import ConfigError
from evalkit.core.ledger import LeftOut, merged
from evalkit.core.plain import plain_data
from evalkit.core.text import count, nameless
from evalkit.statistics.bootstrap import FEW_SPEAKERS, Resampling, counts
from evalkit.statistics.cells import of_cells
from evalkit.statistics.grouping import refuse_outcomes
from evalkit.statistics.groups import (
    FLOORS,
    Floors,
    Status,
    groups_left_out,
    labelled,
)
from evalkit.store.events import EMISSIONS_TABLE
from evalkit.store.runfolder import RunFolder
from evalkit.store.word_times import SOURCE

SHARES = (0.5, 0.9)
"""Of words: the median, and what nine of ten words do not exceed."""
DRAWS = Resampling(draws=2_000)
EVERYBODY = "all"
Until = Literal["shown", "settled"]
"""Until when: a word was first shown, or was there to stay (evalkit.store.events)."""


@dataclass(frozen=True)
class Quantile:
    """The latency in milliseconds that a ``share`` of the words do not exceed, the smallest one
    that was measured, and its interval. The bounds are NaN, and ``warning`` says why, where nothing
    can be said."""

    share: float
    value: float
    low: float
    high: float
    warning: str | None = None


@dataclass(frozen=True)
class LatencyRow:
    """The correct words of one group."""

    group: str
    status: Status
    n_words: int
    n_utterances: int
    n_speakers: int
    quantiles: list[Quantile]


@dataclass(frozen=True)
class LatencyReport:
    """All words, and the groups that the crossed columns ``by`` make, "ok" ones first, those whose
    words come latest first. ``left_out`` are groups that are compared with no other;
    ``words_source`` is who gave the times of the words, and how wrong they are, where the manifest
    says so."""

    by: tuple[str, ...]
    pipeline: str
    condition: str
    until: Until
    everybody: LatencyRow
    rows: list[LatencyRow]
    warnings: list[str]
    left_out: list[LeftOut]
    words_source: list[str]

    def to_dict(self) -> dict[str, Any]:
        """The report in JSON's types; an undefined number is None."""
        plain: dict[str, Any] = plain_data(self)
        return plain


def latency_reports(run: RunFolder, by: Sequence[Sequence[str]] = ((),), *,
                    pipeline: str | None = None, condition: str | None = None,
                    until: Until = "shown", seed: int = 0, allowed: Collection[str] = ()
                    ) -> list[LatencyReport]:
    """One report for every pipeline and condition in which words have latencies (or the ones named)
    and every set of crossed columns in ``by``; ``allowed`` are columns although they are outcomes.
    Raises ConfigError where there are none, and as latency_table does."""
    metrics = run.record().metrics
    for columns in by:
        refuse_outcomes(columns, metrics, allowed)
    words = run.streamed(EMISSIONS_TABLE)
    if words.empty:
        raise ConfigError(f"{run.path}: no word has a latency; stream a recognizer (stream: "
                          "SECONDS) or score a log of its events, of a manifest with times of "
                          "words (words)")
    words = of_cells(words, "latencies", pipeline, condition)
    return [latency_table(rows, run.utterances(), columns, until=until,
                          resampling=replace(DRAWS, seed=seed))
            for _, rows in words.groupby(["pipeline", "condition"]) for columns in by]


def latency_table(emissions: pd.DataFrame, utterances: pd.DataFrame, by: Sequence[str] = (), *,
                  until: Until = "shown", floors: Floors = FLOORS,
                  resampling: Resampling = DRAWS) -> LatencyReport:
    """Compares the groups that the columns ``by`` of ``utterances`` make on ``emissions``
    (evalkit.store.events.EMISSIONS), one or more, of one pipeline and condition. Intervals are
    percentiles of draws of speakers; an utterance without a speaker is one of its own. Raises
    ConfigError for a column that there is not."""
    words = _words(emissions, until)
    everybody = _row(EVERYBODY, "ok", words, floors, resampling)
    rows = _by_group(labelled(words, utterances, by), floors, resampling) if by else []
    first, where = emissions.iloc[0], f"latencies by {', '.join(by)}"
    return LatencyReport(tuple(by), str(first["pipeline"]), str(first["condition"]), until,
                         everybody, rows, _notes(emissions),
                         merged(groups_left_out(rows, where, floors)),
                         words_sources(utterances))


def words_sources(utterances: pd.DataFrame) -> list[str]:
    """Who gave the times of the words of a run's utterances (store.word_times.SOURCE)."""
    if SOURCE not in utterances:
        return []
    return sorted(map(str, utterances[SOURCE].dropna().unique()))


def _words(emissions: pd.DataFrame, until: Until) -> pd.DataFrame:
    """With ``late``, the latency in milliseconds, and ``speaker``, who is never missing."""
    return emissions.assign(
        late=(1000 * (emissions[until] - emissions["end"])).round(3),
        speaker=emissions["speaker_id"].fillna("utterance " + emissions["utterance_id"]))


def _notes(emissions: pd.DataFrame) -> list[str]:
    n = emissions.loc[emissions["speaker_id"].isna(), "utterance_id"].nunique()
    return [f"{nameless(n)}: intervals are too narrow where they share speakers"] if n else []


def _by_group(words: pd.DataFrame, floors: Floors, resampling: Resampling) -> list[LatencyRow]:
    rows = [_row(str(group), "ok" if part["labelled"].all() else "unknown", part, floors,
                 resampling) for group, part in words.groupby("group")]
    return sorted(rows, key=lambda row: (row.status != "ok", -row.quantiles[-1].value))


def _row(group: str, status: Status, words: pd.DataFrame, floors: Floors, resampling: Resampling
         ) -> LatencyRow:
    n, spoken = words["speaker"].nunique(), words["utterance_id"].nunique()
    enough = n >= floors.speakers and spoken >= floors.utterances
    if status == "ok" and not enough and group != EVERYBODY:
        status = "insufficient"
    found = quantiles(words["late"].to_numpy(float), words["speaker"].to_numpy(), resampling)
    return LatencyRow(group, status, len(words), spoken, n, found if enough else [
        Quantile(each.share, each.value, np.nan, np.nan, f"too small: {floors}") for each in found])


def quantiles(late: np.ndarray, speakers: np.ndarray, resampling: Resampling = DRAWS,
              shares: Sequence[float] = SHARES) -> list[Quantile]:
    """The quantiles of the latencies ``late`` (words,), one for each of ``shares``, with intervals
    of draws of ``speakers`` (words,)."""
    order = np.argsort(late, kind="stable")
    late, (_, owner) = late[order], np.unique(speakers[order], return_inverse=True)
    n = int(owner.max()) + 1
    values = _at(late, np.ones(len(late)), shares)
    if n == 1:
        return [Quantile(share, value, np.nan, np.nan, "1 speaker: no interval")
                for share, value in zip(shares, values, strict=True)]
    drawn = np.array([_at(late, often[owner], shares)
                      for block in counts(n, resampling.draws,
                                          np.random.SeedSequence(resampling.seed))
                      for often in block])
    low, high = np.nanquantile(drawn, resampling.tails, axis=0, method="inverted_cdf")
    few = (f"{count(n, 'speaker')}: fewer than {FEW_SPEAKERS}, the interval is approximate"
           if n < FEW_SPEAKERS else None)
    return [Quantile(share, float(value), float(a), float(b), few)
            for share, value, a, b in zip(shares, values, low, high, strict=True)]


def _at(late: np.ndarray, weights: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """The smallest of ``late``, which ascend, up to which there is each share of the weights."""
    reached = np.cumsum(weights)
    # A share of the whole may be a hair more than the sum of the weights that make it up.
    places = np.searchsorted(reached, np.array(shares) * reached[-1] * (1 - 1e-12))
    return late[np.minimum(places, len(late) - 1)]
