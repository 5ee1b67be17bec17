"""The tiles at the top of a page: how good, whom it serves worst, whether that is real, what failed
or was left out, and whether it may ship."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from evalkit.core.ledger import LeftOut, counted
from evalkit.core.text import count, number, span, with_unit
from evalkit.report.headline import Value
from evalkit.report.reality import Answer, Reality
from evalkit.report.selection import Selection
from evalkit.report.table import Table
from evalkit.report.text import in_sentence, listed, say
from evalkit.store.scores import GIVEN

Tone = Literal["", "good", "bad", "unsure"]
TONES: Mapping[Answer, Tone] = {"yes": "bad", "no": "good", "unclear": "unsure", "not tested": ""}
MOST_CONDITIONS = 4
"""Conditions whose values a tile lists."""


@dataclass(frozen=True)
class Tile:
    """A question, its answer in large type, and sentences of what stands behind it. ``tone``
    colours an answer that says the same without it."""

    question: str
    answer: str
    sentences: Sequence[Markup]
    tone: Tone = ""


def not_known(why: str) -> list[Tile]:
    """How good and whom it serves worst where nothing is selected, and ``why``."""
    return [Tile("How good", "Not known", [say("{}.", why)]),
            Tile("Served worst", "Not known", [say("Without a value no group can be compared.")])]


def how_good(selection: Selection) -> Tile:
    """The value of everybody, with its interval and what it is under each condition."""
    value, fact = selection.everybody, selection.fact
    bounds = span(value.interval[0], value.interval[1], fact) if value.interval else ""
    parts = [say("{}", in_sentence(selection.title))]
    parts += [say(", 95 % interval {}", bounds)] if bounds else []
    parts += [say(", {}", selection.where)] if selection.where else []
    return Tile("How good", with_unit(value.value, fact),
                [Markup("").join(parts) + ".", *_under_each(selection)])


def _under_each(selection: Selection) -> list[Markup]:
    """The values under each condition, where there are several."""
    parts = [part for part in selection.parts if part.condition != GIVEN]
    if len(parts) < 2:
        return []
    said = [say("{} in {}", with_unit(part.value, selection.fact), part.condition)
            for part in parts[:MOST_CONDITIONS]]
    more = count(len(parts) - MOST_CONDITIONS, "other condition")
    return [listed([*said, *([say("{}", more)] if len(parts) > MOST_CONDITIONS else [])]) + "."]


def served_worst(selection: Selection) -> Tile:
    """The group with the worst value, and by how much it is worse than all others together."""
    question = "Served worst"
    if selection.report is None:
        return Tile(question, "Not known", [say(_ungrouped(selection))])
    if len(selection.compared) < 2:
        return Tile(question, "Not known", [say(
            "By {}, fewer than two groups are large enough to compare.", selection.by)])
    worst, fact = selection.compared[0], selection.fact
    if selection.alike:
        return Tile(question, "Nobody", [say(
            "Every {} that can be compared has the same: <b>{}</b>.", selection.by,
            with_unit(worst.value.value, fact))])
    of_whom = count(worst.n_speakers, "speaker") if worst.n_speakers else count(
        worst.n, "utterance")
    return Tile(question, worst.group, [
        say("{} {} ({}): <b>{}</b>", selection.by, worst.group, of_whom,
            with_unit(worst.value.value, fact)) + _gap(selection) + "."])


def _ungrouped(selection: Selection) -> str:
    """Why nothing is grouped."""
    if selection.everybody.counted == "trials":
        return ("Trials are between speakers of all groups: for one group they stand in "
                '<a href="#groups">a table of their own</a>.')
    return "The corpus has no label to group by."


def _gap(selection: Selection) -> Markup:
    """By how much the worst group is worse than all others together."""
    gap, fact = selection.compared[0].gap, selection.fact
    if gap is None:
        return Markup()
    low, high = sorted(fact.worse * end for end in (gap.difference.low, gap.difference.high))
    bounds = span(low, high, fact)
    return say(", {} worse than all others together",
               f"{number(fact.worse * gap.difference.value, fact)} {fact.difference_unit}".strip()
               ) + (say(" ({})", bounds) if bounds else Markup())


def is_it_real(found: Reality) -> Tile:
    """Whether the gap is more than chance."""
    return Tile("Is it real?", found.answer.capitalize(), [say("{}", found.because)],
                TONES[found.answer])


def lost(measured: Sequence[Value], missing: Sequence[LeftOut], unvalued: Sequence[LeftOut],
         others: Sequence[LeftOut]) -> Tile:
    """How many measurements are missing from the numbers, and how much takes no part in something.
    ``measured`` are all values of the selection's metric."""
    n = sum(item.n for item in (*missing, *unvalued))
    said = [listed([say("{}", many) for many in counted([*missing, *unvalued])])
            + " missing from the numbers"] if n else [_of_all(measured)]
    said += [say("{} on what single tables and tests leave out",
                 count(len(others), "note"))] if others else []
    sentences = [part + "." for part in said]
    if n or others:
        sentences[-1] += Markup(' <a href="#left-out">What and why</a>')
    return Tile("Failed or left out", f"{n:,} missing" if n else "0 failed", sentences,
                "bad" if n else "good")


def _of_all(measured: Sequence[Value]) -> Markup:
    """Of how many measurements none failed."""
    n = sum(value.n or 0 for value in measured)
    if not n:
        return say("Nothing of the corpus is missing from the numbers")
    return say("All {} of the metric succeeded, of all pipelines", count(n, "measurement"))


def may_it_ship(changes: Table | None) -> Tile:
    """No page decides: a gate does. Beside earlier runs what changed is counted."""
    how = say("A gate against the version that shipped decides: <code>evalkit compare OLD NEW "
              "--gates gates.yaml</code>.")
    verdicts = [row.cells["verdict"].text for row in changes.rows] if changes else []
    if not set(verdicts) - {"not compared"}:
        return Tile("May it ship?", "No gate set", [how])
    said = ", ".join(f"{verdicts.count(word)} {word}" for word in dict.fromkeys(verdicts))
    return Tile("May it ship?", "No gate set", [say("Against the first run: {}.", said), how],
                "bad" if "worse" in verdicts else "")
