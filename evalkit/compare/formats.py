"""One comparison as a table, Markdown, JUnit XML and GitHub's annotations. Names come from run
folders and are escaped in each of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

from evalkit.core.errors import one_line
from evalkit.core.ledger import lines
from evalkit.core.text import bracketed, heading, in_markdown, number, p_value, settled_by
from evalkit.store.documents.comparison import (
    Change,
    Check,
    Comparison,
    GateResult,
    Outcome,
    Status,
)

COLUMNS = ("gate", "metric", "scope", "pipeline", "condition", "base", "candidate", "change",
           "interval", "tolerated", "p", "p adjusted", "p beyond", "could show", "speakers",
           "failed", "verdict")
ORDER: tuple[Status, ...] = ("failed", "not judged", "inconclusive", "passed")
"""Of checks in a table."""
FEW = 3
"""As many inconclusive checks with one reason have lines of their own."""
_MARKS: dict[Outcome, str] = {"pass": "✅", "regression": "❌", "inconclusive": "❔",
                              "incomplete": "⚠️"}
_HEADLINES: dict[Outcome, str] = {
    "pass": "pass: no gate failed{unsettled}",
    "regression": "regression: {failed} of {all} gates failed{unsettled}",
    "inconclusive": "inconclusive: {stopping} of {all} gates neither passed nor failed, and may "
                    "not be open",
    "incomplete": "incomplete: correct what is missing or differs ({problems}) first"}


def headline(comparison: Comparison) -> str:
    """The outcome in one line."""
    statuses = [result.status for result in comparison.gates]
    open_ones = statuses.count("inconclusive")
    return _HEADLINES[comparison.outcome].format(
        failed=statuses.count("failed"), all=len(statuses), problems=len(comparison.problems),
        stopping=sum(result.is_stopping for result in comparison.gates),
        unsettled=f", {open_ones} of {len(statuses)} inconclusive" if open_ones else "")


def rows(comparison: Comparison) -> list[list[str]]:
    """COLUMNS of every check, failed ones first, then of what no gate asked for."""
    checks = [check for result in comparison.gates for check in result.checks]
    checks.sort(key=lambda check: ORDER.index(check.status))
    others = [change for change in comparison.changes if not change.gated]
    return [_row(comparison, change) for change in (*checks, *others)]


def sentence(comparison: Comparison, check: Check) -> str:
    """A check in one line: what, by how much, and why that is its status."""
    cells = dict(zip(COLUMNS, _row(comparison, check), strict=True))
    return one_line(
        "{metric} {scope}, {pipeline}, {condition}: {base} -> {candidate}, change {change}"
        "{spread}, tolerated {tolerated}, adjusted p {p adjusted}: ".format(
            **cells, spread=f" {cells['interval']}".rstrip()) + _why(comparison, check))


def reasons(comparison: Comparison) -> Iterator[str]:
    """A line for every check that failed, then those of ``unsettled``: which, and why."""
    for result in comparison.gates:
        for check in result.checks:
            if check.status == "failed":
                yield one_line(f"failed: {_place(check)}: {check.reason}")
    yield from unsettled(comparison)


def unsettled(comparison: Comparison) -> Iterator[str]:
    """A line for every check that is inconclusive, with what would settle it. Of more than FEW with
    one reason, all of which the table has, one line for the others."""
    yield from _open(comparison, [check for result in comparison.gates for check in result.checks
                                  if check.status == "inconclusive"])


def _open(comparison: Comparison, checks: Sequence[Check]) -> Iterator[str]:
    """A line for every inconclusive check, for FEW of those with one reason, and for the others."""
    for reason in dict.fromkeys(check.reason for check in checks):
        alike = [check for check in checks if check.reason == reason]
        for check in alike[:FEW]:
            yield one_line(f"inconclusive: {_place(check)}: {_why(comparison, check)}")
        if others := len(alike) - FEW if len(alike) > FEW else 0:
            yield f"inconclusive: {others} more like the last: {reason}"


def _place(check: Check) -> str:
    return f"{check.metric} {check.scope}, {check.pipeline}, {check.condition}"


def _why(comparison: Comparison, check: Check) -> str:
    """The reason of an inconclusive check with what would have settled it, any other's as it is."""
    if (check.status != "inconclusive" or math.isnan(check.detectable)
            or any(check.missing_runs)):
        return check.reason
    fact = comparison.metrics[check.metric]
    shown = f"{number(check.detectable, fact)} {fact.difference_unit}".strip()
    beside = " more or less than is tolerated" if check.budget else ""
    more = settled_by(check.more_speakers, comparison.counted)
    return f"{check.reason}; could have shown {shown}{beside}; {more}"


