"""The verbs that ask a run folder something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.api.folders import AnyPath, read_run
from evalkit.core.errors import ConfigError
from evalkit.core.files import in_one_line

if TYPE_CHECKING:
    from evalkit.statistics.endpoints import EndpointReport
    from evalkit.statistics.gains import GainReport
    from evalkit.statistics.groups import GroupReport
    from evalkit.statistics.latency import LatencyReport
    from evalkit.statistics.systems import SystemComparison
    from evalkit.statistics.verification import VerificationReport
    from evalkit.store.documents.findings import Findings
    from evalkit.store.documents.frontier import Frontier


@in_one_line
def groups(run: AnyPath, by: Sequence[str], *, metric: str | None = None,
           pipeline: str | None = None, condition: str | None = None, seed: int = 0,
           allow_outcomes: Sequence[str] = ()) -> list[GroupReport]:
    """Compares groups of speakers on an additive metric, the run's most important one (its first
    error rate, or else its first metric that has a better side) where none is named: a report for
    every pipeline (or the one named) and item of ``by``, a metadata column or several that are
    crossed, joined by commas.
    ``condition`` None pools all; ``allow_outcomes`` are columns to use although they are outcomes
    (docs/cohorts.md)."""
    folder = read_run(run)
    from evalkit.statistics.run_statistics import group_reports

    return group_reports(folder, crossed(by), metric=metric, pipeline=pipeline,
                         condition=condition, seed=seed, allowed=allow_outcomes)


@in_one_line
def gains(run: AnyPath, by: Sequence[str], *, over: str | None = None, metric: str | None = None,
          pipeline: str | None = None, condition: str | None = None, seed: int = 0,
          allow_outcomes: Sequence[str] = ()) -> list[GainReport]:
    """Whom does enhancement help, whom does it harm: what every pipeline with an enhancer (or the
    one named) changes for groups of speakers, against the pipeline ``over`` or else the first with
    the same recognizer and encoder and no enhancer, on the same utterances. ``by``, ``metric`` and
    ``allow_outcomes`` as for ``groups``; ``condition`` None pools those under which both pipelines
    have the metric."""
    folder = read_run(run)
    from evalkit.statistics.enhancement import gain_reports

    return gain_reports(folder, crossed(by), over=over, metric=metric, pipeline=pipeline,
                        condition=condition, seed=seed, allowed=allow_outcomes)


@in_one_line
def verification(run: AnyPath, by: Sequence[str], *, pipeline: str | None = None,
                 condition: str | None = None, threshold: float | AnyPath | None = None,
                 seed: int = 0, allow_outcomes: Sequence[str] = ()) -> list[VerificationReport]:
    """Compares groups of speakers in speaker verification: each one's own equal error rate, and
    its errors at the one threshold that everybody gets: that of the equal error rate of all
    trials, or a ``threshold`` of other data, a number or a run folder whose it is. ``by``
    and ``allow_outcomes`` as for ``groups``."""
    folder = read_run(run)
    from evalkit.statistics.run_statistics import verification_reports

    other = (threshold if threshold is None or isinstance(threshold, float | int)
             else read_run(threshold))
    return verification_reports(folder, crossed(by), pipeline=pipeline, condition=condition,
                                threshold=other, seed=seed, allowed=allow_outcomes)


@in_one_line
def latencies(run: AnyPath, by: Sequence[str] = (), *, pipeline: str | None = None,
              condition: str | None = None, settled: bool = False, seed: int = 0,
              allow_outcomes: Sequence[str] = ()) -> list[LatencyReport]:
    """How late the words of streamed recognizers come: medians and 90th percentiles over the
    correct words, of all and of groups of speakers, until a word was first shown, or was there to
    stay where ``settled`` (docs/streaming.md). ``by`` and ``allow_outcomes`` as for ``groups``."""
    folder = read_run(run)
    from evalkit.statistics.latency import latency_reports

    return latency_reports(folder, crossed(by) or [[]], pipeline=pipeline, condition=condition,
                           until="settled" if settled else "shown", seed=seed,
                           allowed=allow_outcomes)


@in_one_line
def endpoints(run: AnyPath, by: Sequence[str] = (), *, pipeline: str | None = None,
              condition: str | None = None, seed: int = 0, allow_outcomes: Sequence[str] = ()
              ) -> list[EndpointReport]:
    """Who is cut off, and how late it is seen that a speaker has ended: a report for every
    condition and set of columns, with a row for every pipeline, the curve of early cuts against
    delay (docs/streaming.md). ``by`` and ``allow_outcomes`` as for ``groups``."""
    folder = read_run(run)
    from evalkit.statistics.endpoints import endpoint_reports

    return endpoint_reports(folder, crossed(by) or [[]], pipeline=pipeline, condition=condition,
                            seed=seed, allowed=allow_outcomes)


def crossed(by: Sequence[str]) -> list[list[str]]:
    """The columns of each item of ``by``. Raises ConfigError for one that is crossed with
    itself."""
    sets = [column.split(",") for column in ([by] if isinstance(by, str) else by)]
    for columns in sets:
        if len(set(columns)) < len(columns):
            raise ConfigError(f"--by {','.join(columns)}: a column is crossed with itself; name "
                              "each once")
    return sets


@in_one_line
def systems(run: AnyPath, *, metric: str | None = None, condition: str | None = None,
            seed: int = 0) -> list[SystemComparison]:
    """Compares the pipelines of a run that have ``metric``, the most important one that two have
    where none is named, two by two, on the same utterances. ``condition`` may be left out where
    there is one. Raises ConfigError where only one pipeline has the metric."""
    folder = read_run(run)
    from evalkit.statistics.run_statistics import compare_pipelines

    pairs = compare_pipelines(folder, metric=metric, condition=condition, seed=seed)
    if not pairs:
        raise ConfigError(f"{run}: one pipeline only has {metric or 'scores'}, two are needed; "
                          "score both into one run folder, or use `evalkit compare` for two")
    return pairs


@in_one_line
def frontier(run: AnyPath, *others: AnyPath, by: Sequence[str] | None = None,
             metric: str | None = None, cost: str | None = None,
             costs: AnyPath | Mapping[str, Mapping[str, float]] | None = None,
             against: str | None = None, pipelines: Sequence[str] = (),
             condition: str | None = None, seed: int = 0, allow_outcomes: Sequence[str] = ()
             ) -> Frontier:
    """Cost against error of the pipelines of a run, or of several of one corpus: which are
    dominated, and which groups pay for one that is cheaper, against the pipeline ``against``, the
    dearest where none is named (docs/frontier.md). ``cost`` is "macs", "bytes", "weights",
    "memory", "rtf" or "latency"; ``costs`` by pipeline what the run does not know, or a file of
    it, with the keys of evalkit.store.documents.frontier.Taken. ``by`` None is the columns of the
    page; it, ``allow_outcomes`` and ``condition`` are as for ``groups``. Raises ConfigError where
    fewer than two pipelines have both a cost and a value."""
    if seed < 0:
        raise ConfigError(f"seed: must be 0 or more, not {seed}")
    folders = [read_run(each) for each in (run, *others)]
    from evalkit.statistics.frontier import Asked, axis_named, frontier_of
    from evalkit.statistics.variants import variants

    found = variants(folders, condition)
    if costs is not None:
        from evalkit.results.pipeline_costs import stated_costs

        found = found.told(stated_costs(costs, found.taken))
    axis = None if cost is None else axis_named(cost)
    return frontier_of(found.only(pipelines), Asked(
        metric, axis, against, condition, None if by is None else crossed(by), allow_outcomes,
        seed))


@in_one_line
def cohorts(run: AnyPath, *, finders: Sequence[str] = (), metric: str | None = None,
            pipeline: str | None = None, condition: str | None = None,
            postcodes: AnyPath | None = None, seed: int = 0, allow_outcomes: Sequence[str] = ()
            ) -> Findings:
    """Discovers underserved cohorts on half of the speakers, confirms them on the other half, and
    writes the findings into the run folder. ``metric`` None is as for ``groups``, ``pipeline`` None
    the first that has it. ``finders`` are names of plug-ins, all that the run
    has the data for where there are none; ``postcodes`` is a table of postal codes, CSV;
    ``allow_outcomes`` as for ``groups``."""
    folder = read_run(run)
    from evalkit.core.plugins import create

    chosen = [create("cohorts", name) for name in finders] or None
    from evalkit.cohorts.discovery import Settings, discover
    from evalkit.cohorts.findings import write_discovery
    from evalkit.statistics.bootstrap import Resampling
    from evalkit.store.lock import locked

    with locked(folder.path, "cohorts"):
        return write_discovery(folder, discover(
            folder, metric=metric, pipeline=pipeline, condition=condition, finders=chosen,
            postcodes=None if postcodes is None else Path(postcodes),
            settings=Settings(resampling=Resampling(seed=seed)), allowed=allow_outcomes))
