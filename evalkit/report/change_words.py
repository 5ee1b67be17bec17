"""What changed since an earlier version, and for whom, in sentences and in a tile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from evalkit.core.text import count, number, span, with_unit
from evalkit.report.changed import Changed
from evalkit.report.text import in_sentence, listed, say
from evalkit.report.tiles import Tile, Tone
from evalkit.statistics.gains import GainRow

WORDS: Mapping[str, str] = {"helped": "better", "harmed": "worse", "unclear": "unclear",
                            "unchanged": "unchanged"}
TONES: Mapping[str, Tone] = {"helped": "good", "harmed": "bad", "unclear": "unsure"}
MOST_NAMED = 2
"""Groups that a sentence names for one effect; the figure has all."""


def by_how_much(row: GainRow, changed: Changed) -> str:
    """The change with its sign: "+2.1 points"."""
    fact = changed.fact
    return f"{number(row.change.value, fact, signed=True)} {fact.difference_unit}".strip()


def size(row: GainRow, changed: Changed) -> str:
    """The change without its sign: "2.1 points"."""
    fact = changed.fact
    return f"{number(abs(row.change.value), fact)} {fact.difference_unit}".strip()


def bounds(row: GainRow, changed: Changed) -> str:
    """The interval of the change, "" where it has none."""
    return span(row.change.low, row.change.high, changed.fact)


def size_bounds(row: GainRow, changed: Changed) -> str:
    """The interval of ``size``."""
    low, high = row.change.low, row.change.high
    return span(-high, -low, changed.fact) if row.change.value < 0 else bounds(row, changed)


def sentences(changed: Changed) -> list[Markup]:
    """What changed, and for whom."""
    return [what_changed(changed), for_whom(changed)]


def what_changed(changed: Changed) -> Markup:
    """By how much everybody together is better or worse than in the earlier version."""
    row, of = changed.everybody, say("{} of <b>{}</b>", in_sentence(changed.selection.title),
                                     changed.selection.pipeline)
    since, values = say("Since <b>{}</b>, ", changed.base), _now(changed)
    if row.effect == "unchanged":
        return since + of + say(" has <b>not changed</b>") + values
    if row.effect is None:
        return since + "too few speakers say whether " + of + " has changed" + values
    if row.effect == "unclear":
        return since + of + say(" changed by {}", by_how_much(row, changed)) + _interval(
            bounds(row, changed)) + say(", which <b>may be chance</b>") + values
    return since + of + say(" is <b>{} by {}</b>", WORDS[row.effect], size(row, changed)
                            ) + _interval(size_bounds(row, changed)) + values


def _interval(found: str) -> Markup:
    return say(" (95 % interval {})", found) if found else Markup()


def _now(changed: Changed) -> Markup:
    said = say(", now <b>{}</b>", with_unit(changed.everybody.after, changed.fact))
    return said + (say(" {}.", changed.where) if changed.where else Markup("."))


def for_whom(changed: Changed) -> Markup:
    """Which groups became worse, better, and of how many it is unclear; empty without groups."""
    groups = changed.groups
    if not groups:
        return Markup()
    worse, better = changed.of("harmed"), changed.of("helped")
    if not worse and not better:
        return _for_nobody(changed)
    parts = [say(f"<b>{word}</b> for {{}} ", changed.column) + _named(rows, changed)
             for word, rows in (("worse", worse), ("better", better)) if rows]
    said = Markup("It became ") + Markup("; ").join(parts)
    rest = len(groups) - len(worse) - len(better)
    return said + (say("; for {} that is unclear.", count(rest, "other group")) if rest
                   else Markup("."))


def _for_nobody(changed: Changed) -> Markup:
    most = changed.groups[0]
    if all(row.effect == "unchanged" for row in changed.groups):
        return say("It changed for none of the {}.", count(len(changed.groups), "group"))
    return say("Of no single {} is a change certain; the largest is {} for <b>{}</b>{}.",
               changed.column, by_how_much(most, changed), most.group,
               f" ({bounds(most, changed)})" if bounds(most, changed) else "")


def _named(rows: Sequence[GainRow], changed: Changed) -> Markup:
    named = [say("<b>{}</b> ({})", row.group, by_how_much(row, changed))
             for row in rows[:MOST_NAMED]]
    more = len(rows) - MOST_NAMED
    return listed([*named, say("{}", count(more, "other"))] if more > 0 else named)


def tile(changed: Changed) -> Tile:
    """The change as an answer in large type."""
    row, fact = changed.everybody, changed.fact
    effect = str(row.effect)
    answer = {"helped": f"{size(row, changed)} better", "harmed": f"{size(row, changed)} worse",
              "unclear": "Unclear", "unchanged": "Nothing"}.get(effect, "Not tested")
    values = say("{} of {}: {} in {}, <b>{}</b> now", changed.selection.title,
                 changed.selection.pipeline, with_unit(row.before, fact), changed.base,
                 with_unit(row.after, fact))
    interval = f" ({bounds(row, changed)})" if bounds(row, changed) else ""
    return Tile("What changed?", answer, [
        values + ".", say("{} {}{}.", "Change", by_how_much(row, changed), interval),
        *filter(None, [_counts(changed)])], TONES.get(effect, ""))


def _counts(changed: Changed) -> Markup:
    """For how many groups."""
    worse, better = len(changed.of("harmed")), len(changed.of("helped"))
    if not changed.groups:
        return Markup()
    return say("Surely worse for {}, better for {} of {}.", worse, better,
               count(len(changed.groups), "group"))
