"""The verbs that plan what is to be recorded."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.api.folders import AnyPath, read_run
from evalkit.core.errors import ConfigError
from evalkit.core.files import in_one_line
from evalkit.core.folders import by_name
from evalkit.core.types import PERCENT, Fact

if TYPE_CHECKING:
    from evalkit.statistics.change_planning import ChangePlan
    from evalkit.statistics.planning import Plan
    from evalkit.statistics.spread import Spread

LARGEST = 1_000_000
"""Points, or words, that somebody may plan with."""
NO_RATE = "give the error rate that is expected, above 0, or a run that tells it"
ERRORS = Fact(PERCENT, False, "errors over words", is_count=True)
UTTERANCES = 10
"""Of a speaker, where nothing is said."""


@in_one_line
def plan(*, gap: float | None = None, speakers: int | None = None, utterances: int = 10,
         rate: float | None = None, words: float | None = None,
         between_speakers: float | None = None, run: AnyPath | None = None,
         by: str | None = None, metric: str | None = None, pipeline: str | None = None,
         condition: str | None = None, groups: int = 2, power: float = 0.8) -> Plan:
    """How many speakers of each of ``groups`` groups, with so many ``utterances`` each, show a
    ``gap`` of one group to the others with so much ``power``; or which gap so many ``speakers``
    show. One of the two is given. How scores vary is measured in ``run`` (around the rates of the
    groups ``by``, which is crossed as for ``groups``), or else assumed of errors at ``rate``;
    ``rate``, ``words`` an utterance and the standard deviation ``between_speakers`` of speakers'
    own rates are what is known better. Rates and gaps are in the unit in which the metric is shown:
    per cent and points of an error rate. Raises ConfigError for what cannot be answered."""
    if (gap is None) == (speakers is None):
        raise ConfigError("give a gap, to be told how many speakers, or speakers, to be told which "
                          "gap: one of the two")
    if groups < 2:
        raise ConfigError("groups: a gap is one between two groups or more")
    _check_sizes(gap=gap, rate=rate, words=words, between_speakers=between_speakers)
    if run is None and rate is None:
        raise ConfigError(NO_RATE)
    from evalkit.statistics.planning import Plan, Question, gap_for, study_for, trades

    spread, fact, source = _known(run, by, metric, pipeline, condition)
    if fact.is_count and rate is not None and not rate > 1 / LARGEST:
        raise ConfigError(NO_RATE)
    stored = [None if value is None else value / fact.scale for value in (rate, between_speakers)]
    asked = Question(spread.told(stored[0], words, stored[1]), groups, power=power)
    if gap is None:
        return Plan(asked, gap_for(speakers or 0, utterances, asked), [], fact, by_name(source))
    wanted = gap / fact.scale
    return Plan(asked, study_for(wanted, utterances, asked), trades(wanted, asked), fact,
                by_name(source))


@in_one_line
def plan_change(change: float, *, utterances: int | None = None, rate: float | None = None,
                words: float | None = None, between_speakers: float | None = None,
                run: AnyPath | None = None, base: AnyPath | None = None, by: str | None = None,
                metric: str | None = None, pipeline: str | None = None,
                condition: str | None = None, groups: int = 1, power: float = 0.8) -> ChangePlan:
    """How many speakers, with so many ``utterances`` each, show a ``change`` between two versions
    on the same utterances with so much ``power``, overall or in each of ``groups`` groups that are
    gated. How changes vary is measured between the runs ``base`` and ``run`` (around those of the
    groups ``by``), or in the past comparison in the file ``run`` (``by`` is then a group in it,
    such as "accent=Scottish"), or else assumed of errors at ``rate``; ``between_speakers`` is the
    standard deviation of speakers' own changes. Units as of ``plan``. Raises ConfigError for what
    cannot be answered."""
    _check_sizes(change=change, rate=rate, words=words, between_speakers=between_speakers)
    from evalkit.statistics.change_planning import (
        ChangePlan,
        ChangeQuestion,
        change_trades,
        study_of_change,
    )

    if run is not None and (rate, words) != (None, None):
        raise ConfigError("rate and words are those of the runs; leave them out")
    options = {"by": by, "metric": metric, "pipeline": pipeline, "condition": condition}
    spread, fact, source, had = _known_change(change, rate, words, (base, run), options)
    if had and utterances not in {None, had}:
        raise ConfigError(f"{run}: its speakers had {had} utterances each, and it says nothing of "
                          "other numbers; name two runs, --from RUN --base RUN")
    own = None if between_speakers is None else between_speakers / fact.scale
    asked = ChangeQuestion(spread.told(None, None, own), groups, power=power)
    wanted = change / fact.scale
    return ChangePlan(asked, study_of_change(wanted, had or utterances or UTTERANCES, asked),
                      [] if had else change_trades(wanted, asked), fact, by_name(source))


def _known_change(change: float, rate: float | None, words: float | None,
                  versions: tuple[AnyPath | None, AnyPath | None], options: dict[str, str | None]
                  ) -> tuple[Spread, Fact, str, int]:
    """How changes vary, of what, whence that is known, and how many utterances a speaker had where
    nothing is known of other numbers."""
    from evalkit.statistics.change_planning import spread_of_change
    from evalkit.statistics.run_spread import compared_spread, paired_spread

    base, run = versions
    if run is None:
        _refuse_of_a_run(*options.values())
        if base is not None or rate is None or not rate > 1 / LARGEST:
            raise ConfigError(NO_RATE if base is None else "--base: of two runs; name the newer "
                              "one, --from RUN")
        return spread_of_change(rate / ERRORS.scale, change / ERRORS.scale, words), ERRORS, "", 0
    by = options.pop("by")
    if base is not None:
        return *paired_spread(read_run(base), read_run(run), by=by.split(",") if by else (),
                              **options), 0
    if not Path(run).is_file():
        raise ConfigError(f"--from {run}: how a change varies is told by two runs (--base RUN for "
                          "the older one) or by the file of `evalkit compare --json`")
    return compared_spread(Path(run), scope=by, **options)


def _check_sizes(**values: float | None) -> None:
    """Raises ConfigError for a number that is none, or so large that nothing can be said of it."""
    for name, value in values.items():
        if value is not None and not abs(value) <= LARGEST:
            wanted = "a number" if math.isnan(value) else f"at most {LARGEST:,}"
            raise ConfigError(f"{name.replace('_', ' ')}: must be {wanted}, not {value}")


def _known(run: AnyPath | None, by: str | None, metric: str | None, pipeline: str | None,
           condition: str | None) -> tuple[Spread, Fact, str]:
    """How scores vary, what they are, and whence that is known."""
    from evalkit.statistics.run_spread import run_spread
    from evalkit.statistics.spread import of_errors

    if run is None:
        _refuse_of_a_run(by, metric, pipeline, condition)
        return of_errors(1.0), ERRORS, ""
    return run_spread(read_run(run), by=by.split(",") if by else (), metric=metric,
                      pipeline=pipeline, condition=condition)


def _refuse_of_a_run(*said: str | None) -> None:
    """Raises ConfigError for options of a run where there is none."""
    names = ("--by", "--metric", "--pipeline", "--condition")
    if any(said):
        given = ", ".join(name for name, value in zip(names, said, strict=True) if value)
        raise ConfigError(f"{given}: of a run that tells how scores vary; name it, --from RUN")
