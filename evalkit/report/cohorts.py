"""Cohorts that finders discovered on half of the speakers, put to the test on the other half."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from evalkit.core.errors import RunError
from evalkit.core.text import number
from evalkit.core.types import Fact
from evalkit.report.cohort_figures import people_figures, ranking
from evalkit.report.listing import Cell, Line, Listing, counted, measured, p_value, plain
from evalkit.report.text import known
from evalkit.store.runfolder import RunFolder

SCHEMA_VERSION = 1
"""Of the findings.json that are read here."""
MARKS: Mapping[str, str] = {"confirmed": "●", "not confirmed": "◇", "insufficient": "○",
                            "nothing found": "–"}
RANKED = ("Finder", "Cohort", "Verdict", "Speakers", "Gap found", "Chance finds",
          "Gap on fresh speakers", "p (adjusted)", "Who is in it")
PLACED = ("Number", "Region", "Speakers", "Rate where found", "Rate on fresh speakers", "Verdict")
Tree = Mapping[str, Any]


@dataclass(frozen=True)
class Discovery:
    """What the page says of the cohorts: ``findings`` is findings.json itself, ``regions`` what
    the map shows, None where no region was found. A figure has a title and a note."""

    findings: Tree
    fact: Fact
    verdicts: Listing
    regions: Listing | None
    figures: list[tuple[str, str, Markup]]

    @property
    def confirmed(self) -> list[Tree]:
        """The verdicts that fresh speakers confirmed, the widest gap first; after those on
        speakers those on utterances, which may be of a room and not of a person."""
        found = [(finding["options"].get("unit") == "utterance", -verdict["gap"]["value"], verdict)
                 for finding in self.findings["finders"] for verdict in finding["verdicts"]
                 if verdict["status"] == "confirmed"]
        return [verdict for *_, verdict in sorted(found, key=lambda one: one[:2])]

    @property
    def tested(self) -> int:
        """How many cohorts could be put to the test."""
        return sum(verdict["gap"] is not None for finding in self.findings["finders"]
                   for verdict in finding["verdicts"])

    @property
    def nothing(self) -> list[str]:
        """The finders that found nothing to test."""
        return [finding["finder"] for finding in self.findings["finders"]
                if not finding["verdicts"]]


def discovery(run: RunFolder) -> Discovery | None:
    """The section on cohorts; None where no finder has run. Raises RunError for findings that
    this version does not read."""
    findings = run.findings()
    if findings is None:
        return None
    if findings.get("schema") != SCHEMA_VERSION:
        raise RunError(f"{run.path / 'findings.json'}: schema {findings.get('schema')!r}, this "
                       f"evalkit reads {SCHEMA_VERSION}; run `evalkit cohorts` again")
    fact = Fact(**findings["fact"])
    regions = _ordered_regions(findings)
    people = people_of(run)
    figures = [*ranking(findings["finders"], fact), *people_figures(people, regions, fact, {
        verdict["cohort"] for verdict in _of(findings, "clusters").get("verdicts", [])})]
    return Discovery(findings, fact, _verdicts(findings, fact), _regions(findings, regions, fact),
                     figures)


def people_of(run: RunFolder) -> pd.DataFrame:
    """One row a speaker, with their rate and, of every finder, the cohort they are in first."""
    people, members = run.cohort_speakers(), run.cohorts()
    speaker = run.utterances().set_index("utterance_id")["speaker_id"]
    members = members.assign(speaker_id=members["utterance_id"].map(speaker))
    wide = (members[members["finder"].isin(["clusters", "tree"])].dropna()
            .drop_duplicates(["speaker_id", "finder"])
            .pivot(index="speaker_id", columns="finder", values="cohort"))
    people = people.join(wide, on="speaker_id").sort_values("speaker_id", kind="stable")
    return people.assign(rate=people["amount"] / people["weight"].where(people["weight"] > 0))


def who(verdict: Tree) -> str:
    """Such as "Scottish 83 % (elsewhere 9 %)": what the cohort's name does not say by itself."""
    return ", ".join(f"{trait['label']} {_percent(trait['share'])} (elsewhere "
                     f"{_percent(trait['elsewhere'])})" for trait in verdict.get("who") or ()
                     if trait["label"] not in verdict["cohort"])


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _verdicts(findings: Tree, fact: Fact) -> Listing:
    """Every cohort that was tested, in the order in which finders tested them."""
    lines = [Line(_verdict(finding, verdict, fact), f"finding-{i}-{j}")
             for i, finding in enumerate(findings["finders"], 1)
             for j, verdict in enumerate(finding["verdicts"], 1)]
    return Listing("cohorts", "Cohorts that were discovered, and what fresh speakers say of them",
                   RANKED, lines, frozenset(RANKED[3:8]))


