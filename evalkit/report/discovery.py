"""Cohorts that finders discovered on half of the speakers, put to the test on the other half."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
from markupsafe import Markup

from evalkit.core.types import Fact, Interval
from evalkit.report.cohort_figures import column_of, people_figures, ranking
from evalkit.report.cohort_words import found_among, labelled, plainly
from evalkit.report.table import Cell, Column, Row, Table, counted, measured, p_value, texts
from evalkit.store.documents.findings import Cohort, Feature, Finding, Findings, Verdict
from evalkit.store.runfolder import COHORTS, RunFolder
from evalkit.store.scores import read_columns
from evalkit.store.sealed import GROUP, readable

MARKS = {"confirmed": "●", "not confirmed": "◇", "too few fresh speakers": "○",
         "insufficient": "○", "nothing found": "–"}


@dataclass(frozen=True)
class Discovery:
    """What the page says of the cohorts. ``regions`` are what the maps show, one table a finder
    of places that divided them. A figure has a title and a note."""

    findings: Findings
    verdicts: Table
    regions: list[Table]
    figures: list[tuple[str, str, Markup]]

    @property
    def confirmed(self) -> list[Verdict]:
        """The verdicts that fresh speakers confirmed, the widest gap first; after those on
        speakers those on utterances, which may be of a room and not of a person."""
        ranked = [(finding.unit == "utterance", -verdict.gap.value, verdict)
                  for finding in self.findings.finders for verdict in finding.verdicts
                  if verdict.status == "confirmed" and verdict.gap is not None]
        return [verdict for *_, verdict in sorted(ranked, key=lambda entry: entry[:2])]

    @property
    def confirmed_table(self) -> Table:
        """The rows of ``verdicts`` that fresh speakers confirmed."""
        return replace(self.verdicts.where(lambda row: row.cells["verdict"].text == "confirmed"),
                       caption="Cohorts that fresh speakers confirmed")

    @property
    def tested(self) -> int:
        """How many cohorts could be put to the test."""
        return sum(verdict.gap is not None for finding in self.findings.finders
                   for verdict in finding.verdicts)

    @property
    def too_few(self) -> int:
        """How many had too few fresh speakers for that."""
        return sum(verdict.status == "too few fresh speakers" for finding in self.findings.finders
                   for verdict in finding.verdicts)

    @property
    def nothing(self) -> list[str]:
        """The finders that found nothing to test."""
        return [finding.finder for finding in self.findings.finders if not finding.verdicts]


def discovery(run: RunFolder, findings: Findings) -> Discovery:
    """What the page shows of the run's ``findings``."""
    fact, people = findings.fact, people_of(run, findings)
    mapped = {finding.finder: ordered_regions(finding, fact) for finding in findings.finders
              if finding.regions}
    figures = [*ranking(findings.finders, fact), *people_figures(people, mapped, findings)]
    tables = [_regions(i, finding, mapped[finding.finder], fact) for i, finding in enumerate(
        (f for f in findings.finders if mapped.get(f.finder)), 1)]
    return Discovery(findings, _verdicts(findings, fact), tables, figures)


def people_of(run: RunFolder, findings: Findings) -> pd.DataFrame:
    """One row a speaker, with their rate and, of every finder that is mapped or projected, the
    cohort they are in first (``column_of``)."""
    people = run.cohort_speakers()
    shown = [f.finder for f in findings.finders if f.regions or f.projected]
    wide = _first_cohorts(run, shown).pivot(index="speaker_id", columns="finder", values="cohort")
    wide = wide.rename(columns=column_of)
    people = people.join(wide, on="speaker_id").sort_values("speaker_id", kind="stable")
    return people.assign(rate=people["amount"] / people["weight"].where(people["weight"] > 0))


def _first_cohorts(run: RunFolder, finders: Sequence[str]) -> pd.DataFrame:
    """The first cohort of each speaker by each of ``finders``. The table has a row for every
    utterance and finder, of which a part is in memory at a time."""
    names = ["utterance_id", "speaker_id"]
    utterances = read_columns(run.path / "utterances.parquet", names, alone=True).to_pandas()
    speaker = utterances.set_index(names[0])[names[1]]
    first = pd.DataFrame({"finder": [], "cohort": [], "speaker_id": []}, dtype=object)
    for part in _parts(run.path / COHORTS):
        own = part[part["finder"].isin(finders)]
        own = own.assign(speaker_id=own["utterance_id"].map(speaker)).dropna()
        first = pd.concat([first, own[list(first)]]).drop_duplicates(["speaker_id", "finder"])
    return first


def _parts(path: Path) -> Iterator[pd.DataFrame]:
    with readable(path), pq.ParquetFile(path) as file:
        for part in file.iter_batches(GROUP, columns=["utterance_id", "finder", "cohort"]):
            yield part.to_pandas()


