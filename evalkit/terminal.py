"""Tables for the terminal."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from evalkit.statistics.bootstrap import Interval
    from evalkit.statistics.detection import DetectionInterval
    from evalkit.statistics.groups import GroupReport, GroupRow
    from evalkit.statistics.systems import SystemComparison
    from evalkit.statistics.verification import VerificationReport

CELL = 60
"""The longest text in a table."""
LINE = 1000
"""The longest line beside one."""


def print_summary(summary: Mapping[str, Any], facts: Mapping[str, Mapping[str, Any]]) -> None:
    """One line a pipeline and condition, one column a headline metric (no sub-counts), then the
    failures by kind."""
    rows = [row for row in [*summary["scores"], *summary["trials"]] if "." not in
            row["metric"].removeprefix("min_dcf_p0.")]
    metrics = list(dict.fromkeys(row["metric"] for row in rows))
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        cell = cells.setdefault((row["pipeline"], row["condition"]), {})
        cell[row["metric"]] = show(row["value"], facts.get(row["metric"], {}))
    units = [f" {facts[m]['unit']}" if facts.get(m, {}).get("unit") else "" for m in metrics]
    columns = ["pipeline", "condition", *(m + unit for m, unit in zip(metrics, units, strict=True))]
    print_table(columns, [[*key, *(cell.get(m, "") for m in metrics)]
                          for key, cell in cells.items()])
    for row in summary["failures"]:
        if "." not in row["metric"]:
            print(line(f"{row['n']} failed: {row['pipeline']} {row['condition']} "
                       f"{row['metric']}: {row['kind']}"))


def print_groups(reports: Sequence[GroupReport], fact: Mapping[str, Any]) -> None:
    """Of every report the table of groups, worst first, then whether there is any gap, then the
    warnings."""
    for report in reports:
        _print_groups(report, fact)


def _print_groups(report: GroupReport, fact: Mapping[str, Any]) -> None:
    unit = f" {fact['unit']}" if fact.get("unit") else ""
    where = f", {report.condition}" if report.condition else ""
    print(line(f"{report.metric}{unit} of {report.pipeline}{where} by {' x '.join(report.by)}"))
    columns = ["group", "status", "n", "failed", "speakers", "weight", report.metric, "95 %",
               "gap to rest", "95 %", "p", f"p {report.adjustment}", "rate ratio", "95 %"]
    print_table(columns, [_group_row(row, fact) for row in report.rows])
    if report.fairness is not None:
        tests = report.fairness.tests
        print(f"any gap: p = {tests['welch'].p_value:.4f}; largest minus smallest "
              f"{show(tests['gap'].value, fact)}, chance alone gives "
              f"{show(tests['gap'].expected, fact)} (p = {tests['gap'].p_value:.4f})")
    if report.adjusted is not None:
        print(line(f"rate ratios hold equal: {', '.join(report.adjusted.covariates)}; groups "
                   f"differ: p = {report.adjusted.test.p_value:.4f} (likelihood ratio)"))
    for warning in report.warnings:
        print(line(f"note: {warning}"))
    print()


def _group_row(row: GroupRow, fact: Mapping[str, Any]) -> list[str]:
    cells = [row.group, row.status, str(row.n), str(row.n_failed), str(row.n_speakers),
             f"{row.weight:g}", *_interval(row.value, fact)]
    gap = row.gap
    cells += ([*_interval(gap.difference, fact), f"{gap.p_value:.4f}", f"{gap.p_adjusted:.4f}"]
              if gap else [""] * 4)
    ratio = row.adjusted
    return cells + ([f"{ratio.value:.2f}", f"[{ratio.low:.2f}, {ratio.high:.2f}]"]
                    if ratio else [""] * 2)


def print_verification(reports: Sequence[VerificationReport]) -> None:
    """Of every report the table of groups, those most often rejected first, then whether that is
    more than chance, then the warnings."""
    columns = ["group", "status", "speakers", "targets", "others", "failed", "own EER %", "95 %",
               "rejected %", "95 %", "accepted %", "95 %"]
    share = {"unit": "%", "decimals": 2}
    for report in reports:
        print(line(f"speaker verification, {report.pipeline}, {report.condition}, by "
                   f"{' x '.join(report.by)}, at the threshold {report.threshold:.4f} for "
                   "everybody"))
        print_table(columns, [
            [row.group, row.status, str(row.n_speakers), str(row.n_targets),
             str(row.n_nontargets), str(row.n_failed),
             *(cell for name in ("eer", "miss", "false_alarm")
               for cell in _interval(row.rates[name], share))] for row in report.rows])
        found = report.fairness
        if found is not None:
            print(f"fairness discrepancy rate {found.fdr:.4f} (1 is fair), chance alone gives "
                  f"{found.expected_fdr:.4f} (p = {found.p_fdr:.4f}); GARBE {found.garbe:.4f} "
                  f"(0 is fair), {found.expected_garbe:.4f} (p = {found.p_garbe:.4f})")
        for warning in report.warnings:
            print(line(f"note: {warning}"))
        print()


def print_systems(found: Sequence[SystemComparison], fact: Mapping[str, Any]) -> None:
    """One line a pair of pipelines."""
    columns = ["a", "b", "n", "a", "b", "a - b", "95 %", "p speakers", "p sentences",
               "segments", "Z", "p matched pairs"]
    rows = []
    for pair in found:
        matched = pair.matched_pairs
        rows.append([
            pair.a, pair.b, str(pair.n), show(pair.rate_a.value, fact),
            show(pair.rate_b.value, fact), *_interval(pair.difference, fact),
            f"{pair.speakers.p_value:.4f}",
            f"{pair.sentences.p_value:.4f}" if pair.sentences else "",
            *([str(matched.segments), f"{matched.z:.3f}", f"{matched.p_value:.4f}"]
              if matched else [""] * 3)])
    print_table(columns, rows)
    for warning in dict.fromkeys(w for pair in found for w in pair.warnings):
        print(line(f"note: {warning}"))


def print_mitigation(name: str, results: Mapping[str, Any]) -> None:
    """The first table of an experiment, and its conclusion."""
    from evalkit.report.mitigation import tables

    table = tables(results)[0]
    print(line(f"{name}: {table.caption}"))
    print_table([table.corner, *table.columns], [
        [heading, *(f"{cell.text} {cell.interval}".strip() for cell in cells)]
        for heading, cells in table.rows])
    if results.get("conclusion"):
        print(line(results["conclusion"]))
    print()


def print_json(tree: Any) -> None:
    """Indented JSON on standard output."""
    print(to_json(tree))


def to_json(tree: Any) -> str:
    """Indented JSON."""
    return json.dumps(tree, indent=2, ensure_ascii=False, allow_nan=False)


def _interval(interval: Interval | DetectionInterval, fact: Mapping[str, Any]) -> list[str]:
    low, high = show(interval.low, fact), show(interval.high, fact)
    return [show(interval.value, fact), f"[{low}, {high}]"]


def show(value: float | None, fact: Mapping[str, Any]) -> str:
    """A value with the decimals of its fact; rates times 100; a dash where undefined."""
    if value is None or math.isnan(value):
        return "–"
    scale = 100 if fact.get("unit") == "%" else 1
    return f"{scale * value:.{fact.get('decimals', 2)}f}"


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
    if text.isprintable() and len(text) <= length:
        return text
    from evalkit.report.text import short  # which loads the whole report

    return short(text, length)


def _is_number(text: str) -> bool:
    return text in {"", "–"} or text.lstrip("-").replace(".", "", 1).isdigit()
