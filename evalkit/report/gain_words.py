"""Whom enhancement helps and whom it harms, in words written by rule."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from markupsafe import Markup

from evalkit.core.text import count, p_is, span
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


def standings(report: GainReport) -> str:
    """Whether the change is the same for all groups, and for which it is worse or better than for
    the others."""
    if report.differ is None:
        return "fewer than two groups are large enough to compare"
    p = report.differ["welch"].p_value
    parts = []
    for standing in ("worse", "better"):
        names = [row.group for row in report.rows if row.standing == standing]
        parts += [f"{standing} than the others: {_names(names)}"] if names else []
    if not parts:
        parts = ["they differ, and no group stands out" if p < ALPHA else "no clear difference"]
    return "; ".join([f"{parts[0]} ({p_is(p)})", *parts[1:], *_not_judged(report)])


def _not_judged(report: GainReport) -> list[str]:
    n = sum(row.effect is None for row in report.rows)
    return [f"not judged: {n}"] if n else []


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def everybody(gains: Gains) -> Markup:
    """By the most important metric, what each enhancer does to everybody and to how many groups."""
    if not gains.found:
        return Markup()
    metric, fact = gains.found[0].metric, gains.found[0].fact
    of_metric = sorted((gain for gain in gains.found if gain.metric == metric),
                       key=lambda gain: list(gains.pairs).index(gain.enhanced))
    parts = [say("<b>{}</b> (against {}) ", name, gains.pairs[name])
             + listed([_under(gain) for gain in cells])
             for name, cells in groupby(of_metric, lambda gain: gain.enhanced)]
    return (say("Does enhancement help or harm? By {}, ", in_sentence(fact.named(metric)))
            + Markup("; ").join(parts) + ".")


def _under(gain: Gain) -> Markup:
    """ "harms everybody under clean by 25.9 points (22.9 to 28.9): 14 of 14 groups harmed"."""
    row = gain.everybody
    change = (f"{shown(row.change.value, gain.fact, signed=True)} "
              f"{gain.fact.difference_unit}").strip()
    interval = span(row.change.low, row.change.high, gain.fact)
    groups = [row for _, row in gain.judged]
    counts = [f"{sum(row.effect == effect for row in groups)} {effect}" for effect in ORDER
              if any(row.effect == effect for row in groups)]
    return say("<b>{}</b> under {} ({}{}; of {}: {})", _verb(row), gain.condition, change,
               f", 95 % interval {interval}" if interval else "", count(len(groups), "group"),
               ", ".join(counts) or "none large enough to tell")


def _verb(row: GainRow) -> str:
    return {"helped": "helps", "harmed": "harms", "unchanged": "changes nothing",
            "unclear": "neither clearly helps nor harms", None: "cannot be judged"}[row.effect]


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
    named = [say("<b>{}</b> ({}) with {} by {}", row.group, column, gain.enhanced,
                 in_sentence(gain.title)) + say(" under {}", gain.condition)
             for row, column, gain in cases[:SAID]]
    more = say(" and {} more", len(cases) - SAID) if len(cases) > SAID else Markup()
    return (say("Does anybody fare worse by enhancement than the others? In {} of {}: ",
                len(cases), count(compared, "comparison"))
            + Markup(", ").join(named) + more + ".")