def who(verdict: Verdict) -> str:
    """Such as "Scottish 83 % (elsewhere 9 %)": what the cohort's name does not say by itself."""
    return ", ".join(f"{labelled(trait)} {_percent(trait.share)} (elsewhere "
                     f"{_percent(trait.elsewhere)})" for trait in verdict.who
                     if trait.label not in verdict.cohort)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _verdicts(findings: Findings, fact: Fact) -> Table:
    """Every cohort that was tested, in the order in which finders tested them."""
    unit = f", {fact.difference_unit}" if fact.difference_unit else ""
    columns = [Column("finder", "Found among"), Column("cohort", "Cohort"),
               Column("verdict", "Verdict"),
               Column("n_speakers", "Speakers, discovery + fresh", "number"),
               Column("discovered_gap", f"Gap on discovery{unit}", "number"),
               Column("chance", f"By chance alone{unit}", "number"),
               Column("gap", f"Gap on fresh speakers{unit}", "number"),
               Column("p", "p (adjusted)", "number"), Column("who", "Who is in it")]
    return Table("cohorts", "Cohorts that were discovered, and whether fresh speakers confirm them",
                 columns, [Row(_verdict(finding, verdict, fact), f"finding-{i}-{j}")
                           for i, finding in enumerate(findings.finders, 1)
                           for j, verdict in enumerate(finding.verdicts, 1)])


def _verdict(finding: Finding, verdict: Verdict, fact: Fact) -> dict[str, Cell]:
    chance = finding.chance
    among = found_among(finding)
    return texts(who=who(verdict) or "–") | {
        "finder": Cell(among, finding.finder if among != finding.finder else ""),
        "cohort": Cell(plainly(verdict.cohort), verdict.cohort if verdict.cohort.startswith("band ")
                       else ""),
        "verdict": status(verdict.status), "n_speakers": _sizes(finding.cohort(verdict.cohort)),
        "discovered_gap": measured(verdict.discovered_gap, fact),
        "chance": measured(chance.median, fact, chance.low, chance.high),
        "gap": interval(verdict.gap, fact, "not tested"),
        "p": p_value(verdict.p_adjusted)}


def _sizes(cohort: Cohort) -> Cell:
    """Speakers of both halves."""
    sizes = [half.n_speakers for half in (cohort.discovery, cohort.confirmation)]
    return Cell(f"{sizes[0]} + {sizes[1]}", value=sum(sizes))


def status(word: str) -> Cell:
    """A verdict in a word and a shape."""
    return Cell(word, mark=MARKS.get(word, ""))


def interval(estimate: Interval | None, fact: Fact, undefined: str = "nothing was measured"
             ) -> Cell:
    """An interval, or why there is none."""
    if estimate is None:
        return measured(math.nan, fact, undefined=undefined)
    return measured(estimate.value, fact, estimate.low, estimate.high, undefined)


def ordered_regions(finding: Finding, fact: Fact) -> list[Feature]:
    """The regions of a finding, the highest rate on fresh speakers first (the lowest, where that
    is the worst); none where it did not divide the places."""
    features = finding.regions.features if finding.regions else []

    def place(feature: Feature) -> tuple[bool, float]:
        value = feature.properties.confirmation.value.value
        return math.isnan(value), 0.0 if math.isnan(value) else -fact.worse * value
    return sorted(features, key=place) if len(features) > 1 else []


def _regions(i: int, finding: Finding, regions: Sequence[Feature], fact: Fact) -> Table:
    """What the map shows of the ``i``-th finder of places."""
    verdicts = {verdict.cohort: verdict.status for verdict in finding.verdicts}
    suffix, unit = "" if i == 1 else f"-{i}", f", {fact.unit}" if fact.unit else ""
    caption = "Regions of the map" if i == 1 else f"Regions of {finding.finder}"
    columns = [Column("number", "Number", "number"), Column("region", "Region"),
               Column("n_speakers", "Speakers, discovery + fresh", "number"),
               Column("discovery", f"On discovery{unit}", "number"),
               Column("confirmation", f"On fresh speakers{unit}", "number"),
               Column("verdict", "Verdict")]
    return Table(f"regions{suffix}", f"{caption}, the worst on fresh speakers first", columns, [
        Row(_region(n, region.properties, verdicts.get(region.properties.name), fact),
            f"region{suffix}-{n}") for n, region in enumerate(regions, 1)])


def _region(n: int, cohort: Cohort, verdict: str | None, fact: Fact) -> dict[str, Cell]:
    return {"number": counted(n), "region": Cell(cohort.name), "n_speakers": _sizes(cohort),
            "discovery": interval(cohort.discovery.value, fact),
            "confirmation": interval(cohort.confirmation.value, fact),
            "verdict": status(verdict) if verdict else Cell("not tested")}
