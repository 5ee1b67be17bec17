"""Tables for the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from evalkit.core.ledger import LINE, LeftOut, lines, merged
from evalkit.core.text import bracketed, heading, number, p_is, p_value, printed, settling
from evalkit.core.types import PERCENT, Fact

if TYPE_CHECKING:
    from evalkit.core.types import Interval
    from evalkit.statistics.detection import DetectionInterval
    from evalkit.statistics.gains import GainReport, GainRow
    from evalkit.statistics.groups import GroupReport, GroupRow
    from evalkit.statistics.latency import LatencyReport, LatencyRow
    from evalkit.statistics.systems import SystemComparison
    from evalkit.statistics.verification import VerificationReport
    from evalkit.store.documents.batching import BatchEffect
    from evalkit.store.documents.comparison import Comparison
    from evalkit.store.documents.findings import Findings
    from evalkit.store.documents.mitigation import RecognitionResults, VerificationResults
    from evalkit.store.documents.run import Summary

CELL = 60
"""The longest text in a table."""
MILLISECONDS = Fact("ms", False, "", decimals=0)
SHARE = Fact(PERCENT, False, "")
"""Of a rate of trials."""


def print_summary(summary: Summary, facts: Mapping[str, Fact]) -> None:
    """One line a pipeline and condition, one column a metric that is no part of another, then the
    failures by kind."""
    rows = [row for row in (*summary.scores, *summary.trials)
            if facts[row.metric].part_of is None]
    metrics = list(dict.fromkeys(row.metric for row in rows))
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        cell = cells.setdefault((row.pipeline, row.condition), {})
        cell[row.metric] = number(row.value, facts[row.metric])
    columns = ["pipeline", "condition", *(heading(name, facts[name]) for name in metrics)]
    print_table(columns, [[*key, *(cell.get(name, "") for name in metrics)]
                          for key, cell in cells.items()])
    print(line("; ".join(f"{name}: {facts[name].named(name)}" for name in metrics)))
    for failure in summary.failures:
        print(line(str(failure)))


def print_batching(effects: Sequence[BatchEffect]) -> None:
    """A line for each of ``effects``."""
    from evalkit.statistics.batching import said

    for each in effects:
        print(line(f"{each.pipeline} in {each.condition}, in batches of up to {each.batch}: "
                   f"{said(each)}"))


def print_groups(reports: Sequence[GroupReport], fact: Fact) -> None:
    """Of every report the table of groups, worst first, then whether there is any gap, then the
    warnings."""
    for report in reports:
        _print_groups(report, fact)
    print_left_out(merged(item for report in reports for item in report.left_out))


def _print_groups(report: GroupReport, fact: Fact) -> None:
    where = f", {report.condition}" if report.condition else ""
    print(line(f"{heading(report.metric, fact)} of {report.pipeline}{where} by "
               f"{' x '.join(report.by)}"))
    columns = ["group", "status", "n", "failed", "speakers", "weight", report.metric, "95 %",
               "gap to rest", "95 %", "p", f"p {report.adjustment}", "could show", "more speakers",
               "rate ratio", "95 %"]
    print_table(columns, [_group_row(row, fact) for row in report.rows])
    if report.fairness is not None:
        tests = report.fairness.tests
        print(f"any gap: {p_is(report.fairness.p_value)}; largest minus smallest "
              f"{number(tests['gap'].value, fact)}, chance alone gives "
              f"{number(tests['gap'].expected, fact)}; could have shown "
              f"{number(report.fairness.detectable, fact)} between two such groups; speakers vary "
              f"up to {report.fairness.unequal_spread:.1f} times as much (variance)")
    if report.adjusted is not None:
        held = ", ".join(report.adjusted.covariates) or "nothing"
        print(line(f"rate ratios hold equal: {held}; groups "
                   f"differ: {p_is(report.adjusted.test.p_value)} (likelihood ratio)"))
    for warning in report.warnings:
        print(line(f"note: {warning}"))
    print()


def _group_row(row: GroupRow, fact: Fact) -> list[str]:
    cells = [row.group, row.status, str(row.n), str(row.n_failed), str(row.n_speakers),
             f"{row.weight:g}", *_interval(row.value, fact)]
    gap = row.gap
    cells += ([*_interval(gap.difference, fact), p_value(gap.p_value), p_value(gap.p_adjusted),
               number(gap.detectable, fact), settling(gap.more_speakers)] if gap else [""] * 6)
    ratio = row.adjusted
    return cells + ([f"{ratio.value:.2f}", f"[{ratio.low:.2f}, {ratio.high:.2f}]"]
                    if ratio else [""] * 2)


def print_gains(reports: Sequence[GainReport], fact: Fact) -> None:
    """Of every report the table of groups, the most harmed first, then whether the change is the
    same for all, then the warnings."""
    columns = ["group", "status", "n", "failed", "speakers", "before", "after", "change", "95 %",
               "p", "p adjusted", "effect", "change against rest", "95 %", "p adjusted", "fares"]
    for report in reports:
        print(line(f"gains by {' x '.join(report.by)}: {report.place}"))
        print_table(columns, [_gain_row(row, fact) for row in (report.everybody, *report.rows)])
        if report.p_differ is not None:
            print(f"the same for all groups: {p_is(report.p_differ)}; p adjusted "
                  f"for the number of groups: {report.adjustment}")
        for warning in report.warnings:
            print(line(f"note: {warning}"))
        print()
    print_left_out(merged(dict.fromkeys(item for report in reports for item in report.left_out)))


def _gain_row(row: GainRow, fact: Fact) -> list[str]:
    gap = row.gap
    return [row.group, row.status, str(row.n), str(row.n_failed), str(row.n_speakers),
            number(row.before, fact), number(row.after, fact),
            number(row.change.value, fact, signed=True),
            bracketed(row.change.low, row.change.high, fact), p_value(row.p_value),
            p_value(row.p_adjusted), row.effect or "",
            *([number(gap.difference.value, fact, signed=True),
               bracketed(gap.difference.low, gap.difference.high, fact),
               p_value(gap.p_adjusted)] if gap else [""] * 3), row.standing or ""]


def print_verification(reports: Sequence[VerificationReport]) -> None:
    """Of every report the table of groups, those most often rejected first, then whether that is
    more than chance, then the warnings."""
    columns = ["group", "status", "speakers", "targets", "others", "failed", "own EER %", "95 %",
               "rejected %", "95 %", "accepted %", "95 %"]
    for report in reports:
        print(line(f"speaker verification, {report.pipeline}, {report.condition}, by "
                   f"{' x '.join(report.by)}, at the threshold {report.threshold:.4f} for "
                   "everybody"))
        print_table(columns, [
            [row.group, row.status, str(row.n_speakers), str(row.n_targets),
             str(row.n_nontargets), str(row.n_failed),
             *(cell for name in ("eer", "miss", "false_alarm")
               for cell in _interval(row.rates[name], SHARE))] for row in report.rows])
        found = report.fairness
        if found is not None:
            print(f"fairness discrepancy rate {found.fdr:.4f} (1 is fair), chance alone gives "
                  f"{found.expected_fdr:.4f} ({p_is(found.p_fdr)}); GARBE {found.garbe:.4f} "
                  f"(0 is fair), {found.expected_garbe:.4f} ({p_is(found.p_garbe)})")
        for warning in report.warnings:
            print(line(f"note: {warning}"))
        print()
    print_left_out(merged(item for report in reports for item in report.left_out))


def print_latencies(reports: Sequence[LatencyReport]) -> None:
    """Of every report the table of groups, those whose words come latest first, then the
    warnings."""
    for report in reports:
        until = "first shown" if report.until == "shown" else "there to stay"
        by = f", by {' x '.join(report.by)}" if report.by else ""
        print(line(f"from the end of a correct word until it was {until}, in ms of audio, "
                   f"{report.pipeline}, {report.condition}{by}"))
        shares = [f"P{100 * each.share:g}" for each in report.everybody.quantiles]
        print_table(["group", "status", "speakers", "words",
                     *(cell for share in shares for cell in (share, "95 %"))],
                    [_latencies(row) for row in (report.everybody, *report.rows)])
        for source in report.words_source:
            print(line(f"word times: {source}"))
        for warning in report.warnings:
            print(line(f"note: {warning}"))
        print()
    print_left_out(merged(item for report in reports for item in report.left_out))


def _latencies(row: LatencyRow) -> list[str]:
    return [row.group, row.status, str(row.n_speakers), str(row.n_words),
            *(cell for each in row.quantiles for cell in (
                number(each.value, MILLISECONDS), bracketed(each.low, each.high, MILLISECONDS)))]


def print_systems(found: Sequence[SystemComparison], fact: Fact) -> None:
    """One line a pair of pipelines."""
    columns = ["a", "b", "n", "a", "b", "a - b", "95 %", "p speakers", "p sentences",
               "segments", "Z", "p matched pairs"]
    rows = []
    for pair in found:
        matched = pair.matched_pairs
        rows.append([
            pair.a, pair.b, str(pair.n), number(pair.rate_a.value, fact),
            number(pair.rate_b.value, fact), *_interval(pair.difference, fact),
            p_value(pair.speakers.p_value),
            p_value(pair.sentences.p_value) if pair.sentences else "",
            *([str(matched.segments), f"{matched.z:.3f}", p_value(matched.p_value)]
              if matched else [""] * 3)])
    print_table(columns, rows)
    for warning in dict.fromkeys(w for pair in found for w in pair.warnings):
        print(line(f"note: {warning}"))
    print_left_out(merged(item for pair in found for item in pair.left_out))


def print_cohorts(findings: Findings) -> None:
    """The cohorts of every finder, then which finders could not work, then the warnings."""
    from evalkit.cohorts.findings import describe, searched

    print_table(*describe(findings))
    print(line(f"searched: {searched(findings)}"))
    print_left_out(findings.left_out)
    for warning in findings.warnings:
        print(line(f"note: {warning}"))


def print_comparison(comparison: Comparison) -> None:
    """The gates and changes, then what is missing and what to know, then the outcome."""
    from evalkit.compare import formats

    print_table(formats.COLUMNS, formats.rows(comparison))
    for problem in comparison.problems:
        print(line(f"problem: {problem}"))
    for note in comparison.notes:
        print(line(f"note: {note}"))
    print_left_out(comparison.left_out)
    print(*map(line, formats.reasons(comparison)), formats.headline(comparison), sep="\n")


def print_mitigation(name: str, results: RecognitionResults | VerificationResults) -> None:
    """The first table of an experiment, and its conclusion."""
    from evalkit.report.mitigation import tables

    table = tables(results)[0]
    print(line(f"{name}: {table.caption}"))
    print_table([column.title for column in table.columns], [
        [f"{row.cells[column.key].text} {row.cells[column.key].detail}".strip()
         for column in table.columns] for row in table.rows])
    if results.kind == "recognition":
        print(line(results.conclusion))
    print_left_out(results.left_out)
    print()


def print_left_out(items: Iterable[LeftOut]) -> None:
    """A line a record of the ledger."""
    for text in lines(items):
        print(text)


def print_json(tree: Any) -> None:
    """Indented JSON on standard output."""
    print(to_json(tree))


def to_json(tree: Any) -> str:
    """Indented JSON."""
    return json.dumps(tree, indent=2, ensure_ascii=False, allow_nan=False)


def _interval(interval: Interval | DetectionInterval, fact: Fact) -> list[str]:
    return [number(interval.value, fact), bracketed(interval.low, interval.high, fact)]


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A plain table as wide as it needs to be, whatever the terminal; numbers to the right. Cells
    longer than CELL are cut."""
    columns = [line(column, CELL) for column in columns]
    rows = [[line(cell, CELL) for cell in row] for row in rows]
    table = Table(box=None, pad_edge=False, header_style="bold")
    width = 0
    for index, column in enumerate(columns):
        cells = [row[index] for row in rows]
        numeric = all(_is_number(cell) for cell in cells)
        table.add_column(Text(column), justify="right" if numeric else "left", no_wrap=True)
        width += 2 + max(map(cell_len, [column, *cells]))
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(highlight=False, width=width).print(table, crop=False, soft_wrap=True)


def line(text: str, length: int = LINE) -> str:
    """``text`` as one line of at most ``length`` characters, none of them hidden."""
    return printed(text, length)


def _is_number(text: str) -> bool:
    return text in {"", "–"} or text.lstrip("+−< ").replace(".", "", 1).isdigit()
