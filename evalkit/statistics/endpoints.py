"""Who is cut off by an end-pointer, and how long the others wait: early cuts against the delay,
over the pipelines of a run, which may differ in their hang-over, and by groups of speakers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from evalkit.core.errors import ConfigError
from evalkit.core.ledger import NAMED, LeftOut, merged
from evalkit.core.plain import plain_data
from evalkit.core.text import nameless
from evalkit.core.types import Interval
from evalkit.statistics.bootstrap import Contrast, Resampling, intervals, on_scale
from evalkit.statistics.cells import of_cells
from evalkit.statistics.grouping import refuse_outcomes
from evalkit.statistics.groups import (
    FLOORS,
    NOTHING,
    Status,
    groups_left_out,
    labelled,
    without_bounds,
)
from evalkit.statistics.latency import DRAWS, EVERYBODY, Quantile, quantiles, words_sources
from evalkit.statistics.sums import speaker_sums
from evalkit.store.runfolder import RunFolder
from evalkit.store.scores import KEYS

EARLY, NONE, DELAY, RESETS = "early_cut", "no_endpoint", "endpoint_delay", "resets"
AGREE, GAIN, PERCEIVED = "speculative_agreement", "speculative_gain", "perceived_latency"
SCORES = (EARLY, NONE, DELAY, RESETS, AGREE, GAIN, PERCEIVED)


@dataclass(frozen=True)
class EndpointRow:
    """One group under one pipeline. ``early_cut`` and ``no_endpoint`` are shares of its ``n``
    utterances, ``resets`` are in 100 of them. ``delay`` and ``perceived`` are quantiles in
    milliseconds over the utterances that were not cut early; one without an end-point is later
    than all others, so that a quantile is infinite that falls among those. ``agreement`` and
    ``gain`` (ms) are of the utterances with a speculative end-point. NaN, or no quantiles, where
    nothing was measured."""

    pipeline: str
    group: str
    status: Status
    n: int
    n_speakers: int
    early_cut: Interval
    no_endpoint: float
    delay: list[Quantile]
    resets: float
    agreement: float
    gain: float
    perceived: list[Quantile]


@dataclass(frozen=True)
class EndpointReport:
    """The pipelines under one ``condition``, in the run's order: everybody, then the groups that
    the crossed columns ``by`` make, the one that is cut off most first."""

    by: tuple[str, ...]
    condition: str
    rows: list[EndpointRow]
    warnings: list[str]
    left_out: list[LeftOut]

    def to_dict(self) -> dict[str, Any]:
        """The report in JSON's types; an undefined or infinite number is None."""
        plain: dict[str, Any] = plain_data(self)
        return plain


def endpoint_reports(run: RunFolder, by: Sequence[Sequence[str]] = ((),), *,
                     pipeline: str | None = None, condition: str | None = None, seed: int = 0,
                     allowed: Collection[str] = ()) -> list[EndpointReport]:
    """One report for every condition under which end-points were measured (or the one named) and
    every set of crossed columns in ``by``; ``allowed`` are columns although they are outcomes.
    Raises ConfigError where there are none, and for a column that there is not."""
    record = run.record()
    for columns in by:
        refuse_outcomes(columns, record.metrics, allowed)
    scores = run.scores()
    scores = scores[scores["metric"].isin(SCORES)]
    if not (scores["metric"] == EARLY).any():
        raise ConfigError(f"{run.path}: no end-points were measured; name the metric {DELAY}, and "
                          "a pipeline with an end-pointer (endpointer: NAME)")
    scores = of_cells(scores, "end-points", pipeline, condition)
    order = [each.name for each in record.config.pipelines]
    return [endpoint_table(rows, run.utterances(), columns, order=order,
                           resampling=replace(DRAWS, seed=seed))
            for _, rows in scores.groupby("condition") for columns in by]


