"""What a discovery of cohorts gives: its findings, and what lies beside them in the run folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pandas as pd
import pyarrow as pa

from evalkit.cohorts.finder import Rule
from evalkit.core.text import count, number, p_value, span
from evalkit.core.types import Fact
from evalkit.store.documents.findings import Finding, Findings, Verdict
from evalkit.store.runfolder import COHORT_SPEAKERS, COHORTS, FINDINGS, RunFolder
from evalkit.store.sealed import GROUP, seal, write_table, write_tables


@dataclass(frozen=True)
class Discovery:
    """``findings`` is findings.json; the frozen ``rules`` are by finder, ``members`` has columns
    utterance_id, finder, cohort, and ``speakers`` a row each with half, sums, place and
    projection."""

    findings: Findings
    rules: Mapping[str, Rule]
    members: pd.DataFrame
    speakers: pd.DataFrame


def write_discovery(run: RunFolder, discovery: Discovery) -> Findings:
    """Writes cohorts.parquet, cohort_speakers.parquet and, last, findings.json, which it returns,
    into the run folder."""
    write_tables(run.path / COHORTS, *_in_parts(discovery.members))
    write_table(run.path / COHORT_SPEAKERS,
                pa.Table.from_pandas(discovery.speakers, preserve_index=False))
    findings = discovery.findings.model_copy(update={"run": run.digest(), "tables": {
        name: seal(run.path / name) for name in (COHORTS, COHORT_SPEAKERS)}})
    findings.write(run.path / FINDINGS)
    return findings


def _in_parts(members: pd.DataFrame) -> tuple[Iterator[pa.Table], pa.Schema]:
    """The rows as texts, some at a time: they are many, and of few names."""
    parts = (members.iloc[start:start + GROUP].astype(str)
             for start in range(0, len(members), GROUP))
    schema = pa.Schema.from_pandas(members.iloc[:0].astype(str), preserve_index=False)
    return (pa.Table.from_pandas(part, schema, preserve_index=False) for part in parts), schema


def describe(findings: Findings) -> tuple[list[str], list[list[str]]]:
    """Column names and rows for the terminal: every cohort that was tested, its gap where it was
    discovered, what chance finds, its gap on fresh speakers, and the verdict."""
    unit = findings.fact.difference_unit
    columns = ["finder", "cohort", "who", "speakers", f"gap found {unit}".strip(), "by chance",
               f"gap confirmed {unit}".strip(), "interval", "p", "verdict"]
    fact = replace(findings.fact, decimals=min(findings.fact.decimals, 1))
    rows = [row for finding in findings.finders for row in _lines(finding, fact)]
    return columns, rows


def searched(findings: Findings) -> str:
    """Such as "accent (8 labels), age (4 labels)": the columns of metadata that were searched."""
    return ", ".join(f"{name} ({count(len(labels), 'label')})"
                     for name, labels in findings.columns.items()) or "no column of metadata"


def _lines(finding: Finding, fact: Fact) -> list[list[str]]:
    chance = f"{number(finding.chance.low, fact)} to {number(finding.chance.high, fact)}"
    if not finding.verdicts:
        return [[finding.finder, "–", "–", "–", "–", chance, "–", "–", "–", finding.status]]
    return [[finding.finder, verdict.cohort, _who(verdict),
             f"{100 * finding.cohort(verdict.cohort).confirmation.share:.0f} %",
             number(verdict.discovered_gap, fact), "" if i else chance, *_tested(verdict, fact),
             verdict.status] for i, verdict in enumerate(finding.verdicts)]


def _tested(verdict: Verdict, fact: Fact) -> list[str]:
    """The gap on fresh speakers, its interval and p-value."""
    gap = verdict.gap
    if gap is None:
        return ["–"] * 3
    return [number(gap.value, fact), span(gap.low, gap.high, fact) or "–",
            p_value(verdict.p_adjusted)]


def _who(verdict: Verdict) -> str:
    """Such as "Scottish 83 %": the first trait, unless the cohort is named by it."""
    named = (f"{trait.label} {100 * trait.share:.0f} %" for trait in verdict.who
             if trait.label not in verdict.cohort)
    return next(named, "–")
