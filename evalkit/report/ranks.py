"""Which system is best, of all pipelines of a run and of the runs beside it: over all conditions,
for everybody and for each group of the page's column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from evalkit.core.ledger import NAMED, LeftOut
from evalkit.core.types import Fact
from evalkit.report.reported import ReportedRun
from evalkit.report.run_names import run_names, system_names
from evalkit.statistics.groups import FLOORS, counted, labelled
from evalkit.statistics.ranks import Ranking, rankings
from evalkit.statistics.sums import speaker_sums
from evalkit.store.runfolder import RunFolder

MANY = 4
"""Of fewer systems the pairs say as much."""
WHERE = "ranks of systems"


@dataclass(frozen=True)
class Ranks:
    """The systems by one metric, which ``title`` and ``fact`` describe, on the ``n`` measurements
    of each that all of them have a value of. ``groups`` are those of ``column`` that are large
    enough, whose ranks hold together; none without a column."""

    title: str
    fact: Fact
    column: str
    n: int
    everybody: Ranking
    groups: list[Ranking]
    left_out: list[LeftOut]


def ranks_of(run: ReportedRun) -> Ranks | None:
    """By the most important metric that has scores; None of fewer than MANY systems, or where no
    utterance has a value of all."""
    if not run.scored_metrics:
        return None
    metric = run.scored_metrics[0]
    rows = systems_of([*run.earlier, run.folder], metric)
    if rows["system"].nunique() < MANY:
        return None
    common, lost = in_all(rows)
    count = common["system"].nunique()
    if count < MANY:
        return None
    fact, column = run.headline.facts[metric], run.column or ""
    everybody, = rankings(speaker_sums(common, system="system"), fact.worse)
    groups, few = _by_group(common, run, column, fact) if column else ([], [])
    return Ranks(fact.named(metric), fact, column, len(common) // count, everybody, groups,
                 [*lost, *few])


def apart(run: ReportedRun) -> int:
    """How many systems have values but none of an utterance that all have one of; 0 where they can
    be ranked, or are fewer than MANY."""
    if not run.scored_metrics:
        return 0
    rows = systems_of([*run.earlier, run.folder], run.scored_metrics[0])
    n = int(rows.loc[rows["error"].isna(), "system"].nunique())
    return n if n >= MANY and in_all(rows)[0].empty else 0


def systems_of(runs: Sequence[RunFolder], metric: str) -> pd.DataFrame:
    """The scores of one metric of all runs, with the ``system`` that each row is of: the pipeline,
    with its run's name where that is needed to tell it from others."""
    names = run_names([run.path for run in runs])
    tables = [(name, run.scores()) for name, run in zip(names, runs, strict=True)]
    parts = [(name, scores[scores["metric"] == metric]) for name, scores in tables]
    known = [(name, pipeline) for name, part in parts for pipeline in part["pipeline"].unique()]
    called = system_names(known)
    return pd.concat([part.assign(system=part["pipeline"].astype(object).map(
        {pipeline: system for (run, pipeline), system in called.items() if run == name}))
                      for name, part in parts], ignore_index=True)


def in_all(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[LeftOut]]:
    """The rows of the systems that have any value, on the utterances and conditions that all of
    them have one of; and what is left out."""
    measured = rows[rows["error"].isna()]
    silent = sorted(set(rows["system"]) - set(measured["system"]))
    cell = measured.groupby(["condition", "utterance_id"])["system"]
    complete = cell.transform("nunique") == measured["system"].nunique()
    names = measured.loc[~complete, "utterance_id"].unique()
    lost = [LeftOut("pipeline", WHERE, "no value", names=(name,)) for name in silent]
    if len(names):
        lost.append(LeftOut("utterance", WHERE, "not every system has a value", len(names),
                            tuple(map(str, names[:NAMED]))))
    return measured[complete], lost


def _by_group(rows: pd.DataFrame, run: ReportedRun, column: str, fact: Fact
              ) -> tuple[list[Ranking], list[LeftOut]]:
    """The ranking of every group that is large enough, in the order of their labels."""
    known = labelled(rows, run.utterances, [column])
    status = counted(known[known["system"] == known["system"].iloc[0]], FLOORS)["status"]
    ok = [name for name, each in status.items() if each == "ok"]
    lost = list(_too_few(status))
    if not ok:
        return [], lost
    sums = speaker_sums(known[known["group"].isin(ok)], cohort="group", system="system")
    return rankings(sums, fact.worse), lost


def _too_few(status: pd.Series) -> Iterator[LeftOut]:
    reasons = {"insufficient": f"{FLOORS}", "unknown": "no label"}
    for name, each in status.items():
        if each in reasons:
            yield LeftOut("group", WHERE, reasons[each], names=(str(name),))
