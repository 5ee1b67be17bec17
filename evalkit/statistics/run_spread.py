"""The spread of a run's scores, to plan the next corpus by."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.core.errors import ConfigError
from evalkit.core.names import listed
from evalkit.core.text import count
from evalkit.core.types import Fact
from evalkit.statistics.groups import labelled, select
from evalkit.statistics.run_statistics import usual
from evalkit.statistics.spread import Spread, measured_spread
from evalkit.store.runfolder import RunFolder


def run_spread(run: RunFolder, *, by: Sequence[str] = (), metric: str | None = None,
               pipeline: str | None = None, condition: str | None = None
               ) -> tuple[Spread, Fact, str]:
    """How ``metric`` (the most important one where it is None) of ``pipeline`` varies, around the
    rates of the groups of the crossed columns ``by``, or around the rate of all; what it means;
    and what was read, such as "wer of asr, clean: 40 speakers". ``condition`` None pools all.
    Raises ConfigError as evalkit.statistics.groups.select does, for a metric that is no sum over
    utterances, and where the spread cannot be measured."""
    scores, facts = run.scores(), run.record().metrics
    metric = metric or usual(scores, facts)
    if metric in facts and metric not in set(scores["metric"]):
        raise ConfigError(f"{run.path}: {metric} is no sum over utterances; there are "
                          f"{listed(sorted(set(scores['metric']) & facts.keys()))}")
    rows = select(scores, metric, pipeline, condition)
    rows = labelled(rows, run.utterances(), by) if by else rows.assign(group="all")
    where = f"{metric} of {rows['pipeline'].iloc[0]}, {condition or 'all conditions'}"
    try:
        found = measured_spread(rows, is_count=facts[metric].is_count)
    except ConfigError as error:
        raise ConfigError(f"{run.path}: {where}: {error}") from error
    nameless = int(rows.loc[rows["speaker_id"].isna(), "utterance_id"].nunique())
    without = f", without {count(nameless, 'utterance')} of nobody known" if nameless else ""
    return found, facts[metric], (
        f"{where}: {count(int(rows['speaker_id'].nunique()), 'speaker')}{without}")
