"""The command that shows who is cut off, and how late it is seen that a speaker has ended."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evalkit import api
from evalkit.cli.answers import Answer, answered
from evalkit.cli.options import AllowOutcome, Json, Pipeline, Run, Seed

if TYPE_CHECKING:
    from evalkit.statistics.endpoints import EndpointReport, EndpointRow
    from evalkit.statistics.latency import Quantile


def endpoints(run: Run,
              by: Annotated[list[str] | None, typer.Option(
                  help="Metadata column; columns joined by commas are crossed. Repeatable. "
                       "Default: everybody together.")] = None,
              pipeline: Pipeline = None, condition: Annotated[str | None, typer.Option(
                  help="One condition; default: each.")] = None, seed: Seed = 0,
              allow_outcome: AllowOutcome = None, as_json: Json = False) -> None:
    """Who is cut off, and how long the others wait: early cuts against the delay of end-points.

    Example:

        evalkit endpoints runs/live --by age
    """
    def ask(path: Path) -> Answer:
        found = api.endpoints(path, by or (), pipeline=pipeline, condition=condition, seed=seed,
                              allow_outcomes=allow_outcome or ())
        return Answer(lambda: [each.to_dict() for each in found], lambda: print_endpoints(found))

    answered(run, ask, as_json=as_json)


def print_endpoints(reports: Sequence[EndpointReport]) -> None:
    """Of every report a table: for each pipeline everybody, then the groups."""
    from evalkit.core.ledger import merged
    from evalkit.terminal import line, print_left_out, print_table

    for report in reports:
        by = f", by {' x '.join(report.by)}" if report.by else ""
        print(line(f"from the end of the last word until the end-point, in ms of audio, "
                   f"{report.condition}{by}"))
        guesses = any(not math.isnan(row.gain) for row in report.rows)
        perceived = any(row.perceived for row in report.rows)
        print_table(
            ["pipeline", "group", "status", "speakers", "n", "cut early %", "95 %", "none %",
             "P50", "95 %", "P90", "95 %", "resets in 100",
             *(["agree %", "gain ms"] if guesses else []),
             *(["perceived P50"] if perceived else [])],
            [_cells(row, guesses=guesses, perceived=perceived) for row in report.rows])
        for warning in report.warnings:
            print(line(f"note: {warning}"))
        print()
    print_left_out(merged(item for report in reports for item in report.left_out))


def _cells(row: EndpointRow, *, guesses: bool, perceived: bool) -> list[str]:
    from evalkit.core.text import bracketed, number
    from evalkit.terminal import MILLISECONDS, SHARE

    early = row.early_cut
    return [row.pipeline, row.group, row.status, str(row.n_speakers), str(row.n),
            number(early.value, SHARE), bracketed(early.low, early.high, SHARE),
            number(row.no_endpoint, SHARE), *_waits(row.delay), f"{row.resets:.1f}",
            *([number(row.agreement, SHARE), number(row.gain, MILLISECONDS)] if guesses else []),
            *(_waits(row.perceived)[:1] if perceived else [])]


def _waits(found: Sequence[Quantile]) -> list[str]:
    """Value and bounds of the two quantiles."""
    if not found:
        return [""] * 4
    return [cell for each in found for cell in (
        _wait(each.value),
        "" if math.isnan(each.low) else f"[{_wait(each.low)}, {_wait(each.high)}]")]


def _wait(milliseconds: float) -> str:
    """What is beyond the recordings is said to be so."""
    from evalkit.core.text import number
    from evalkit.terminal import MILLISECONDS

    return "beyond" if math.isinf(milliseconds) else number(milliseconds, MILLISECONDS)
