"""The spread of a run's scores, to plan the next corpus by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from evalkit.core.errors import ConfigError
from evalkit.core.names import listed
from evalkit.core.text import count
from evalkit.core.types import Fact
from evalkit.statistics.groups import labelled, select
from evalkit.statistics.run_statistics import usual
from evalkit.statistics.spread import Spread, measured_spread
from evalkit.store.documents.comparison import Change, Comparison
from evalkit.store.runfolder import RunFolder

ROUNDING = 1e-9
"""Errors, or what a score counts, that arithmetic makes."""


def run_spread(run: RunFolder, *, by: Sequence[str] = (), metric: str | None = None,
               pipeline: str | None = None, condition: str | None = None
               ) -> tuple[Spread, Fact, str]:
    """How ``metric`` (the most important one where it is None) of ``pipeline`` varies, around the
    rates of the groups of the crossed columns ``by``, or around the rate of all; what it means;
    and what was read, such as "wer of asr, clean: 40 speakers". ``condition`` None pools all.
    Raises ConfigError as evalkit.statistics.groups.select does, for a metric that is no sum over
    utterances, and where the spread cannot be measured."""
    metric, rows = _rows(run, metric, pipeline, condition)
    rows = labelled(rows, run.utterances(), by) if by else rows.assign(group="all")
    facts = run.record().metrics
    where = f"{metric} of {rows['pipeline'].iloc[0]}, {condition or 'all conditions'}"
    try:
        found = measured_spread(rows, is_count=facts[metric].is_count)
    except ConfigError as error:
        raise ConfigError(f"{run.path}: {where}: {error}") from error
    nameless = int(rows.loc[rows["speaker_id"].isna(), "utterance_id"].nunique())
    without = f", without {count(nameless, 'utterance')} of nobody known" if nameless else ""
    return found, facts[metric], (
        f"{where}: {count(int(rows['speaker_id'].nunique()), 'speaker')}{without}")


def _rows(run: RunFolder, metric: str | None, pipeline: str | None, condition: str | None
          ) -> tuple[str, pd.DataFrame]:
    """The metric and its scores."""
    scores, facts = run.scores(), run.record().metrics
    metric = metric or usual(scores, facts)
    if metric in facts and metric not in set(scores["metric"]):
        raise ConfigError(f"{run.path}: {metric} is no sum over utterances; there are "
                          f"{listed(sorted(set(scores['metric']) & facts.keys()))}")
    return metric, select(scores, metric, pipeline, condition)


def paired_spread(base: RunFolder, run: RunFolder, *, by: Sequence[str] = (),
                  metric: str | None = None, pipeline: str | None = None,
                  condition: str | None = None) -> tuple[Spread, Fact, str]:
    """How changes from ``base`` to ``run`` vary on the same utterances, around those of the groups
    ``by``: a Spread whose ``rate`` is the base's (evalkit.statistics.change_planning). Arguments
    and errors as of ``run_spread``; ConfigError too for two without a common utterance, or that
    measured the same of every one."""
    metric, before = _rows(base, metric, pipeline, condition)
    after = _rows(run, metric, pipeline, condition)[1]
    both = _paired(before, after)
    where = f"{metric} of {base.path} and {run.path}, {condition or 'all conditions'}"
    if not both["change"].any():
        raise ConfigError(f"{where}: nothing changed, of {count(len(both), 'common score')}; give "
                          "two versions on one corpus")
    rows = both.assign(amount=both["change"])
    rows = labelled(rows, base.utterances(), by) if by else rows.assign(group="all")
    found = measured_spread(rows, is_count=False)
    fact, lost = base.record().metrics[metric], len(before) + len(after) - 2 * len(both)
    without = f", without {count(lost, 'score')} of one of them" if lost else ""
    rate = float(both["amount"].sum() / both["weight"].sum())
    return replace(found, rate=rate, is_count=fact.is_count), fact, (
        f"{where}: {count(int(rows['speaker_id'].nunique()), 'speaker')}{without}")


def _paired(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Scores of the older version with their ``change``: what each contributes to that of the rate,
    whose weights may change too."""
    known = [rows[rows["error"].isna() & (rows["weight"] > 0)] for rows in (before, after)]
    both = known[0].merge(known[1][["utterance_id", "condition", "amount", "weight"]],
                          on=["utterance_id", "condition"], suffixes=("", "_after"))
    total = both[["amount", "weight", "amount_after", "weight_after"]].sum()
    old, new = (total[f"amount{at}"] / total[f"weight{at}"] for at in ("", "_after"))
    change = ((both["amount_after"] - new * both["weight_after"])
              * (total["weight"] / total["weight_after"])
              - (both["amount"] - old * both["weight"]) + (new - old) * both["weight"])
    return both.assign(change=change.where(change.abs() > ROUNDING, 0.0))


def compared_spread(path: Path, *, scope: str | None = None, metric: str | None = None,
                    pipeline: str | None = None, condition: str | None = None
                    ) -> tuple[Spread, Fact, str, int]:
    """The same from a past comparison, of a group where ``scope`` names one; and how many
    utterances a speaker had in it: how changes vary between those it does not say. Raises RunError
    for a file that is none, ConfigError where not one change is meant, or one of several runs,
    whose noise no number of speakers takes away."""
    compared = Comparison.read(path)
    change = _meant(path, compared, {"scope": scope or "overall", "metric": metric,
                                     "pipeline": pipeline, "condition": condition})
    if change.runs != [1, 1] or not change.change.se > 0:
        raise ConfigError(f"{path}: says not how speakers vary by themselves; name two runs, "
                          "--from RUN --base RUN")
    n, fact = change.change.n_speakers, compared.metrics[change.metric]
    return (Spread(change.base, n * change.change.se**2, 0.0, 1.0, fact.is_count), fact,
            f"{change.metric} of {change.pipeline}, {change.condition}, {change.scope} in {path}: "
            f"{count(n, 'speaker')}", max(1, round(change.n / n)))


def _meant(path: Path, compared: Comparison, wanted: Mapping[str, str | None]) -> Change:
    """The one change that is as ``wanted``, of a headline metric where none is named."""
    told = {key: value for key, value in wanted.items() if value is not None}
    there = [change for change in compared.changes if change.why is None
             and told.items() <= vars(change).items()]
    there = [each for each in there
             if "metric" in told or compared.metrics[each.metric].is_headline]
    if len(there) == 1:
        return there[0]
    names = listed(f"{each.metric} of {each.pipeline}, {each.condition}" for each in there)
    raise ConfigError(f"{path}: one change of {wanted['scope']} is meant, there are: "
                      f"{names or 'none'}; name --metric, --pipeline, --condition or --by GROUP")
