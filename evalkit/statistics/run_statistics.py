"""The statistics of a run folder: its headline values, its groups of speakers, and its pipelines
two by two."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd

from evalkit.core.alignment import Alignment
from evalkit.core.errors import ConfigError
from evalkit.core.memory import give_back
from evalkit.core.names import offer
from evalkit.core.types import Fact
from evalkit.statistics.bootstrap import DEFAULT, Contrast, Resampling, intervals, on_scale
from evalkit.statistics.cells import of_cells
from evalkit.statistics.detection import FEWER_DRAWS, detection_intervals, sorted_trials
from evalkit.statistics.grouping import refuse_outcomes
from evalkit.statistics.groups import GroupReport, group_table, select
from evalkit.statistics.sums import speaker_sums
from evalkit.statistics.systems import SystemComparison, compare_systems
from evalkit.statistics.usual_metric import usual_metric
from evalkit.statistics.verification import VerificationReport, verification_table
from evalkit.store.runfolder import RunFolder

Key = tuple[str, str, str]
"""Pipeline, condition and metric."""

TRIAL_DRAWS = 400
"""Enough for a standard deviation, which is all that the intervals of trials take from them."""


def headline_intervals(run: RunFolder, metrics: Sequence[str],
                       resampling: Resampling = DEFAULT) -> dict[Key, tuple[float, float]]:
    """Confidence intervals of the run's headline values: of the additive ones among ``metrics``
    by resampling speakers, pipelines on the same draws; of trials by resampling both sides.
    What has no interval is left out."""
    bounds: dict[Key, tuple[float, float]] = {}
    facts, scores = run.record().metrics, run.scores()
    scores = scores[scores["metric"].isin(metrics) & scores["error"].isna()]
    for (condition, metric), rows in scores.groupby(["condition", "metric"]):
        sums = speaker_sums(rows, system="pipeline")
        wanted = [Contrast((0, i)) for i in range(len(sums.systems))]
        for pipeline, interval in zip(sums.systems, intervals(sums, wanted, resampling),
                                      strict=True):
            shown = on_scale(interval, facts[str(metric)].bounds)
            bounds[pipeline, str(condition), str(metric)] = shown.low, shown.high
    bounds |= _trial_intervals(run, resampling)
    give_back()
    return {key: ends for key, ends in bounds.items() if np.isfinite(ends).all()}


def _trial_intervals(run: RunFolder, resampling: Resampling) -> dict[Key, tuple[float, float]]:
    trials = run.trials()
    if trials.empty:
        return {}
    people = run.utterances()
    known = people.dropna(subset="speaker_id")
    speakers = dict(zip(known["utterance_id"], known["speaker_id"], strict=True))
    draws = replace(resampling, draws=min(resampling.draws, TRIAL_DRAWS))
    bounds: dict[Key, tuple[float, float]] = {}
    for (pipeline, condition), rows in trials.groupby(["pipeline", "condition"]):
        rates = detection_intervals(sorted_trials(rows, speakers), resampling=draws)
        bounds |= {(str(pipeline), str(condition), metric): (rate.low, rate.high)
                   for metric, rate in rates.items()}
    return bounds


def group_reports(run: RunFolder, by: Sequence[Sequence[str]], *, metric: str | None = None,
                  pipeline: str | None = None, condition: str | None = None,
                  seed: int = 0, allowed: Collection[str] = ()) -> list[GroupReport]:
    """One report for every pipeline that has ``metric`` (or the one named) and every set of
    crossed columns in ``by``; ``metric`` None is the run's most important one, ``allowed`` are
    columns although they are outcomes. Raises ConfigError where the run has no such metric, and as
    group_table does."""
    scores, utterances, facts = run.scores(), run.utterances(), run.record().metrics
    metric = metric or usual(scores, facts)
    measured = _pipelines(scores, metric)
    names = [pipeline] if pipeline is not None else measured
    return [group_table(scores, utterances, columns, metric=metric, fact=facts[metric],
                        pipeline=name, condition=condition, resampling=Resampling(seed=seed),
                        allowed=allowed)
            for name in names for columns in by]


def verification_reports(run: RunFolder, by: Sequence[Sequence[str]], *,
                         pipeline: str | None = None, condition: str | None = None,
                         threshold: float | RunFolder | None = None,
                         draws: int = FEWER_DRAWS.draws, seed: int = 0,
                         allowed: Collection[str] = ()) -> list[VerificationReport]:
    """One report for every pipeline and condition that has trials (or the ones named) and every
    set of crossed columns in ``by``, at the ``threshold``, that of the equal error rate in another
    run, or else in this one; ``allowed`` are columns although they are outcomes. Raises
    ConfigError where there are no such trials, and as verification_table does."""
    metrics = run.record().metrics
    for columns in by:
        refuse_outcomes(columns, metrics, allowed)
    trials, utterances = run.trials(), run.utterances()
    if trials["score"].isna().all():
        raise ConfigError(f"{run.path}: no trials of speaker verification have a score; give a "
                          "pipeline an encoder, and the corpus speakers with two utterances")
    trials = of_cells(trials, "trials", pipeline, condition)
    times = dict(iter(run.times().groupby(["pipeline", "condition"])))
    return [verification_table(
        rows, utterances, columns, resampling=Resampling(draws, seed), times=times.get(cell),
        threshold=(_threshold_in(threshold, *map(str, cell)) if isinstance(threshold, RunFolder)
                   else threshold))
            for cell, rows in trials.groupby(["pipeline", "condition"]) for columns in by]


def _threshold_in(run: RunFolder, pipeline: str, condition: str) -> float:
    """The threshold of the equal error rate of that pipeline in another run: under that condition,
    or the only one that there is. Raises ConfigError where there is none."""
    known = {score.condition: score.threshold for score in run.summary().trials
             if score.metric == "eer" and score.pipeline == pipeline
             and math.isfinite(score.threshold)}
    if condition in known or len(known) == 1:
        return known.get(condition, next(iter(known.values())))
    names = sorted({score.pipeline for score in run.summary().trials})
    raise ConfigError(f"{run.path}: has no threshold of {pipeline!r} under {condition!r}; "
                      f"{offer(pipeline, names, 'there are trials of')}")


def compare_pipelines(run: RunFolder, *, metric: str | None = None, condition: str | None = None,
                      seed: int = 0) -> list[SystemComparison]:
    """Every two pipelines of the run that have ``metric``, or else the most important one that two
    have, under one condition, which may be left out where there is one. McNemar's test is for
    metrics that count errors, and matched pairs for the one whose errors are those of the
    alignments that the run has stored.

    Raises ConfigError for a metric or condition that there is not."""
    scores, facts = run.scores(), run.record().metrics
    condition = condition or _only_condition(scores)
    metric = metric or usual_metric(scores, facts, pipelines=2) or usual(scores, facts)
    names, fact = _pipelines(scores, metric), facts.get(metric)
    if fact is None:
        raise ConfigError(f"{run.path}: run.json does not define {metric!r}")
    rows = {name: select(scores, metric, name, condition) for name in names}
    stored = _alignments(run, condition)
    aligned = all(_counts_errors_of(stored.get(name, {}), rows[name]) for name in names)
    return [compare_systems(rows[a], rows[b], (a, b), fact=fact,
                            alignments=(stored[a], stored[b]) if aligned else None,
                            resampling=Resampling(seed=seed))
            for a, b in combinations(names, 2)]


def _alignments(run: RunFolder, condition: str) -> dict[str, dict[str, str]]:
    """By pipeline and utterance the JSON of evalkit.core.alignment."""
    outputs = run.outputs().query("condition == @condition").dropna(subset="alignment")
    return {str(name): dict(zip(table["utterance_id"], table["alignment"], strict=True))
            for name, table in outputs.groupby("pipeline")}


def _counts_errors_of(alignments: Mapping[str, str], rows: pd.DataFrame) -> bool:
    """Whether the amounts of a metric's rows are the numbers of errors in ``alignments``."""
    measured = rows[rows["error"].isna()]
    return all(utterance in alignments
               and Alignment.from_json(alignments[utterance]).edits.errors == amount
               for utterance, amount in zip(measured["utterance_id"], measured["amount"],
                                            strict=True))


def usual(scores: pd.DataFrame, facts: Mapping[str, Fact]) -> str:
    """The metric that is taken where none is named. Raises ConfigError where there is none."""
    metric = usual_metric(scores, facts)
    if metric is None:
        raise ConfigError("the run has no metric that is a sum over utterances and has a better "
                          "side, which groups or pipelines could be compared by")
    return metric


def _pipelines(scores: pd.DataFrame, metric: str) -> list[str]:
    names = scores.loc[scores["metric"] == metric, "pipeline"].unique().tolist()
    if not names:
        present = sorted(scores["metric"].unique())
        raise ConfigError(f"no metric {metric!r} in this run; {offer(metric, present)}")
    return sorted(names)


def _only_condition(scores: pd.DataFrame) -> str:
    names = sorted(scores["condition"].unique())
    if len(names) > 1:
        raise ConfigError("condition: the run has several, and they are not added up; name one of "
                          f"{', '.join(names)}")
    return str(names[0])
