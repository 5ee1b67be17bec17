"""The run that a page is about, and what several of its sections need, each worked out once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from evalkit.compare.gates import Gates
from evalkit.compare.series import Place
from evalkit.core.memory import give_back
from evalkit.core.types import Interval
from evalkit.report.groups import Groups, compare_groups, pooled
from evalkit.report.headline import Headline, read_headline
from evalkit.report.outputs import Outputs
from evalkit.report.recordings import Recordings
from evalkit.statistics.bootstrap import Contrast, intervals
from evalkit.statistics.group_columns import GroupColumns, first_column, group_columns
from evalkit.statistics.groups import GroupReport, GroupRow, group_rows
from evalkit.statistics.run_statistics import headline_intervals
from evalkit.statistics.sums import speaker_sums
from evalkit.store.documents.findings import Findings
from evalkit.store.documents.frontier import Taken
from evalkit.store.documents.run import RunRecord, Summary
from evalkit.store.runfolder import RunFolder


@dataclass(frozen=True)
class ReportedRun:
    """``folder`` is the run's, ``page_folder`` where the page and its recordings go; ``by`` is the
    metadata column that the user groups by, ``earlier`` the runs to set beside it, the oldest
    first, ``allowed`` are columns although they are outcomes, ``pipeline`` the one that ships, None
    for the best, ``title`` the page's, "" for the corpus's name, ``baseline`` a frozen one that
    changes are said against instead of the oldest run; ``gates`` judge them, those of a series at
    its ``place``; ``costs`` are by pipeline what the run does not know. Everything raises RunError
    where the run folder cannot be read."""

    folder: RunFolder
    page_folder: Path
    by: str | None = None
    earlier: Sequence[RunFolder] = ()
    allowed: Sequence[str] = ()
    pipeline: str | None = None
    title: str = ""
    baseline: Path | None = None
    gates: Gates | None = None
    place: Place | None = None
    costs: Mapping[str, Taken] = field(default_factory=dict)

    @cached_property
    def record(self) -> RunRecord:
        """``run.json``."""
        return self.folder.record()

    @cached_property
    def summary(self) -> Summary:
        """``summary.json``."""
        return self.folder.summary()

    @cached_property
    def utterances(self) -> pd.DataFrame:
        """The manifest's rows, with metadata."""
        return self.folder.utterances()

    @cached_property
    def scores(self) -> pd.DataFrame:
        """The scores table."""
        return self.folder.scores()

    @cached_property
    def outputs(self) -> Outputs:
        """What pipelines made of the utterances."""
        found = Outputs(self.folder, self.scores)
        give_back()
        return found

    @cached_property
    def findings(self) -> Findings | None:
        """What the cohort finders concluded; None where none has run."""
        return self.folder.findings()

    @cached_property
    def recordings(self) -> Recordings:
        """The recordings, copied beside the page as they are asked for."""
        return Recordings(self.folder, self.record, self.page_folder)

    @cached_property
    def headline(self) -> Headline:
        """The headline values with their intervals."""
        intervals = headline_intervals(self.folder, list(self.record.metrics))
        return read_headline(self.record, self.summary, intervals)

    @cached_property
    def scored_metrics(self) -> list[str]:
        """Those with a value for every utterance and a better side, the most important first."""
        scored = set(self.scores["metric"].unique())
        return [name for name in self.headline.judged if name in scored]

    @cached_property
    def chief_metrics(self) -> list[str]:
        """Of the scored ones the most important, and those that are no rates: other error rates
        say much the same as the first."""
        facts = self.headline.facts
        return [name for i, name in enumerate(self.scored_metrics)
                if not i or facts[name].scale == 1]

    @cached_property
    def column(self) -> str | None:
        """The metadata column to group by. Raises ConfigError where ``by`` is none, or one that
        determines what was measured and is not ``allowed``."""
        return first_column(self.utterances, self.scores, next(iter(self.scored_metrics), ""),
                            self.by, self.allowed)

    @cached_property
    def columns(self) -> GroupColumns:
        """All columns to group by, ``column`` first. There is one, and something is scored."""
        metrics = dict.fromkeys([*self.scored_metrics[:1], *self.record.metrics])
        return group_columns(self.utterances, self.scores, metrics, self.column, self.allowed)

    @cached_property
    def groups(self) -> Groups | None:
        """The most important metric by group; None where nothing was scored or no column is
        there to group by."""
        if self.column is None or not self.scored_metrics:
            return None
        return compare_groups(self.utterances, self.scores, self.headline, self.column,
                              self.scored_metrics[0])

    @cached_property
    def pooled(self) -> list[GroupReport]:
        """``groups`` over all conditions together, a report a pipeline that has several."""
        return pooled(self.groups, self.utterances, self.scores) if self.groups else []

    @cached_property
    def _known_intervals(self) -> dict[str, Mapping[str, Interval]]:
        return {}

    def over_conditions(self, metric: str) -> Mapping[str, Interval]:
        """The metric of every pipeline that has it, over all conditions: one a pipeline, all from
        the same draws."""
        if metric not in self._known_intervals:
            sums = speaker_sums(self.scores[self.scores["metric"] == metric], system="pipeline")
            wanted = [Contrast((0, i)) for i in range(len(sums.systems))]
            self._known_intervals[metric] = dict(zip(sums.systems, intervals(sums, wanted),
                                                     strict=True))
        return self._known_intervals[metric]

    @cached_property
    def _known_rows(self) -> dict[tuple[str, str, str], list[GroupRow]]:
        return {}

    def pooled_rows(self, metric: str, column: str, pipeline: str, rows: pd.DataFrame
                    ) -> list[GroupRow]:
        """The groups of a pipeline over all conditions, of which ``rows`` are the scores by the
        labels of ``column``: several tables have them."""
        key = metric, column, pipeline
        if key not in self._known_rows:
            self._known_rows[key] = group_rows(rows, self.headline.facts[metric])[0]
        return self._known_rows[key]

    def work_out(self) -> None:
        """Works out now what most sections need."""
        if self.headline and self.pooled and self.groups:
            self.columns  # noqa: B018 -- kept
