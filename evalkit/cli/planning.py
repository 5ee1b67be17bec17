"""``evalkit plan``: how many speakers and utterances a gap, or a change between two versions,
takes, before anything is recorded."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from evalkit import api
from evalkit.cli.options import ConditionName, Json
from evalkit.core.errors import ConfigError
from evalkit.core.text import count, number, with_unit

if TYPE_CHECKING:
    from evalkit.statistics.change_planning import ChangePlan
    from evalkit.statistics.planning import Plan

Answer = TypeVar("Answer", "Plan", "ChangePlan")


def plan(gap: Annotated[float | None, typer.Option(
             help="The smallest gap that matters, of one group to the others, in points.")] = None,
         speakers: Annotated[int | None, typer.Option(
             min=2, help="Instead: of each group; which gap would they show?")] = None,
         change: Annotated[float | None, typer.Option(
             help="Instead: the smallest change that matters between two versions that hear the "
                  "same utterances, in points.")] = None,
         utterances: Annotated[int | None, typer.Option(
             min=1, help="Of each speaker. Default: 10.")] = None,
         rate: Annotated[float | None, typer.Option(
             help="The error rate of the others, or of the older version, in per cent. Default: "
                  "that of --from.")] = None,
         words: Annotated[float | None, typer.Option(
             min=0.1, help="Of an utterance. Default: as many as in --from, or 10.")] = None,
         between_speakers: Annotated[float | None, typer.Option(
             min=0, metavar="SD", help="Standard deviation of speakers' own rates, in points, or "
             "of their own changes. Default: measured in --from, or assumed.")] = None,
         run: Annotated[Path | None, typer.Option(
             "--from", metavar="RUN", help="A run folder that tells how scores vary; of --change "
             "the newer one, or the file of a past `evalkit compare --json`.")] = None,
         base: Annotated[Path | None, typer.Option(
             metavar="RUN", help="Of --change and --from: the run folder of the older version.")
             ] = None,
         by: Annotated[str | None, typer.Option(
             help="Of --from: the column whose groups' own rates speakers vary around; in a "
                  "comparison a group, such as accent=Scottish.")] = None,
         metric: Annotated[str | None, typer.Option(
             help="Of --from: any additive metric. Default: as for `evalkit groups`.")] = None,
         pipeline: Annotated[str | None, typer.Option(
             help="Of --from: which one; may be left out where there is one.")] = None,
         condition: ConditionName = None,
         groups: Annotated[int | None, typer.Option(
             min=1, help="That are compared, or gated. Default: 2, of --change 1.")] = None,
         power: Annotated[float, typer.Option(
             min=50, max=99.9, help="Chance that it is found, in per cent.")] = 80.0,
         as_json: Json = False) -> None:
    """How many speakers and utterances of each group would show a gap, or a change between two
    versions, before recording them.

    Examples:

        evalkit plan --gap 2 --rate 10 --utterances 10

        evalkit plan --gap 2 --from runs/v2 --by accent --utterances 20

        evalkit plan --speakers 40 --rate 10 --between-speakers 4

        evalkit plan --change 1 --from runs/v2 --base runs/v1
    """
    known: dict[str, Any] = {"utterances": utterances, "rate": rate, "words": words,
             "between_speakers": between_speakers, "run": run, "by": by, "metric": metric,
             "pipeline": pipeline, "condition": condition, "power": power / 100}
    if change is not None:
        if (gap, speakers) != (None, None):
            raise ConfigError("--change, --gap and --speakers ask different things; give one")
        found = api.plan_change(change, base=base, **known | {"groups": groups or 1})
        return _show_change(found, as_json)
    if base is not None:
        raise ConfigError("--base: of --change, between two versions")
    known |= {"utterances": utterances or 10, "groups": groups or 2}
    _show_gap(api.plan(gap=gap, speakers=speakers, **known), as_json)


def _show_gap(found: Plan, as_json: bool) -> None:
    _show(found, as_json, _answer, "speakers of a group", _assumed)


def _show_change(found: ChangePlan, as_json: bool) -> None:
    what = "speakers" if found.question.groups == 1 else "speakers of a group"
    _show(found, as_json, _answer_of_change, what, _assumed_of_change)


def _show(found: Answer, as_json: bool, answer: Callable[[Answer], str], speakers: str,
          assumed: Callable[[Answer], str]) -> None:
    from evalkit.core.plain import plain_data
    from evalkit.terminal import line, print_json, print_table

    if as_json:
        return print_json(plain_data(found))
    print(line(answer(found)))
    if found.trades:
        print_table(["utterances of a speaker", speakers, "utterances in all"],
                    [[f"{n:,}" for n in (each.utterances, each.speakers, each.recordings)]
                     for each in found.trades])
    print(line(assumed(found)))


def _answer_of_change(plan: ChangePlan) -> str:
    study, fact, rate = plan.study, plan.fact, plan.question.spread.rate
    change = f"{number(abs(study.change), fact)} {fact.difference_unit}".strip()
    each = f" of each of {study.groups} groups" if study.groups > 1 else ""
    return (f"{count(study.speakers, 'speaker')}{each} with "
            f"{count(study.utterances, 'utterance')} each ({study.recordings:,} utterances) show a "
            f"change of {change} between two versions, {with_unit(rate, fact)} to "
            f"{with_unit(rate + study.change, fact)}, with {100 * plan.question.power:g} % power")


def _assumed_of_change(plan: ChangePlan) -> str:
    from evalkit.statistics.change_planning import ANEW

    spread, fact, asked = plan.question.spread, plan.fact, plan.question
    deviation = f"{number(math.sqrt(spread.between), fact)} {fact.difference_unit}".strip()
    source = (f"measured in {plan.source}" if plan.source else
              f"a version makes {100 * ANEW:g} % of its errors anew")
    return (f"assumed: both versions hear the same utterances; speakers' own changes have a "
            f"standard deviation of {deviation} ({source}); tested as `evalkit compare` does, "
            f"two-sided at {100 * asked.level / asked.groups:.2g} %; beside a tolerance the change "
            f"is its distance from it{_alike(plan)}")


def _answer(plan: Plan) -> str:
    study, fact = plan.study, plan.fact
    rate = plan.question.spread.rate
    gap = f"{number(study.gap, fact)} {fact.difference_unit}".strip()
    return (f"{count(study.speakers, 'speaker')} of each of {study.groups} groups with "
            f"{count(study.utterances, 'utterance')} each ({study.recordings:,} utterances) show a "
            f"gap of {gap}, {with_unit(rate + study.gap, fact)} against {with_unit(rate, fact)}, "
            f"with {100 * plan.question.power:g} % power")


def _assumed(plan: Plan) -> str:
    spread, fact = plan.question.spread, plan.fact
    deviation = f"{number(math.sqrt(spread.between), fact)} {fact.difference_unit}".strip()
    words = f", utterances {spread.weight:.3g} words" if fact.is_count else ""
    source = f"measured in {plan.source}" if plan.source else "errors are Poisson"
    return (f"assumed: speakers' own rates have a standard deviation of {deviation}{words} "
            f"({source}); groups are compared as `evalkit groups` does, each with the others, "
            f"two-sided at {100 * plan.question.level / plan.question.groups:.2g} %{_alike(plan)}")


def _alike(plan: Plan | ChangePlan) -> str:
    """That a spread of 0 was measured is no knowledge that there is none."""
    return ("; that speakers differ by no more than chance was measured there and may be luck: "
            "--between-speakers asks what they would take if they did"
            ) if plan.source and not plan.question.spread.between else ""
