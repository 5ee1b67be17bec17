"""What the finders concluded, as findings.json, tables and lines for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, get_args

import pandas as pd
import pyarrow as pa

from evalkit.cohorts.finder import Rule
from evalkit.cohorts.traits import Trait
from evalkit.core.text import number
from evalkit.core.types import Fact
from evalkit.statistics.bootstrap import Interval
from evalkit.statistics.groups import plain_data
from evalkit.store.runfolder import RunFolder, write_json, write_table

SCHEMA_VERSION = 1
"""Of findings.json. A change that an older reader would misread adds one."""

Status = Literal["confirmed", "not confirmed", "insufficient", "nothing found"]
STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True)
class OnHalf:
    """A cohort on one half of the speakers. ``share`` is of that half's speakers;
    ``sufficient`` whether it reaches the floors."""

    value: Interval
    n: int
    n_failed: int
    n_speakers: int
    share: float
    weight: float
    sufficient: bool


@dataclass(frozen=True)
class Cohort:
    """A cohort where it was found and on fresh speakers."""

    name: str
    discovery: OnHalf
    confirmation: OnHalf


@dataclass(frozen=True)
class Chance:
    """The gap of a finder's first candidate, 0 where there is none, and quantiles (2.5 %,
    50 %, 97.5 %) and p-value of what ``shuffles`` searches in shuffled outcomes found."""

    gap: float
    shuffles: int
    low: float
    median: float
    high: float
    p_value: float


@dataclass(frozen=True)
class Verdict:
    """A cohort put to the test: by how much its rate is worse than that of the speakers in no
    cohort tested before it, where it was found and on fresh speakers, there also relative to
    their rate; one-sided p-value, and adjusted for all that was tested. ``who`` describes its
    units on both halves, after the fact: no finder but those of labels has read them."""

    cohort: str
    status: Status
    discovered_gap: float
    gap: Interval | None
    relative_gap: float
    p_value: float
    p_adjusted: float
    who: list[Trait]


@dataclass(frozen=True)
class Extremes:
    """The gap between the worst and the best cohort of the discovery half, there and between the
    same two on fresh speakers, also relative to the best one's rate."""

    worst: str
    best: str
    discovered_gap: float
    confirmed_gap: float
    discovered_relative_gap: float
    confirmed_relative_gap: float


@dataclass(frozen=True)
class Finding:
    """What one finder concluded. ``regions`` is a GeoJSON FeatureCollection, of the tree."""

    finder: str
    status: Status
    options: dict[str, Any]
    rule: dict[str, Any]
    chance: Chance
    verdicts: list[Verdict]
    extremes: Extremes | None
    cohorts: list[Cohort]
    regions: dict[str, Any] | None = None


@dataclass(frozen=True)
class Findings:
    """What all finders concluded together. A gap is positive where a cohort is worse, whichever
    direction of the metric is better. ``skipped`` says why finders could not work.

    Not in findings.json: the frozen ``rules`` by finder, ``members`` (utterance_id, finder,
    cohort) and ``speakers``, one row each with half, sums, place and projection."""

    n_discovery: int
    n_confirmation: int
    overall: OnHalf
    level: float
    seed: int
    finders: list[Finding]
    skipped: dict[str, str]
    warnings: list[str]
    rules: Mapping[str, Rule]
    members: pd.DataFrame
    speakers: pd.DataFrame
    metric: str = ""
    fact: Fact = field(default_factory=lambda: Fact("", False, ""))
    pipeline: str = ""
    condition: str | None = None

    def about(self, metric: str, fact: Fact, pipeline: str, condition: str | None) -> Findings:
        """The same, with what was measured."""
        return replace(self, metric=metric, fact=fact, pipeline=pipeline, condition=condition)

    def to_dict(self) -> dict[str, Any]:
        """The content of findings.json; an undefined number is None."""
        apart = {"rules", "members", "speakers"}
        return {"schema": SCHEMA_VERSION} | {
            f.name: plain_data(getattr(self, f.name)) for f in fields(self) if f.name not in apart}


def write_findings(run: RunFolder, findings: Findings) -> None:
    """Writes findings.json, cohorts.parquet and cohort_speakers.parquet into the run folder."""
    for name, table in (("cohorts", findings.members), ("cohort_speakers", findings.speakers)):
        write_table(run.path / f"{name}.parquet", pa.Table.from_pandas(table, preserve_index=False))
    write_json(run.path / "findings.json", findings.to_dict())


def describe(findings: Findings) -> tuple[list[str], list[list[str]]]:
    """Column names and rows for the terminal: every cohort that was tested, its gap where it was
    found, what chance finds, its gap on fresh speakers, and the verdict."""
    unit = f" {findings.fact.unit}" if findings.fact.unit else ""
    columns = ["finder", "cohort", "who", "speakers", f"gap found{unit}", "by chance",
               f"gap confirmed{unit}", "interval", "p", "verdict"]
    rows = [row for finding in findings.finders for row in _lines(finding, findings.fact)]
    return columns, rows


def _lines(finding: Finding, fact: Fact) -> list[list[str]]:
    share = {cohort.name: f"{100 * cohort.confirmation.share:.0f} %" for cohort in finding.cohorts}
    chance = f"{_shown(finding.chance.median, fact)} to {_shown(finding.chance.high, fact)}"
    if not finding.verdicts:
        return [[finding.finder, "–", "–", "–", "–", chance, "–", "–", "–", finding.status]]
    rows = []
    for i, verdict in enumerate(finding.verdicts):
        gap = verdict.gap
        interval = f"{_shown(gap.low, fact)} to {_shown(gap.high, fact)}" if gap else "–"
        rows.append([finding.finder, verdict.cohort, _who(verdict), share[verdict.cohort],
                     _shown(verdict.discovered_gap, fact), "" if i else chance,
                     _shown(gap.value, fact) if gap else "–", interval,
                     f"{verdict.p_adjusted:.4f}" if gap else "–", verdict.status])
    return rows


def _who(verdict: Verdict) -> str:
    """Such as "Scottish 83 %": the first trait, unless the cohort is named by it."""
    named = (f"{trait.label} {100 * trait.share:.0f} %" for trait in verdict.who
             if trait.label not in verdict.cohort)
    return next(named, "–")


def _shown(value: float, fact: Fact) -> str:
    return number(value, replace(fact, decimals=min(fact.decimals, 1)))
