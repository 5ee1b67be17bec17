"""Cohorts that finders discovered on half of the speakers, put to the test on the other half."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from evalkit.core.text import number
from evalkit.core.types import Fact, Interval
from evalkit.report.cohort_figures import column_of, people_figures, ranking
from evalkit.report.listing import Cell, Line, Listing, counted, measured, p_value, plain
from evalkit.store.documents.findings import Feature, Finding, Findings, Verdict
from evalkit.store.runfolder import RunFolder

MARKS = {"confirmed": "●", "not confirmed": "◇", "insufficient": "○", "nothing found": "–"}
RANKED = ("Finder", "Cohort", "Verdict", "Speakers", "Gap found", "Chance finds",
          "Gap on fresh speakers", "p (adjusted)", "Who is in it")
PLACED = ("Number", "Region", "Speakers", "Rate where found", "Rate on fresh speakers", "Verdict")


@dataclass(frozen=True)
class Discovery:
    """What the page says of the cohorts. ``regions`` are what the maps show, one table a finder
    of places that divided them. A figure has a title and a note."""

    findings: Findings
    verdicts: Listing
    regions: list[Listing]
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
    def tested(self) -> int:
        """How many cohorts could be put to the test."""
        return sum(verdict.gap is not None for finding in self.findings.finders
                   for verdict in finding.verdicts)

    @property
    def nothing(self) -> list[str]:
        """The finders that found nothing to test."""
        return [finding.finder for finding in self.findings.finders if not finding.verdicts]


def discovery(run: RunFolder) -> Discovery | None:
    """The section on cohorts; None where no finder has run. Raises RunError for findings that
    this version does not read."""
    findings = run.findings()
    if findings is None:
        return None
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
    people, members = run.cohort_speakers(), run.cohorts()
    speaker = run.utterances().set_index("utterance_id")["speaker_id"]
    members = members.assign(speaker_id=members["utterance_id"].map(speaker))
    shown = [f.finder for f in findings.finders if f.regions or f.projected]
    wide = (members[members["finder"].isin(shown)].dropna()
            .drop_duplicates(["speaker_id", "finder"])
            .pivot(index="speaker_id", columns="finder", values="cohort").rename(columns=column_of))
    people = people.join(wide, on="speaker_id").sort_values("speaker_id", kind="stable")
    return people.assign(rate=people["amount"] / people["weight"].where(people["weight"] > 0))


def who(verdict: Verdict) -> str:
    """Such as "Scottish 83 % (elsewhere 9 %)": what the cohort's name does not say by itself."""
    return ", ".join(f"{trait.label} {_percent(trait.share)} (elsewhere "
                     f"{_percent(trait.elsewhere)})" for trait in verdict.who
                     if trait.label not in verdict.cohort)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _verdicts(findings: Findings, fact: Fact) -> Listing:
    """Every cohort that was tested, in the order in which finders tested them."""
    lines = [Line(_verdict(finding, verdict, fact), f"finding-{i}-{j}")
             for i, finding in enumerate(findings.finders, 1)
             for j, verdict in enumerate(finding.verdicts, 1)]
    return Listing("cohorts", "Cohorts that were discovered, and what fresh speakers say of them",
                   RANKED, lines, frozenset(RANKED[3:8]))


def _verdict(finding: Finding, verdict: Verdict, fact: Fact) -> list[Cell]:
    cohort, chance = finding.cohort(verdict.cohort), finding.chance
    sizes = [half.n_speakers for half in (cohort.discovery, cohort.confirmation)]
    return [*plain(finding.finder, verdict.cohort), status(verdict.status),
            Cell(f"{sizes[0]} + {sizes[1]}", key=sum(sizes)),
            measured(verdict.discovered_gap, fact),
            measured(chance.median, fact, chance.low, chance.high),
            interval(verdict.gap, fact, "too few fresh speakers"), p_value(verdict.p_adjusted),
            *plain(who(verdict) or "–")]


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


def _regions(i: int, finding: Finding, regions: Sequence[Feature], fact: Fact) -> Listing:
    """What the map shows of the ``i``-th finder of places."""
    said = {verdict.cohort: verdict.status for verdict in finding.verdicts}
    suffix = "" if i == 1 else f"-{i}"
    lines = [Line(_region(n, region, said.get(region.properties.name), fact),
                  f"region{suffix}-{n}") for n, region in enumerate(regions, 1)]
    caption = "Regions of the map" if i == 1 else f"Regions of {finding.finder}"
    return Listing(f"regions{suffix}", f"{caption}, the worst on fresh speakers first", PLACED,
                   lines, frozenset(("Number", *PLACED[2:5])))


def _region(n: int, region: Feature, verdict: str | None, fact: Fact) -> list[Cell]:
    cohort = region.properties
    sizes = [half.n_speakers for half in (cohort.discovery, cohort.confirmation)]
    return [counted(n), *plain(cohort.name), Cell(f"{sizes[0]} + {sizes[1]}", key=sum(sizes)),
            interval(cohort.discovery.value, fact), interval(cohort.confirmation.value, fact),
            status(verdict) if verdict else Cell("not tested")]


def sentence_parts(found: Discovery) -> tuple[str, str, str, str]:
    """Of the widest confirmed gap: who, the gap and its interval's ends, as shown."""
    first = found.confirmed[0]
    trait = next((t for t in first.who[:1] if t.label not in first.cohort), None)
    name = f"{first.cohort} ({trait.label} {_percent(trait.share)})" if trait else first.cohort
    low, high = (first.gap.low, first.gap.high) if first.gap else (math.nan, math.nan)
    gap, fact = first.gap.value if first.gap else math.nan, found.findings.fact
    return name, number(gap, fact), number(low, fact), number(high, fact)
