"""What gates say of a version: a line a gate, and the answer to "May it ship?"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evalkit.compare.formats import ORDER, headline
from evalkit.core.text import count, number, settled_by, span
from evalkit.core.types import Fact
from evalkit.report.table import Cell, Column, Row, Table, texts
from evalkit.report.text import in_sentence, listed, say
from evalkit.report.tiles import Tile, Tone
from evalkit.store.documents.comparison import (
    Check,
    Comparison,
    GateResult,
    GateTerms,
    Status,
)
from evalkit.store.scores import GIVEN

MARKS: Mapping[Status, str] = {"passed": "●", "failed": "▼", "inconclusive": "◇", "not judged": "○"}
ANSWERS: Mapping[str, tuple[str, Tone]] = {
    "pass": ("Yes", "good"), "regression": ("No", "bad"), "inconclusive": ("Unclear", "unsure"),
    "incomplete": ("Not decided", "bad")}
MOST_NAMED = 2


def tile(comparison: Comparison) -> Tile:
    """Yes where all gates passed, no where one failed, unclear where one is inconclusive."""
    statuses = [result.status for result in comparison.gates]
    answer, tone = ANSWERS[comparison.outcome]
    if comparison.outcome == "pass" and "inconclusive" in statuses:
        answer, tone = ANSWERS["inconclusive"]
    counted = [say("{} {}", statuses.count(status), status) for status in ORDER
               if status in statuses]
    said = [say("Of {} against {}: ", count(len(statuses), "gate"), comparison.base)
            + listed(counted) + "."]
    said += [say("{}.", _deciding(comparison))] if _deciding(comparison) else []
    if comparison.problems:
        said = [say("{} missing or not alike: {}.", count(len(comparison.problems), "thing"),
                    comparison.problems[0])]
    elif answer == "Unclear":
        said.append(say("Not shown to be worse, nor to be within what is tolerated; gates.yaml {} "
                        "go on.", "lets it" if comparison.exit_code == 0 else "does not let it"))
    link = say('<a href="#versions">Gate by gate</a>')
    return Tile("May it ship?", answer, [*said, link], tone)


def _deciding(comparison: Comparison) -> str:
    """The gates that failed."""
    failed = [_named(result.gate, comparison) for result in comparison.gates
              if result.status == "failed"]
    more = len(failed) - MOST_NAMED
    return ("Failed: " + "; ".join(failed[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
            if failed else "")


def _named(gate: GateTerms, comparison: Comparison) -> str:
    """A gate by what people call its metric: "word error rate, every accent"."""
    fact = comparison.metrics.get(gate.metric)
    name = in_sentence(fact.named(gate.metric)) if fact else gate.metric
    return str(gate).replace(f"{gate.metric} ", f"{name}, ", 1)


def sentence(comparison: Comparison) -> str:
    """The outcome in a line."""
    return f"Gates against {comparison.base}: {headline(comparison)}."


def place(comparison: Comparison) -> str:
    """Which release of a series it is; "" where it is judged by itself."""
    standing = comparison.series
    if standing is None:
        return ""
    return (f"It is judged as release {standing.look} of a series, in which the chance of any "
            f"false alarm is {100 * standing.schedule.alpha:g} % over all releases together; "
            f"{100 * standing.left:.2f} % of it is left.")


def gates_table(comparison: Comparison) -> Table:
    """A row a gate, those that failed first: the check that decides it, and why."""
    columns = [Column("gate", "Gate"), Column("verdict", "Verdict"),
               Column("where", "Decided by"), Column("change", "Worse by", "number"),
               Column("tolerated", "Tolerated", "number"), Column("unit", "Unit"),
               Column("why", "Why")]
    results = sorted(comparison.gates, key=lambda result: ORDER.index(result.status))
    return Table("gates", f"What the gates say, against {comparison.base}", columns,
                 [Row(_gate(result, comparison), f"gate-{i}")
                  for i, result in enumerate(results, 1)])


def _gate(result: GateResult, comparison: Comparison) -> dict[str, Cell]:
    verdict = {"gate": Cell(str(result.gate)),
               "verdict": Cell(result.status, mark=MARKS[result.status])}
    alike = [check for check in result.checks if check.status == result.status]
    if not alike:
        return texts(where="–", unit="", why="nothing of it is in both versions") | verdict | {
            "change": Cell("–", value=float("nan")), "tolerated": Cell("–", value=float("nan"))}
    check = max(alike, key=lambda each: each.worsening - each.budget)
    fact = comparison.metrics[check.metric]
    return verdict | texts(where=_place(check, alike), unit=fact.difference_unit,
                           why=_why(check, fact, comparison.counted)) | {
        "change": _worse_by(check, fact),
        "tolerated": Cell(number(check.budget, fact), value=fact.scale * check.budget)}


def _place(check: Check, alike: Sequence[Check]) -> str:
    scope = check.scope.replace("=", " ")
    more = f", and {len(alike) - 1} more" if len(alike) > 1 else ""
    heard = "" if check.condition == GIVEN else f", {check.condition}"
    return f"{scope}, {check.pipeline}{heard}{more}"


def _worse_by(check: Check, fact: Fact) -> Cell:
    """How much worse, negative where it is better, with its interval on that side."""
    low, high = check.change.low, check.change.high
    if check.worsening * check.change.value < 0:
        low, high = -high, -low
    return Cell(number(check.worsening + 0.0, fact, signed=True), span(low, high, fact),
                value=fact.scale * check.worsening,
                parts={"low": fact.scale * low, "high": fact.scale * high})


def _why(check: Check, fact: Fact, people: str) -> str:
    """The reason, and of what is inconclusive what would settle it."""
    if check.status != "inconclusive" or not check.detectable > 0:
        return check.reason
    more = settled_by(check.more_speakers, people)
    shown = f"{number(check.detectable, fact)} {fact.difference_unit}".strip()
    return f"{check.reason}; could have shown {shown}; {more}"