def endpoint_table(scores: pd.DataFrame, utterances: pd.DataFrame, by: Sequence[str] = (), *,
                   order: Sequence[str] = (), resampling: Resampling = DRAWS) -> EndpointReport:
    """The report of ``scores`` (evalkit.store.scores.SCHEMA) of one condition; pipelines as in
    ``order``. Raises ConfigError for a column that there is not."""
    condition, rows = str(scores["condition"].iloc[0]), list[EndpointRow]()
    for name in sorted(scores["pipeline"].unique(), key=[*order].index if order else str):
        part = _by_utterance(scores[scores["pipeline"] == name])
        rows.append(_row(name, EVERYBODY, part, resampling))
        rows += _groups(name, part, utterances, by, resampling) if by else []
    n = scores.loc[scores["speaker_id"].isna(), "utterance_id"].nunique()
    notes = [f"{nameless(n)}: intervals are too narrow where they share speakers"] if n else []
    notes += [f"word times: {source}" for source in words_sources(utterances)]
    where = f"end-points by {', '.join(by)}, {condition}"
    return EndpointReport(tuple(by), condition, rows, notes, merged([
        *groups_left_out(rows, where, FLOORS), *_failed(scores)]))


def _failed(scores: pd.DataFrame) -> Iterator[LeftOut]:
    """The utterances whose end-points could not be measured."""
    failed = scores[scores["error"].notna() & (scores["metric"] == EARLY)]
    for (pipeline, condition), rows in failed.groupby(KEYS[:2]):
        kind = rows["error"].str.partition(":")[0].mode()[0]
        yield LeftOut("utterance", f"{pipeline} {condition}", f"no value ({kind})", len(rows),
                      tuple(rows["utterance_id"][:NAMED]))


def _by_utterance(scores: pd.DataFrame) -> pd.DataFrame:
    """A row an utterance of which anything was measured, a column a score."""
    measured = scores[scores["error"].isna() & (scores["weight"] > 0)]
    wide = measured.pivot(index="utterance_id", columns="metric", values="amount").reindex(
        columns=list(SCORES))
    speakers = measured.drop_duplicates("utterance_id").set_index("utterance_id")["speaker_id"]
    wide = wide[wide[EARLY].notna()].join(speakers).reset_index()
    late = np.where(wide[NONE] == 1, np.inf, 0.0)  # the end of a recording is a lower bound
    guessed = wide[PERCEIVED].where(wide[AGREE] == 1, wide[PERCEIVED] + late)
    return wide.assign(**{DELAY: wide[DELAY] + late, PERCEIVED: guessed},
                       owner=wide["speaker_id"].astype(object).fillna(
                           "utterance " + wide["utterance_id"].astype(object)))


def _groups(pipeline: str, part: pd.DataFrame, utterances: pd.DataFrame, by: Sequence[str],
            resampling: Resampling) -> list[EndpointRow]:
    rows = [_row(pipeline, str(group), each, resampling, known=bool(each["labelled"].all()))
            for group, each in labelled(part, utterances, by).groupby("group")]
    return sorted(rows, key=lambda row: (row.status != "ok", -np.nan_to_num(row.early_cut.value)))


def _row(pipeline: str, group: str, part: pd.DataFrame, resampling: Resampling, *,
         known: bool = True) -> EndpointRow:
    n, n_speakers = len(part), part["owner"].nunique()
    enough = n >= FLOORS.utterances and n_speakers >= FLOORS.speakers
    status: Status = "ok" if enough or group == EVERYBODY else "insufficient"
    early = _rate(part, resampling)
    return EndpointRow(
        pipeline, group, status if known else "unknown", n, n_speakers,
        early if enough else without_bounds(early), float(part[NONE].mean()),
        _waits(part, DELAY, resampling, enough=enough), 100 * float(part[RESETS].mean()),
        float(part[AGREE].mean()), float(part[GAIN].mean()),
        _waits(part, PERCEIVED, resampling, enough=enough))


def _rate(part: pd.DataFrame, resampling: Resampling) -> Interval:
    """Of early cuts."""
    if part.empty:
        return NOTHING
    sums = speaker_sums(part.assign(amount=part[EARLY], weight=1.0, error=None))
    return on_scale(intervals(sums, [Contrast((0, 0))], resampling)[0], (0.0, 1.0))


def _waits(part: pd.DataFrame, name: str, resampling: Resampling, *, enough: bool
           ) -> list[Quantile]:
    """Quantiles of the milliseconds under ``name``; none where there are none."""
    known = part[part[name].notna()]
    if known.empty:
        return []
    found = quantiles(known[name].to_numpy(float), known["owner"].to_numpy(), resampling)
    return found if enough else [
        Quantile(each.share, each.value, np.nan, np.nan, f"too small: {FLOORS}") for each in found]
