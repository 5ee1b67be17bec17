"""The gains of a run's enhancers: over which pipeline, under which conditions, by which groups.

The baseline of a pipeline with an enhancer is the first of the run that has the same recognizer and
the same speaker encoder, to the byte, and no enhancer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from evalkit.core.errors import ConfigError
from evalkit.core.ledger import LeftOut
from evalkit.core.names import listed, offer
from evalkit.statistics.bootstrap import Resampling
from evalkit.statistics.gains import GainReport, Rule, gain_tables
from evalkit.statistics.groups import labelled, outcome_notes, select
from evalkit.statistics.run_statistics import usual
from evalkit.store.documents.run import UNCHANGED, Pipeline, RunRecord, System
from evalkit.store.runfolder import RunFolder

NO_BASELINE = "no pipeline has the same recognizer and encoder and no enhancer"


def baselines(pipelines: Mapping[str, Pipeline]) -> dict[str, str | None]:
    """By the name of every pipeline with an enhancer that of its baseline, None where there is
    none."""
    plain = {_ears(pipeline): name for name, pipeline in reversed(list(pipelines.items()))
             if pipeline.enhancer is None}
    return {name: plain.get(_ears(pipeline)) for name, pipeline in pipelines.items()
            if pipeline.enhancer is not None}


def _ears(pipeline: Pipeline) -> tuple[tuple[str, str] | None, ...]:
    """What listens behind the enhancer."""
    def named(system: System | None) -> tuple[str, str] | None:
        return None if system is None else (system.name, system.identity)

    return named(pipeline.recognizer), named(pipeline.encoder)


def common_conditions(rows: pd.DataFrame, record: RunRecord, enhanced: str, baseline: str
                      ) -> tuple[list[str], list[LeftOut]]:
    """The conditions under which both pipelines have ``rows`` of one metric, in the order of the
    run, and those under which one alone has."""
    having = {name: set(rows.loc[rows["pipeline"] == name, "condition"])
              for name in (enhanced, baseline)}
    common, lost = [], []
    for condition in record.conditions:
        lacking = [name for name in having if condition not in having[name]]
        if not lacking:
            common.append(condition)
        elif len(lacking) == 1:
            lost.append(LeftOut(
                "metric", f"gains of {enhanced} over {baseline}, {condition}",
                _why_not(record, lacking[0], condition), names=(str(rows["metric"].iloc[0]),)))
    return common, lost


def _why_not(record: RunRecord, pipeline: str, condition: str) -> str:
    unheard = (record.conditions[condition].identity == UNCHANGED
               and record.pipelines[pipeline].enhancer is None)
    return (f"nothing changed the audio of {pipeline}, so that it was not measured there"
            if unheard else f"{pipeline} has no value of it there")


def gain_reports(run: RunFolder, by: Sequence[Sequence[str]], *, over: str | None = None,
                 metric: str | None = None, pipeline: str | None = None,
                 condition: str | None = None, seed: int = 0, allowed: Collection[str] = ()
                 ) -> list[GainReport]:
    """One report for every pipeline with an enhancer (or the one named) and every set of crossed
    columns in ``by``, over its baseline, or the pipeline ``over``; ``metric`` None is the run's
    most important one, ``condition`` None pools those under which both have it. Raises ConfigError
    where there is no such pipeline, metric or condition, and as gain_tables does."""
    scores, record, utterances = run.scores(), run.record(), run.utterances()
    metric = metric or usual(scores, record.metrics)
    pairs, without = _pairs(record, over, pipeline)
    reports = []
    for enhanced, baseline in pairs:
        rows = pd.concat([select(scores, metric, name, None) for name in (enhanced, baseline)])
        common, lost = common_conditions(rows, record, enhanced, baseline)
        rows = rows[rows["condition"].isin(_asked(condition, common, lost))]
        base, after = (rows[rows["pipeline"] == name] for name in (baseline, enhanced))
        notes = noted_outcomes(after, utterances, by, allowed)
        rule = Rule(record.metrics[metric], resampling=Resampling(seed=seed))
        reports += [replace(report, warnings=[*report.warnings, *notes[report.by]],
                            left_out=[*report.left_out, *lost, *without])
                    for report in gain_tables(base, after, utterances, by, rule)]
    return reports


def noted_outcomes(rows: pd.DataFrame, utterances: pd.DataFrame, by: Sequence[Sequence[str]],
                   allowed: Collection[str]) -> dict[tuple[str, ...], list[str]]:
    """What to know of columns that are outcomes and ``allowed``. Raises ConfigError for
    another."""
    return {tuple(columns): outcome_notes(
        labelled(rows, utterances, columns), [c for c in columns if c in utterances],
        rows["metric"], allowed) for columns in by}


def _asked(condition: str | None, common: list[str], lost: list[LeftOut]) -> list[str]:
    """The ``common`` conditions, or the one that is named. Raises ConfigError where there are none,
    with why they are ``lost``."""
    if (common if condition is None else condition in common):
        return common if condition is None else [condition]
    why = "".join(f"; {item}" for item in lost)
    raise ConfigError(f"{offer(condition or '', common, 'conditions that can be compared:')}{why}")


def _pairs(record: RunRecord, over: str | None, pipeline: str | None
           ) -> tuple[list[tuple[str, str]], list[LeftOut]]:
    """Pipelines and what they are compared with, and those that are compared with nothing. Raises
    ConfigError where that is all."""
    for name in (over, pipeline):
        if name is not None and name not in record.pipelines:
            raise ConfigError(f"no pipeline {name!r}; {offer(name, record.pipelines)}")
    found = baselines(record.pipelines)
    names = list(found) if pipeline is None else [pipeline]
    pairs = {name: over or found.get(name) for name in names if name != over}
    if not pairs:
        raise ConfigError("no pipeline of the run has an enhancer, whose gain could be measured; "
                          "--pipeline names another one than --gain-over")
    without = without_baseline(pairs)
    if len(without) == len(pairs):
        raise ConfigError(f"{listed(pairs)}: {NO_BASELINE}; name one by --gain-over")
    return [(name, baseline) for name, baseline in pairs.items() if baseline], without


def without_baseline(pairs: Mapping[str, str | None]) -> list[LeftOut]:
    """The pipelines whose baseline is None."""
    return [LeftOut("pipeline", "gains", NO_BASELINE, names=(name,))
            for name, baseline in pairs.items() if baseline is None]
