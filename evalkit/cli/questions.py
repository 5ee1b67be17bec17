"""Commands that ask a run folder something: ``groups``, ``latency``, ``systems``, ``cohorts``,
``report``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evalkit import api
from evalkit.cli.answers import Answer, answered
from evalkit.cli.options import (
    After,
    AllowOutcome,
    ConditionName,
    Costs,
    Json,
    Look,
    Out,
    Pipeline,
    Run,
    Seed,
    not_of_a_run,
    say,
)
from evalkit.core.errors import ConfigError
from evalkit.store.remote import named

if TYPE_CHECKING:
    from evalkit.core.types import Fact
    from evalkit.statistics.gains import GainReport

AUTO = "auto"
"""The baseline that evalkit.statistics.enhancement finds."""


def report(runs: Annotated[list[Path], typer.Argument(
               help="Run folders, the oldest first: the last is reported, beside the others. The "
                    "first may be a frozen baseline.")],
           out: Out,
           by: Annotated[str | None, typer.Option(
               help="Metadata column to group speakers by; one.")] = None,
           pipeline: Annotated[str | None, typer.Option(
               help="The pipeline that ships: the first screen is about it; without it, about "
                    "the best.")] = None,
           title: Annotated[str, typer.Option(
               help="What stands over the page; without it the corpus's name.")] = "",
           gates: Annotated[Path | None, typer.Option(
               help="gates.yaml: whether the last may ship, judged against the first.")] = None,
           look: Look = None, after: After = None, costs: Costs = None,
           markdown: Annotated[Path | None, typer.Option(callback=not_of_a_run,
               help="File to write a summary into, for a pull request.")] = None,
           allow_outcome: AllowOutcome = None) -> None:
    """Write a run as one folder of static HTML.

    Examples:

        evalkit report runs/v2 --out reports/v2 --by accent

        evalkit report runs/v1 runs/v2 --out reports/v2 --gates gates.yaml --markdown summary.md
    """
    say(f"reporting {named(runs[-1])} in {named(out)}")
    print(api.report(runs[-1], out, by=by, earlier=runs[:-1], markdown=markdown,
                     allow_outcomes=allow_outcome or (), pipeline=pipeline, title=title,
                     gates=gates, look=look, after=after, costs=costs))


def groups(run: Run,
           by: Annotated[list[str], typer.Option(
               help="Metadata column; columns joined by commas are crossed. Repeatable.")],
           metric: Annotated[str | None, typer.Option(
               help="Any additive metric of the run, or eer of speaker verification. Default: the "
                    "run's first error rate, or else its first metric.")] = None,
           gain_over: Annotated[str | None, typer.Option(
               metavar="BASELINE", help="Instead: what pipelines with an enhancer change for each "
               "group, against this one; auto: the same pipeline without the enhancer.")] = None,
           threshold: Annotated[str | None, typer.Option(
               metavar="NUMBER|RUN", help="Of --metric eer: the score from which trials are "
               "accepted, or another run whose equal error rate gives it. Default: this run's.")
               ] = None,
           pipeline: Pipeline = None, condition: ConditionName = None, seed: Seed = 0,
           allow_outcome: AllowOutcome = None, as_json: Json = False) -> None:
    """Compare groups of speakers: intervals, tests, and gaps adjusted for what else differs.

    With --gain-over: whom enhancement helps and whom it harms, and who fares worse by it than the
    others. With --metric eer: each group's own equal error rate, and how often it is rejected and
    accepted wrongly at the one threshold that everybody gets, under each condition.

    Examples:

        evalkit groups runs/v2 --by gender --by country

        evalkit groups runs/v2 --by gender,accent --metric cer --json

        evalkit groups runs/v2 --by gender --metric eer --threshold runs/dev

        evalkit groups runs/v2 --by accent --gain-over auto --metric pesq_wb
    """
    options: dict[str, Any] = {"pipeline": pipeline, "condition": condition, "seed": seed,
                               "allow_outcomes": allow_outcome or ()}
    if threshold is not None:
        answered(run, lambda path: _verified(path, by, options | {
            "threshold": _number_or_run(threshold)}), as_json=as_json)
        return
    answered(run, lambda path: _by_group(path, by, metric, gain_over, options), as_json=as_json)


def _by_group(run: Path, by: list[str], metric: str | None, gain_over: str | None,
              options: dict[str, Any]) -> Answer:
    """Gains, speaker verification, or an additive metric, as it was asked."""
    record = api.read_run(run).record()
    facts = record.metrics
    if gain_over:
        by_rule = gain_over == AUTO and AUTO not in record.pipelines
        return _gains(metric, facts, api.gains(run, by, over=None if by_rule else gain_over,
                                               metric=metric, **options))
    from evalkit import terminal
    from evalkit.statistics.usual_metric import additive

    if metric == "eer" or not (metric or additive(facts)):
        return _verified(run, by, options)
    reports = api.groups(run, by, metric=metric, **options)
    _say_metric(metric, reports[0].metric)
    return Answer(lambda: [each.to_dict() for each in reports],
                  lambda: terminal.print_groups(reports, facts[reports[0].metric]))


def _verified(run: Path, by: list[str], options: dict[str, Any]) -> Answer:
    from evalkit.terminal import print_verification

    rates = api.verification(run, by, **options)
    return Answer(lambda: [each.to_dict() for each in rates], lambda: print_verification(rates))


def _number_or_run(text: str) -> float | str:
    """What ``--threshold`` says. Raises ConfigError for a number that is none."""
    try:
        number = float(text)
    except ValueError:
        return text
    if not math.isfinite(number):
        raise ConfigError(f"--threshold {text}: is no score")
    return number


def _gains(metric: str | None, facts: Mapping[str, Fact], reports: Sequence[GainReport]) -> Answer:
    from evalkit.terminal import print_gains

    _say_metric(metric, reports[0].metric)
    return Answer(lambda: [report.to_dict() for report in reports],
                  lambda: print_gains(reports, facts[reports[0].metric]))


def _say_metric(asked: str | None, taken: str) -> None:
    """Says which metric was taken where none was asked for."""
    if asked is None:
        say(f"metric: {taken}, the most important one of the run; --metric names another")


def latency(run: Run,
            by: Annotated[list[str] | None, typer.Option(
                help="Metadata column; columns joined by commas are crossed. Repeatable. Default: "
                     "all words together.")] = None,
            settled: Annotated[bool, typer.Option(
                "--settled", help="Until a word was there to stay, not until it was first shown.")
                ] = False,
            pipeline: Pipeline = None, condition: Annotated[str | None, typer.Option(
                help="One condition; default: each.")] = None, seed: Seed = 0,
            allow_outcome: AllowOutcome = None, as_json: Json = False) -> None:
    """How late the words of streamed recognizers come: medians and 90th percentiles, by group.

    Example:

        evalkit latency runs/live --by age
    """
    def ask(path: Path) -> Answer:
        from evalkit import terminal

        found = api.latencies(path, by or (), settled=settled, pipeline=pipeline, seed=seed,
                              condition=condition, allow_outcomes=allow_outcome or ())
        return Answer(lambda: [each.to_dict() for each in found],
                      lambda: terminal.print_latencies(found))

    answered(run, ask, as_json=as_json)


def systems(run: Run,
            metric: Annotated[str | None, typer.Option(
                help="Any additive metric of the run. Default: the first error rate, or else the "
                     "first metric, that two pipelines have.")] = None,
            condition: ConditionName = None, seed: Seed = 0, as_json: Json = False) -> None:
    """Compare the pipelines of a run two by two, on the same utterances.

    The speaker bootstrap decides; matched pairs (MAPSSWE), Wilcoxon over speakers and McNemar
    over sentences stand beside it.

    Example:

        evalkit systems runs/ab
    """
    answered(run, lambda path: _two_by_two(path, metric, condition, seed), as_json=as_json)


def _two_by_two(run: Path, metric: str | None, condition: str | None, seed: int) -> Answer:
    pairs = api.systems(run, metric=metric, condition=condition, seed=seed)
    _say_metric(metric, pairs[0].metric)
    from evalkit.core.plain import plain_data
    from evalkit.terminal import print_systems

    fact = api.read_run(run).record().metrics[pairs[0].metric]
    return Answer(lambda: plain_data(pairs), lambda: print_systems(pairs, fact))


def cohorts(run: Run,
            finder: Annotated[list[str] | None, typer.Option(
                help="tree, geodemographic, clusters, predicted, declared, slices; default: all "
                     "that the run has the data for. Repeatable.")] = None,
            metric: Annotated[str | None, typer.Option(
                help="Any additive metric, or false_rejects of speaker verification. Default: as "
                     "for `evalkit groups`.")] = None,
            pipeline: Pipeline = None, condition: ConditionName = None,
            postcodes: Annotated[Path | None, typer.Option(
                help="Table of postal codes with population attributes, CSV.")] = None,
            seed: Seed = 0, allow_outcome: AllowOutcome = None, as_json: Json = False) -> None:
    """Discover underserved cohorts on half of the speakers, and confirm them on the other half.

    Examples:

        evalkit cohorts runs/v2

        evalkit cohorts runs/v2 --finder tree --metric stoi --condition babble_5db
    """
    options: dict[str, Any] = {
        "finders": finder or (), "metric": metric, "pipeline": pipeline, "condition": condition,
        "postcodes": postcodes, "seed": seed, "allow_outcomes": allow_outcome or ()}
    answered(run, lambda path: _found(path, options), as_json=as_json)


def _found(run: Path, options: dict[str, Any]) -> Answer:
    say(f"looking for underserved cohorts in {run}")
    findings = api.cohorts(run, **options)
    _say_metric(options["metric"], findings.metric)
    say(f"pipeline: {findings.pipeline}, {findings.condition or 'all conditions together'}; "
        "--pipeline and --condition name others")
    from evalkit.terminal import print_cohorts

    return Answer(findings.to_dict, lambda: print_cohorts(findings))