def markdown(comparison: Comparison) -> str:
    """A comment for a pull request."""
    mark = _MARKS[comparison.outcome]
    names = f"{in_markdown(comparison.candidate)} compared with {in_markdown(comparison.base)}"
    table = [list(COLUMNS), ["---"] * len(COLUMNS),
             *([in_markdown(cell) for cell in row] for row in rows(comparison))]
    parts = [f"### {mark} evalkit: {headline(comparison)}", "", names, "",
             *(f"- **{in_markdown(problem)}**" for problem in comparison.problems),
             *(f"- {in_markdown(note)}" for note in comparison.notes),
             *(f"- {in_markdown(text)}" for text in lines(comparison.left_out)),
             *(f"- {in_markdown(text)}" for text in reasons(comparison)), "",
             *("| " + " | ".join(row) + " |" for row in table), "", _legend(comparison), ""]
    return "\n".join(parts)


def junit(comparison: Comparison) -> str:
    """JUnit XML: a test case for every check of a gate, and one for every problem."""
    suite = ElementTree.Element("testsuite", name="evalkit compare")
    for problem in comparison.problems:
        case = ElementTree.SubElement(suite, "testcase", classname="evalkit.completeness",
                                      name=one_line(problem))
        ElementTree.SubElement(case, "error", message=one_line(problem))
    for result in comparison.gates:
        for check in result.checks:
            _test_case(suite, comparison, result, check)
    tags = [child.tag for case in suite for child in case]
    for name, tag in (("errors", "error"), ("failures", "failure"), ("skipped", "skipped")):
        suite.set(name, str(tags.count(tag)))
    suite.set("tests", str(len(suite)))
    if comparison.left_out:
        ElementTree.SubElement(suite, "system-out").text = "\n".join(lines(comparison.left_out))
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _test_case(suite: ElementTree.Element, comparison: Comparison, result: GateResult,
               check: Check) -> None:
    case = ElementTree.SubElement(
        suite, "testcase", classname=one_line(f"evalkit.gates.{result.gate}"),
        name=one_line(f"{check.scope}, {check.pipeline}, {check.condition}"))
    if check.status != "passed":
        tag = "failure" if is_stopping(result, check) else "skipped"
        ElementTree.SubElement(case, tag, message=sentence(comparison, check))


def github(comparison: Comparison) -> Iterator[str]:
    """GitHub's workflow commands: an error for every problem and check that stops the candidate, a
    warning for every one that was not judged, a notice for the others that are inconclusive and for
    the outcome."""
    for problem in comparison.problems:
        yield _command("error", "evalkit: incomplete", problem)
    going_on = []
    for result in comparison.gates:
        for check in result.checks:
            if check.status == "not judged" or is_stopping(result, check):
                level = "warning" if check.status == "not judged" else "error"
                yield _command(level, f"evalkit: {result.gate}", sentence(comparison, check))
            elif check.status == "inconclusive":
                going_on.append(check)
    for text in _open(comparison, going_on):
        yield _command("notice", "evalkit: inconclusive", text)
    for text in lines(comparison.left_out):
        yield _command("notice", "evalkit: left out", text)
    yield _command("notice", "evalkit", headline(comparison))


def is_stopping(result: GateResult, check: Check) -> bool:
    """Whether one check of a gate alone would not let the candidate pass."""
    return result.model_copy(update={"status": check.status}).is_stopping


def _row(comparison: Comparison, change: Change) -> list[str]:
    fact, interval = comparison.metrics[change.metric], change.change
    check = change if isinstance(change, Check) else None
    failed = (f"{change.n_failed_base} -> {change.n_failed_candidate}"
              if change.n_failed_base or change.n_failed_candidate else "0")
    cells = [check.status if check else "", heading(change.metric, fact), change.scope,
             change.pipeline, change.condition, number(change.base, fact),
             number(change.candidate, fact), number(interval.value, fact, signed=True),
             bracketed(interval.low, interval.high, fact),
             number(check.budget, fact) if check else "", p_value(change.p_value),
             p_value(change.p_adjusted), p_value(check.p_beyond) if check else "",
             number(check.detectable, fact) if check else "", str(interval.n_speakers), failed,
             f"{change.verdict} ({change.why})" if change.why else change.verdict]
    return [one_line(cell) for cell in cells]


def _legend(comparison: Comparison) -> str:
    level = f"{100 * (1 - comparison.level):g} %"
    return (f"Changes are candidate minus base, paired by speaker, with {level} intervals. A gate "
            "passes where the whole interval is within what is tolerated, fails where the change "
            "is worse than that and p beyond (that it is no worse, adjusted over all gates) is at "
            f"most {comparison.fails_at:.2g}, and is inconclusive elsewhere. Could show: how far "
            "from what is tolerated a change has to be for these speakers to show it with 80 % "
            "power.")


def _command(level: str, title: str, message: str) -> str:
    def escaped(text: str) -> str:
        return one_line(text).replace("%", "%25")

    name = escaped(title).replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title={name}::{escaped(message)}"
