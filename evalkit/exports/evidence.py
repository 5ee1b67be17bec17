"""What a run says of one of its pipelines: the one source of every document that is handed on.

Nothing is computed here: values are those of ``summary.json``, intervals those of the page, groups
those of ``evalkit groups``, cohorts those of ``findings.json``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePath

import pandas as pd

from evalkit.core.errors import ConfigError
from evalkit.core.ledger import LeftOut, merged
from evalkit.core.names import offer
from evalkit.core.types import Fact
from evalkit.exports.cells import Cell, of_group, of_trials, of_value
from evalkit.report.reported import ReportedRun
from evalkit.statistics.grouping import grouped
from evalkit.statistics.groups import GroupReport
from evalkit.statistics.run_statistics import group_reports, verification_reports
from evalkit.statistics.verification import VerificationReport
from evalkit.store.documents.findings import Findings
from evalkit.store.documents.run import Efficiency, Failure, Pipeline, RunRecord
from evalkit.store.runfolder import RunFolder


@dataclass(frozen=True)
class Asked:
    """What a document is to be of. ``pipeline`` may be None where the run has one; ``by`` are
    metadata columns, none for those of the page; ``title`` is what the system is called, the
    pipeline's name where it is empty; ``allowed`` are columns although they are outcomes."""

    run: Path
    pipeline: str | None = None
    by: Sequence[str] = ()
    title: str = ""
    seed: int = 0
    allowed: Sequence[str] = ()


@dataclass(frozen=True)
class Evidence:
    """``overall`` are the scores of everybody, ``groups`` the most important one (and the equal
    error rate, where there are trials) of every group, under each condition.
    ``findings`` are None where nobody looked for cohorts of this pipeline. ``notes`` are what to
    know of the values, ``withheld`` what is not said since it would say too much of few people;
    ``ids`` are those of speakers and utterances, and stems of the names of recordings; ``labels``
    has a row an utterance: ``who`` speaks, and the group by each of ``columns``."""

    name: str
    pipeline: str
    parts: Pipeline
    record: RunRecord
    facts: dict[str, Fact]
    overall: list[Cell]
    groups: list[Cell]
    findings: Findings | None
    efficiency: list[Efficiency]
    left_out: list[LeftOut]
    notes: list[str]
    ids: frozenset[str]
    labels: pd.DataFrame
    withheld: str = ""

    @property
    def conditions(self) -> list[str]:
        """Those under which anything was measured."""
        return list(dict.fromkeys(cell.condition for cell in self.overall))

    @property
    def columns(self) -> list[str]:
        """Those of the groups."""
        return list(dict.fromkeys(cell.by for cell in self.groups))

    @property
    def shown_facts(self) -> dict[str, Fact]:
        """Of the metrics that are shown."""
        return {name: self.facts[name]
                for name in dict.fromkeys(c.metric for c in (*self.overall, *self.groups))}


def evidence(asked: Asked) -> Evidence:
    """Reads the run. Raises RunError where it cannot be read, ConfigError for a pipeline or a
    column that there is not, and for several pipelines and none named."""
    folder = RunFolder(asked.run)
    run = ReportedRun(folder, folder.path, allowed=asked.allowed)
    record, pipeline = run.record, _pipeline(run.record, asked.pipeline)
    facts = {name: fact for name, fact in record.metrics.items() if fact.is_headline}
    columns = [column.split(",") for column in asked.by] or _usual_columns(run)
    reports = list(_reports(run, columns, asked, pipeline))
    of_reports = chain.from_iterable(report.left_out for report in reports)
    return Evidence(
        asked.title or pipeline, pipeline, record.pipelines[pipeline], record, facts,
        _overall(run, pipeline, facts), list(chain.from_iterable(map(_cells, reports))),
        run.findings if run.findings and run.findings.pipeline == pipeline else None,
        [each for each in run.summary.efficiency if each.pipeline == pipeline],
        merged([*_of_run(run, pipeline), *_unused(run, asked), *of_reports]),
        list(dict.fromkeys(chain.from_iterable(report.warnings for report in reports))),
        _ids(run.utterances), _labels(run.utterances, columns))