def _verdict(finding: Tree, verdict: Tree, fact: Fact) -> list[Cell]:
    cohort = next(c for c in finding["cohorts"] if c["name"] == verdict["cohort"])
    sizes = [cohort[half]["n_speakers"] for half in ("discovery", "confirmation")]
    null, gap = finding["chance"], verdict["gap"] or {}
    return [*plain(finding["finder"], verdict["cohort"]), status(verdict["status"]),
            Cell(f"{sizes[0]} + {sizes[1]}", key=sum(sizes)),
            measured(known(verdict["discovered_gap"]), fact),
            measured(known(null["median"]), fact, known(null["low"]), known(null["high"])),
            interval(gap, fact, "too few fresh speakers"), p_value(known(verdict["p_adjusted"])),
            *plain(who(verdict) or "–")]


def status(word: str) -> Cell:
    """A verdict in a word and a shape."""
    return Cell(word, mark=MARKS.get(word, ""))


def interval(found: Tree, fact: Fact, undefined: str = "nothing was measured") -> Cell:
    """An interval of findings.json, or why there is none."""
    value, low, high = (known(found.get(name)) for name in ("value", "low", "high"))
    return measured(value, fact, low, high, undefined)


def _of(findings: Tree, finder: str) -> Tree:
    return next((f for f in findings["finders"] if f["finder"] == finder), {})


def _ordered_regions(findings: Tree) -> list[Tree]:
    """GeoJSON features, the highest rate on fresh speakers first (the lowest, where that is the
    worst)."""
    regions = _of(findings, "tree").get("regions") or {"features": []}
    sign = 1 if Fact(**findings["fact"]).higher_is_better else -1

    def place(feature: Tree) -> tuple[bool, float]:
        value = known(feature["properties"]["confirmation"]["value"]["value"])
        return math.isnan(value), sign * (0.0 if math.isnan(value) else value)
    return sorted(regions["features"], key=place) if len(regions["features"]) > 1 else []


def _regions(findings: Tree, regions: Sequence[Tree], fact: Fact) -> Listing | None:
    if not regions:
        return None
    said = {verdict["cohort"]: verdict["status"] for verdict in _of(findings, "tree")["verdicts"]}
    lines = [Line(_region(i, region["properties"], said, fact), f"region-{i}")
             for i, region in enumerate(regions, 1)]
    return Listing("regions", "Regions of the map, the worst on fresh speakers first", PLACED,
                   lines, frozenset(("Number", *PLACED[2:5])))


def _region(i: int, region: Tree, said: Mapping[str, str], fact: Fact) -> list[Cell]:
    halves = [region[half] for half in ("discovery", "confirmation")]
    sizes = [half["n_speakers"] for half in halves]
    return [counted(i), *plain(region["name"]), Cell(f"{sizes[0]} + {sizes[1]}", key=sum(sizes)),
            *(interval(half["value"], fact) for half in halves),
            status(said[region["name"]]) if region["name"] in said else Cell("not tested")]


def sentence_parts(found: Discovery) -> tuple[str, str, str, str]:
    """Of the widest confirmed gap: who, the gap and its interval's ends, as shown."""
    first = found.confirmed[0]
    traits = first.get("who") or []
    name = f"{first['cohort']} ({traits[0]['label']} {_percent(traits[0]['share'])})" if (
        traits and traits[0]["label"] not in first["cohort"]) else first["cohort"]
    gap = [number(known(first["gap"][key]), found.fact) for key in ("value", "low", "high")]
    return name, gap[0], gap[1], gap[2]
