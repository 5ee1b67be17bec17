"""``evalkit plan``: how many speakers and utterances a gap takes, before anything is recorded."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evalkit import api
from evalkit.cli.options import ConditionName, Json
from evalkit.core.text import count, number, with_unit

if TYPE_CHECKING:
    from evalkit.statistics.planning import Plan


def plan(gap: Annotated[float | None, typer.Option(
             help="The smallest gap that matters, of one group to the others, in points.")] = None,
         speakers: Annotated[int | None, typer.Option(
             min=2, help="Instead: of each group; which gap would they show?")] = None,
         utterances: Annotated[int, typer.Option(min=1, help="Of each speaker.")] = 10,
         rate: Annotated[float | None, typer.Option(
             help="The error rate of the others, in per cent. Default: that of --from.")] = None,
         words: Annotated[float | None, typer.Option(
             min=0.1, help="Of an utterance. Default: as many as in --from, or 10.")] = None,
         between_speakers: Annotated[float | None, typer.Option(
             min=0, metavar="SD", help="Standard deviation of speakers' own rates, in points. "
             "Default: measured in --from, or half the rate.")] = None,
         run: Annotated[Path | None, typer.Option(
             "--from", metavar="RUN", help="A run folder that tells how scores vary.")] = None,
         by: Annotated[str | None, typer.Option(
             help="Of --from: the column whose groups' own rates speakers vary around.")] = None,
         metric: Annotated[str | None, typer.Option(
             help="Of --from: any additive metric. Default: as for `evalkit groups`.")] = None,
         pipeline: Annotated[str | None, typer.Option(
             help="Of --from: which one; may be left out where there is one.")] = None,
         condition: ConditionName = None,
         groups: Annotated[int, typer.Option(min=2, help="That are compared.")] = 2,
         power: Annotated[float, typer.Option(
             min=50, max=99.9, help="Chance that the gap is found, in per cent.")] = 80.0,
         as_json: Json = False) -> None:
    """How many speakers and utterances of each group would show a gap, before recording them.

    Examples:

        evalkit plan --gap 2 --rate 10 --utterances 10

        evalkit plan --gap 2 --from runs/v2 --by accent --utterances 20

        evalkit plan --speakers 40 --rate 10 --between-speakers 4
    """
    found = api.plan(gap=gap, speakers=speakers, utterances=utterances, rate=rate, words=words,
                     between_speakers=between_speakers, run=run, by=by, metric=metric,
                     pipeline=pipeline, condition=condition, groups=groups, power=power / 100)
    from evalkit.core.plain import plain_data
    from evalkit.terminal import line, print_json

    if as_json:
        return print_json(plain_data(found))
    print(line(_answer(found)))
    _show_trades(found)
    print(line(_assumed(found)))


def _answer(plan: Plan) -> str:
    study, fact = plan.study, plan.fact
    rate = plan.question.spread.rate
    gap = f"{number(study.gap, fact)} {fact.difference_unit}".strip()
    return (f"{count(study.speakers, 'speaker')} of each of {study.groups} groups with "
            f"{count(study.utterances, 'utterance')} each ({study.recordings:,} utterances) show a "
            f"gap of {gap}, {with_unit(rate + study.gap, fact)} against {with_unit(rate, fact)}, "
            f"with {100 * plan.question.power:g} % power")


def _show_trades(plan: Plan) -> None:
    from evalkit.terminal import print_table

    if plan.trades:
        print_table(["utterances of a speaker", "speakers of a group", "utterances in all"],
                    [[f"{n:,}" for n in (each.utterances, each.speakers, each.recordings)]
                     for each in plan.trades])


def _assumed(plan: Plan) -> str:
    spread, fact = plan.question.spread, plan.fact
    deviation = f"{number(math.sqrt(spread.between), fact)} {fact.difference_unit}".strip()
    words = f", utterances {spread.weight:.3g} words" if fact.is_count else ""
    source = f"measured in {plan.source}" if plan.source else "errors are Poisson"
    return (f"assumed: speakers' own rates have a standard deviation of {deviation}{words} "
            f"({source}); groups are compared as `evalkit groups` does, each with the others, "
            f"two-sided at {100 * plan.question.level / plan.question.groups:.2g} %")
