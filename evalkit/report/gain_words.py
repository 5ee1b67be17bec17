"""Whom enhancement helps and whom it harms, in words written by rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from markupsafe import Markup

from evalkit.core.text import count, p_is
from evalkit.core.text import number as shown
from evalkit.report.gains import Gain, Gains
from evalkit.report.summary import ALPHA
from evalkit.report.text import in_sentence, listed, say
from evalkit.statistics.gains import Effect, GainReport, GainRow

NAMED = 4
"""Groups that a cell names."""
SAID = 3
"""Groups that a sentence names."""
ORDER: Sequence[Effect] = ("harmed", "helped", "unclear", "unchanged")


def effects(report: GainReport) -> str:
    """Which groups are helped and which harmed: "harmed: male; helped: female", "all 8 harmed"."""
    judged = [row for row in report.rows if row.effect]
    if not judged:
        return "no group is large enough to tell"
    parts = []
    for effect in ORDER:
        names = [row.group for row in judged if row.effect == effect]
        if len(names) == len(judged) > 1:
            parts.append(f"all {len(names)} {effect}")
        elif names:
            parts.append(f"{effect}: {_names(names) if effect in ORDER[:2] else len(names)}")
    return "; ".join([*parts, *_not_judged(report)])


def standings(report: GainReport) -> tuple[str, str]:
    """Whether the change is the same for all groups, and for which it is worse or better than for
    the others; and the p-value of any difference."""
    if report.p_differ is None:
        return "fewer than two groups are large enough to compare", ""
    p = report.p_differ
    parts = []
    for standing in ("worse", "better"):
        names = [row.group for row in report.rows if row.standing == standing]
        parts += [f"{standing} than the others: {_names(names)}"] if names else []
    if not parts:
        parts = ["they differ, and no group stands out" if p < ALPHA else "no clear difference"]
    return "; ".join(parts), f"any difference: {p_is(p)}"


def _not_judged(report: GainReport) -> list[str]:
    n = sum(row.effect is None for row in report.rows)
    return [f"{n} not judged"] if n else []


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def answers(gains: Gains) -> list[Markup]:
    """A sentence a metric, the most important first: what each enhancer does under every condition
    to everybody, and to how many groups."""
    sentences = []
    for _, of_metric in groupby(gains.found, lambda gain: gain.metric):
        cells = list(of_metric)
        parts = [say("in {}, ", condition) + listed([_does(gain) for gain in under])
                 for condition, under in groupby(cells, lambda gain: gain.condition)]
        sentences.append(say("By {}: ", in_sentence(cells[0].title)) + Markup("; ").join(parts)
                         + ".")
    return sentences


def _does(gain: Gain) -> Markup:
    """ "rnnoise harms (+25.9 points; 4 of 14 groups harmed, 10 unclear)"."""
    change = shown(gain.everybody.change.value, gain.fact, signed=True)
    return say("<b>{}</b> " + _verb(gain.everybody) + " ({}; {})", gain.enhanced,
               f"{change} {gain.fact.difference_unit}".strip(), _of_groups(gain))


def _of_groups(gain: Gain) -> str:
    found = [row.effect for _, row in gain.judged]
    counts = [(found.count(effect), effect) for effect in ORDER if effect in found]
    if not counts:
        return "no group is large enough to tell"
    (n, effect), *others = counts
    return ", ".join([f"{n} of {count(len(found), 'group')} {effect}",
                      *(f"{n} {effect}" for n, effect in others)])


def _verb(row: GainRow) -> str:
    return {"helped": "<b>helps</b>", "harmed": "<b>harms</b>", "unchanged": "changes nothing",
            "unclear": "neither clearly helps nor harms", None: "cannot be judged"}[row.effect]


def helps_or_harms(gains: Gains) -> Markup:
    """The answer by the most important metric, for the top of the page."""
    said = answers(gains)
    if not said:
        return Markup()
    return (Markup("Does enhancement help or harm everybody, and groups by ")
            + listed([say("{}", column) for column in gains.columns]) + "? " + said[0])


def in_brief(gains: Gains) -> list[Markup]:
    """A sentence an enhancer: what it changes for everybody by the most important metric."""
    metric = gains.found[0].metric if gains.found else ""
    found = [gain for gain in gains.found if gain.metric == metric]
    return [_changes([gain for gain in found if gain.enhanced == name])
            for name in dict.fromkeys(gain.enhanced for gain in found)]


def _changes(gains: Sequence[Gain]) -> Markup:
    """ "rnnoise changes word error rate by +2.4 points in clean (unclear) and …"."""
    words = {"helped": "better", "harmed": "worse", "unchanged": "no change", None: "not judged"}
    said = []
    for gain in gains:
        fact = replace(gain.fact, decimals=min(gain.fact.decimals, 1))
        change = shown(gain.everybody.change.value, fact, signed=True)
        said.append(say("{} in {} (<b>{}</b>)", f"{change} {fact.difference_unit}".strip(),
                        gain.condition, words.get(gain.everybody.effect, "unclear")))
    return say("The enhancer of <b>{}</b> changes {} by ", gains[0].enhanced,
               in_sentence(gains[0].title)) + listed(said) + "."


def fares(gains: Gains) -> Markup:
    """Who fares worse by enhancement than the others, by all metrics, the surest first."""
    cases = [(row, column, gain) for gain in gains.found for column, row in gain.judged
             if row.standing == "worse"]
    compared = sum(row.gap is not None for gain in gains.found for _, row in gain.judged)
    if not compared:
        return Markup()
    if not cases:
        return say("Does anybody fare worse by enhancement than the others? In none of {} is that "
                   "clear.", count(compared, "comparison"))
    cases.sort(key=lambda case: case[0].gap.p_adjusted if case[0].gap else 1.0)
    named = [say("{} <b>{}</b> with {} by {}", column, row.group, gain.enhanced,
                 in_sentence(gain.title)) + say(" in {}", gain.condition)
             for row, column, gain in cases[:SAID]]
    more = say(" and {} more", len(cases) - SAID) if len(cases) > SAID else Markup()
    return (say("Does anybody fare worse by enhancement than the others? In {} of {}: ",
                len(cases), count(compared, "comparison"))
            + Markup(", ").join(named) + more + ".")
