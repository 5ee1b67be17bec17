"""One comparison as a table, Markdown, JUnit XML and GitHub's annotations. Names come from run
folders and are escaped in each of them."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

from evalkit.core.errors import one_line
from evalkit.core.ledger import lines
from evalkit.core.text import bracketed, heading, in_markdown, number, p_value
from evalkit.store.documents.comparison import Change, Check, Comparison, GateResult, Outcome

COLUMNS = ("gate", "metric", "scope", "pipeline", "condition", "base", "candidate", "change",
           "interval", "tolerated", "p", "p adjusted", "speakers", "failed", "verdict")
_HEADLINES: dict[Outcome, str] = {
    "pass": "pass: no gate failed", "regression": "regression: {failed} of {all} gates failed",
    "incomplete": "incomplete: correct what is missing or differs ({problems}) first"}


def headline(comparison: Comparison) -> str:
    """The outcome in one line."""
    failed = sum(result.status == "failed" for result in comparison.gates)
    return _HEADLINES[comparison.outcome].format(
        failed=failed, all=len(comparison.gates), problems=len(comparison.problems))


def rows(comparison: Comparison) -> list[list[str]]:
    """COLUMNS of every check, failed ones first, then of what no gate asked for."""
    checks = [check for result in comparison.gates for check in result.checks]
    checks.sort(key=lambda check: ("failed", "not judged", "passed").index(check.status))
    others = [change for change in comparison.changes if not change.gated]
    return [_row(comparison, change) for change in (*checks, *others)]


def sentence(comparison: Comparison, check: Check) -> str:
    """A check in one line: what, by how much, and why that is its status."""
    cells = dict(zip(COLUMNS, _row(comparison, check), strict=True))
    return one_line(
        "{metric} {scope}, {pipeline}, {condition}: {base} -> {candidate}, change {change}"
        "{spread}, tolerated {tolerated}, adjusted p {p adjusted}: ".format(
            **cells, spread=f" {cells['interval']}".rstrip()) + check.reason)


def markdown(comparison: Comparison) -> str:
    """A comment for a pull request."""
    mark = {"pass": "✅", "regression": "❌", "incomplete": "⚠️"}[comparison.outcome]
    names = f"{in_markdown(comparison.candidate)} compared with {in_markdown(comparison.base)}"
    table = [list(COLUMNS), ["---"] * len(COLUMNS),
             *([in_markdown(cell) for cell in row] for row in rows(comparison))]
    parts = [f"### {mark} evalkit: {headline(comparison)}", "", names, "",
             *(f"- **{in_markdown(problem)}**" for problem in comparison.problems),
             *(f"- {in_markdown(note)}" for note in comparison.notes),
             *(f"- {in_markdown(text)}" for text in lines(comparison.left_out)), "",
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
        tag = "failure" if check.status == "failed" else "skipped"
        ElementTree.SubElement(case, tag, message=sentence(comparison, check))


def github(comparison: Comparison) -> Iterator[str]:
    """GitHub's workflow commands: an error for every problem and failed check, a warning for
    every one that was not judged, a notice for the outcome."""
    for problem in comparison.problems:
        yield _command("error", "evalkit: incomplete", problem)
    for result in comparison.gates:
        for check in result.checks:
            if check.status != "passed":
                level = "error" if check.status == "failed" else "warning"
                yield _command(level, f"evalkit: {result.gate}", sentence(comparison, check))
    for text in lines(comparison.left_out):
        yield _command("notice", "evalkit: left out", text)
    yield _command("notice", "evalkit", headline(comparison))


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
             p_value(change.p_adjusted), str(interval.n_speakers), failed,
             f"{change.verdict} ({change.why})" if change.why else change.verdict]
    return [one_line(cell) for cell in cells]


def _legend(comparison: Comparison) -> str:
    level = f"{100 * (1 - comparison.level):g} %"
    return (f"Changes are candidate minus base, paired by speaker, with {level} intervals. A gate "
            "fails where the change is worse by more than is tolerated and p, adjusted over all "
            f"gated changes, is at most {comparison.level:g}.")


def _command(level: str, title: str, message: str) -> str:
    def escaped(text: str) -> str:
        return one_line(text).replace("%", "%25")

    name = escaped(title).replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title={name}::{escaped(message)}"
