"""The command that sets cost against error, and shows who pays for what is cheaper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evalkit import api
from evalkit.cli.answers import Answer, answered
from evalkit.cli.options import AllowOutcome, ConditionName, Costs, Json, Seed, run_here

if TYPE_CHECKING:
    from evalkit.core.types import Fact
    from evalkit.store.documents.frontier import Axis, Frontier, OfGroup, PaidFor, Variant

SHOWN = 12
"""Variants that have a column in the tables of groups."""


def _runs_here(paths: list[Path]) -> list[Path]:
    return [here for path in paths if (here := run_here(path)) is not None]


def frontier(runs: Annotated[list[Path], typer.Argument(
                 callback=_runs_here, help="A run folder; or several of one corpus, whose "
                                           "pipelines are set beside each other.")],
             by: Annotated[list[str] | None, typer.Option(
                 help="Metadata column; columns joined by commas are crossed. Repeatable. Default: "
                      "those that the page groups by.")] = None,
             metric: Annotated[str | None, typer.Option(
                 help="Any additive metric. Default: as for `evalkit systems`.")] = None,
             cost: Annotated[str | None, typer.Option(
                 metavar="macs|bytes|weights|memory|rtf|latency",
                 help="What is set against it. Default: of those that are not the same of all the "
                      "one that the most pipelines have, of several such the first in this order.")
                 ] = None,
             costs: Costs = None,
             against: Annotated[str | None, typer.Option(
                 metavar="PIPELINE", help="The uncompressed one, that changes are from. Default: "
                                          "the one that costs most.")] = None,
             pipeline: Annotated[list[str] | None, typer.Option(
                 help="One of those that are compared. Repeatable. Default: every one.")] = None,
             condition: ConditionName = None, seed: Seed = 0, allow_outcome: AllowOutcome = None,
             as_json: Json = False) -> None:
    """Cost against error: which pipelines are dominated, and who pays for what is cheaper.

    Examples:

        evalkit frontier runs/sizes --by accent

        evalkit frontier runs/scored --costs costs.csv --cost bytes --against fp32

        evalkit frontier runs/fp32 runs/int8 --cost memory --json
    """
    def ask(path: Path) -> Answer:
        found = api.frontier(
            path, *runs[1:], by=by, metric=metric, cost=cost, costs=costs, against=against,
            pipelines=pipeline or (), condition=condition, seed=seed,
            allow_outcomes=allow_outcome or ())
        return Answer(found.to_dict, lambda: print_frontier(found))

    answered(runs[0], ask, as_json=as_json)


def print_frontier(found: Frontier) -> None:
    """The pipelines from the cheapest to the dearest; for every set of columns their values by
    group; and in words who pays."""
    from evalkit.core.text import heading
    from evalkit.store.documents.frontier import AXES
    from evalkit.terminal import line, print_left_out, print_table

    axis, fact = AXES[found.axis], found.fact
    print(line(f"{heading(found.metric, fact)} against {axis.title.lower()}, "
               f"{found.condition or 'all conditions'}; changes are from {found.against}"))
    print_table(["pipeline", *(f"{each.word} {each.unit}".strip() for each in _known(found)),
                 found.metric, "95 %", "dominated by", "change", "95 %", "p holm", "effect"],
                [_variant(each, found) for each in found.variants])
    for by in dict.fromkeys(row.by for row in found.groups):
        _print_groups([row for row in found.groups if row.by == by], found)
    print()
    for sentence in verdicts(found):
        print(line(sentence))
    for warning in found.warnings:
        print(line(f"note: {warning}"))
    print_left_out(found.left_out)


def _known(found: Frontier) -> list[Axis]:
    """The axes of which any number is known, that of the frontier first."""
    from evalkit.store.documents.frontier import AXES

    axes = sorted(AXES.values(), key=lambda axis: axis.name != found.axis)
    return [axis for axis in axes
            if any(each.taken.on(axis.name) is not None for each in found.variants)]


def _variant(each: Variant, found: Frontier) -> list[str]:
    from evalkit.core.text import bracketed, number

    fact, worse = found.fact, each.dominated
    by = "" if worse is None else worse.by + (" (sure)" if worse.sure else " (by the estimates)")
    return [each.pipeline, *(axis.shown(each.taken) for axis in _known(found)),
            number(each.value.value, fact), bracketed(each.value.low, each.value.high, fact),
            by, *_change(each.change, fact)]


def _change(paid: PaidFor | None, fact: Fact) -> list[str]:
    from evalkit.core.text import bracketed, number, p_value

    if paid is None:
        return ["", "", "", "reference"]
    change = paid.change
    return [number(change.value, fact, signed=True), bracketed(change.low, change.high, fact),
            p_value(paid.p_adjusted), paid.effect or ""]


def _print_groups(rows: Sequence[OfGroup], found: Frontier) -> None:
    """A line a group, a column a pipeline: its value, and the change; a ! where it pays."""
    from evalkit.core.text import count
    from evalkit.terminal import line, print_table

    shown = [each.pipeline for each in found.variants][:SHOWN]
    cells = {(row.group, row.pipeline): _of_group(row, found.fact) for row in rows}
    once = {row.group: row for row in rows}
    print()
    print(line(f"{found.metric} by {' x '.join(rows[0].by)}, and in brackets the change from "
               f"{found.against}; ! pays more than the others, . is dominated by the estimates"))
    print_table(["group", "status", "speakers", "n", *shown],
                [[name, row.status, str(row.n_speakers), str(row.n),
                  *(cells[name, pipeline] for pipeline in shown)] for name, row in once.items()])
    if more := len(found.variants[SHOWN:]):
        print(f"{count(more, 'dearer pipeline')} in --json alone")


def _of_group(row: OfGroup, fact: Fact) -> str:
    from evalkit.core.text import number

    paid = row.change
    change = "" if paid is None else f" ({number(paid.change.value, fact, signed=True)})"
    return (number(row.value.value, fact) + change + " ." * (row.dominated is not None)
            + " !" * (paid is not None and paid.pays))


def verdicts(found: Frontier) -> list[str]:
    """Who pays, a sentence each, or that nobody is seen to, or why nobody could be."""
    return [_pays(row, row.change, found) for row in found.payers if row.change] or [
        f"no group could be tested: {found.untested}" if found.untested else
        "no group is seen to pay more than the others"]


def _pays(row: OfGroup, paid: PaidFor, found: Frontier) -> str:
    from evalkit.core.text import number, p_is, span

    fact, beyond = found.fact, paid.beyond
    more = "" if beyond is None else (
        f", {number(beyond.value, fact, signed=True)} beyond the others "
        f"({span(beyond.low, beyond.high, fact)}; {p_is(paid.beyond_p_adjusted)} adjusted)")
    return (f"{row.group} pays for {row.pipeline}: {found.metric} from "
            f"{number(row.value.value - paid.change.value, fact)} to "
            f"{number(row.value.value, fact)} {fact.unit}{more}")