def _overall(run: ReportedRun, pipeline: str, facts: Collection[str]) -> list[Cell]:
    return [of_value(row) for row in run.headline.rows
            if row.pipeline == pipeline and row.metric in facts]


def _pipeline(record: RunRecord, named: str | None) -> str:
    names = list(record.pipelines)
    if named is None and len(names) > 1:
        raise ConfigError(f"several pipelines: name one of {', '.join(names)} with --pipeline")
    if named is not None and named not in names:
        raise ConfigError(f"--pipeline {named}: {offer(named, names)}")
    return named or names[0]


def _ids(utterances: pd.DataFrame) -> frozenset[str]:
    stems = (PurePath(name).stem for name in utterances["audio"].dropna().astype(str))
    return frozenset([*utterances["utterance_id"], *utterances["speaker_id"].dropna(), *stems])


def _labels(utterances: pd.DataFrame, columns: list[list[str]]) -> pd.DataFrame:
    """Who speaks an utterance, itself where nobody knows, and in which groups they are."""
    groups = {", ".join(by): pd.concat([grouped(utterances, column) for column in by], axis=1).agg(
        ", ".join, axis=1) for by in columns}
    who = utterances["speaker_id"].fillna(utterances["utterance_id"])
    return pd.DataFrame({**groups, "who": who}).set_axis(utterances["utterance_id"])


def _usual_columns(run: ReportedRun) -> list[list[str]]:
    """Those of the page, its own first."""
    if run.column is None:
        return []
    return [[name] for name in run.columns.names] if run.scored_metrics else [[run.column]]


def _reports(run: ReportedRun, columns: list[list[str]], asked: Asked, pipeline: str
             ) -> Iterator[GroupReport | VerificationReport]:
    """Of the most important score under every condition, by all columns; then of trials, by the
    first."""
    metric = next(iter(run.scored_metrics), "")
    scored = {row.condition for row in run.headline.rows
              if row.pipeline == pipeline and row.metric == metric}
    for condition in (name for name in run.headline.conditions if name in scored):
        yield from group_reports(run.folder, columns, metric=metric, pipeline=pipeline,
                                 condition=condition, seed=asked.seed, allowed=asked.allowed)
    trials = run.folder.trials()
    if columns and trials.loc[trials["pipeline"] == pipeline, "score"].notna().any():
        yield from verification_reports(run.folder, columns[:1], pipeline=pipeline, seed=asked.seed,
                                        allowed=asked.allowed)


def _cells(report: GroupReport | VerificationReport) -> Iterator[Cell]:
    if isinstance(report, GroupReport):
        yield from (of_group(report, row) for row in report.rows)
    else:
        yield from (of_trials(report, row) for row in report.rows)


def _of_run(run: ReportedRun, pipeline: str) -> Iterator[LeftOut]:
    """What took no part in the run, failed with the pipeline, or is not of it."""
    yield from run.record.left_out
    yield from (_failed(failure) for failure in run.summary.failures
                if failure.pipeline == pipeline)
    yield from run.folder.stale()
    if run.findings is not None and run.findings.pipeline != pipeline:
        yield LeftOut("document", "cohorts", f"is of the pipeline {run.findings.pipeline}",
                      names=("findings.json",))


def _unused(run: ReportedRun, asked: Asked) -> list[LeftOut]:
    """Columns that nobody asked for and that are not grouped by."""
    return [] if asked.by or run.column is None or not run.scored_metrics else run.columns.left_out


def _failed(failure: Failure) -> LeftOut:
    """A failure as a record of the ledger."""
    return LeftOut("trial" if "eer" in failure.metrics else "utterance",
                   f"{', '.join(failure.metrics)} of {failure.pipeline}, {failure.condition}",
                   failure.why, failure.n, tuple(failure.names))

