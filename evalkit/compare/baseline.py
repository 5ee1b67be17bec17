"""What a comparison needs of a run: sums of every speaker, small enough to commit.

Utterances of one speaker with the same labels are a block; every score is a pair of sums for
each block, and every group a choice of blocks. There is neither audio nor text in it. A run is
compared by way of the same object, so that a frozen baseline gives the verdicts of its run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import model_validator

from evalkit.core.config import Strict
from evalkit.core.errors import ConfigError, RunError, one_line
from evalkit.statistics.detection import Trials, sorted_trials, speaker_values
from evalkit.statistics.labels import labels_of
from evalkit.store.documents.base import Document
from evalkit.store.documents.run import Normaliser, Pipeline, ShownFact, TrialPairs
from evalkit.store.manifest import FIELDS
from evalkit.store.runfolder import RunFolder

COHORTS = "cohorts."
"""Columns ``cohorts.FINDER`` are the cohorts of cohorts.parquet."""
MOST_GROUPS = 50
"""A metadata column with more labels is no grouping of speakers."""

Key = tuple[str, str, str]
"""Pipeline, condition and metric."""


class Block(Strict):
    """Utterances of one speaker (of nobody known where None: then there is one) which for every
    column of the baseline are in the same groups."""

    speaker: str | None
    labels: list[list[str]]
    utterances: list[str]

    @property
    def name(self) -> str:
        """Whose block it is; an utterance without a speaker is its own."""
        return self.utterances[0] if self.speaker is None else self.speaker


class Scored(Strict):
    """Which score it is."""

    pipeline: str
    condition: str
    metric: str

    @property
    def key(self) -> Key:
        """Pipeline, condition and metric."""
        return self.pipeline, self.condition, self.metric


class Cell(Scored):
    """Sums of one additive metric for each block, over its ``n`` measured utterances, and the
    utterances that ``failed``."""

    amount: list[float]
    weight: list[float]
    n: list[int]
    failed: list[str]


class TrialCell(Scored):
    """Values for each speaker whose mean is a rate of speaker verification
    (statistics.detection.speaker_values): of all trials, or of those between speakers of one
    ``group`` of a ``column``. ``trials`` is a digest of which trials have a score."""

    column: str | None
    group: str | None
    trials: str
    n: int
    n_failed: int
    speakers: list[str]
    values: list[float]


class Facts(Strict):
    """What of run.json decides whether two runs measured the same."""

    created: str
    evalkit: str
    command: str
    metrics: dict[str, ShownFact]
    normaliser: Normaliser
    alignment_costs: str
    corpus: dict[str, str]
    resampler: str
    conditions: dict[str, str]
    pipelines: dict[str, Pipeline]
    trials: TrialPairs | None


class Baseline(Document):
    """A run's sums for every speaker. ``columns`` are those that blocks have labels of."""

    schema_number: ClassVar[int] = 2
    made_by: ClassVar[str] = "evalkit baseline freeze"
    indent: ClassVar[int | None] = None

    name: str
    facts: Facts
    columns: list[str]
    blocks: list[Block]
    scores: list[Cell]
    trials: list[TrialCell]

    @model_validator(mode="after")
    def _lengths_agree(self) -> Baseline:
        sizes = {len(part) for cell in self.scores for part in (cell.amount, cell.weight, cell.n)}
        if sizes - {len(self.blocks)} or any(len(c.speakers) != len(c.values) for c in self.trials):
            raise ValueError("sums and blocks differ in number")
        if any(len(b.labels) != len(self.columns) or not b.utterances for b in self.blocks):
            raise ValueError("a block without utterances, or without a label for every column")
        return self

    def groups(self, column: str) -> list[str]:
        """The groups of a column, sorted. Raises ConfigError for a column that there is not."""
        return sorted({label for block in self.blocks for label in block.labels[self.at(column)]})

    def at(self, column: str) -> int:
        """The place of a column among the labels. Raises ConfigError where it has none."""
        if column not in self.columns:
            raise ConfigError(f"{self.name}: no groups by {column!r}; there are "
                              f"{', '.join(self.columns) or 'none'} (`evalkit baseline freeze "
                              "--by` adds a column)")
        return self.columns.index(column)

    def only(self, columns: Sequence[str]) -> Baseline:
        """With the groups of ``columns`` only."""
        kept = [self.at(column) for column in columns]
        blocks = [block.model_copy(update={"labels": [block.labels[at] for at in kept]})
                  for block in self.blocks]
        trials = [cell for cell in self.trials if cell.column is None or cell.column in columns]
        return self.model_copy(update={"columns": list(columns), "blocks": blocks,
                                       "trials": trials})

    @property
    def place(self) -> dict[str, int]:
        """The block of every utterance."""
        return {u: i for i, block in enumerate(self.blocks) for u in block.utterances}


class Candidate(NamedTuple):
    """A run's sums on the blocks of a baseline, of the utterances that it measured too, and
    how the run's ``utterances`` are called."""

    name: str
    facts: Facts
    utterances: frozenset[str]
    scores: list[Cell]
    trials: list[TrialCell]


def freeze(run: RunFolder, columns: Sequence[str] | None = None, *,
           more: Sequence[str] = ()) -> Baseline:
    """The sums of a run. ``columns`` are metadata columns, crossed where joined by commas, or
    ``cohorts.FINDER``; None takes every metadata column of 2 to MOST_GROUPS groups, and ``more``
    beside them. Raises ConfigError for a column that there is not."""
    facts, people = _facts(run), run.utterances()
    cohorts = _cohorts(run)
    chosen = _usual_columns(people) if columns is None else list(columns)
    chosen += [column for column in dict.fromkeys(more) if column not in chosen]
    blocks = _blocks(people, [_labels(run, people, cohorts, column) for column in chosen])
    return Baseline(name=str(run.path), facts=facts, columns=chosen, blocks=blocks,
                    scores=_scores(run, blocks, {}), trials=list(_trials(run, blocks, chosen)))


def on_blocks(run: RunFolder, base: Baseline) -> Candidate:
    """A run as the candidate that is compared with ``base``. Labels are the base's."""
    left_out = {cell.key: frozenset(cell.failed) for cell in base.scores}
    return Candidate(str(run.path), _facts(run), frozenset(run.utterances()["utterance_id"]),
                     _scores(run, base.blocks, left_out),
                     list(_trials(run, base.blocks, base.columns)))


def read_baseline(path: Path, columns: Sequence[str]) -> Baseline:
    """A frozen baseline, or a run folder with the groups of ``columns``.

    Raises RunError naming a file that is neither, ConfigError for a column there is not."""
    if path.is_dir():
        return freeze(RunFolder(path), columns)
    base = Baseline.read(path).model_copy(update={"name": str(path)})
    for column in columns:
        base.at(column)
    return base


def write_baseline(base: Baseline, path: Path) -> None:
    """Writes JSON, compressed where the name ends in .gz; the same run gives the same bytes,
    wherever it lies."""
    base.model_copy(update={"name": Path(base.name).name}).write(path)


def _facts(run: RunFolder) -> Facts:
    record = run.record()
    return Facts(
        created=record.created, evalkit=record.evalkit, command=record.command,
        metrics=record.metrics, normaliser=record.normaliser,
        alignment_costs=record.alignment_costs, resampler=record.resampler,
        corpus={"name": record.corpus.name, "digest": record.corpus.digest},
        conditions={name: condition.identity for name, condition in record.conditions.items()},
        pipelines=record.pipelines, trials=record.trials)


def _cohorts(run: RunFolder) -> pd.DataFrame:
    path = run.path / "cohorts.parquet"
    try:
        return pq.read_table(path, columns=["utterance_id", "finder", "cohort"]).to_pandas()
    except FileNotFoundError:
        return pd.DataFrame(columns=["utterance_id", "finder", "cohort"])
    except (pa.ArrowException, OSError) as error:
        raise RunError(f"{path}: not a table of cohorts: {one_line(error)}") from error


def _usual_columns(people: pd.DataFrame) -> list[str]:
    metadata = [c for c in people if c not in {*FIELDS, "utterance_id", "speaker_id"}]
    groups = {str(c): labels_of(people[c]).nunique() for c in metadata}
    return [column for column, n in groups.items() if 2 <= n <= MOST_GROUPS]


def _labels(run: RunFolder, people: pd.DataFrame, cohorts: pd.DataFrame, column: str
            ) -> list[tuple[str, ...]]:
    """The groups of every utterance."""
    finder = column.removeprefix(COHORTS)
    if finder != column and finder in set(cohorts["finder"]):
        found = cohorts[cohorts["finder"] == finder].groupby("utterance_id")["cohort"]
        members = {str(u): tuple(sorted(map(str, names))) for u, names in found}
        return [members.get(u, ()) for u in people["utterance_id"]]
    parts = column.split(",")
    if missing := [part for part in parts if part not in people]:
        there = _usual_columns(people) + [COHORTS + name for name in
                                          sorted(cohorts["finder"].unique())]
        raise ConfigError(f"{run.path}: no column {missing[0]!r} to group by; there are "
                          f"{', '.join(there) or 'none'}")
    return [(", ".join(labels),) for labels in
            zip(*(labels_of(people[part]) for part in parts), strict=True)]


def _blocks(people: pd.DataFrame, labels: Sequence[Sequence[tuple[str, ...]]]) -> list[Block]:
    found: dict[Any, Block] = {}
    rows = people.sort_values("utterance_id")
    for at, utterance, speaker in zip(rows.index, rows["utterance_id"], rows["speaker_id"],
                                      strict=True):
        own = tuple(column[at] for column in labels)
        known = isinstance(speaker, str)
        key = (speaker, own) if known else (utterance,)
        if key not in found:
            found[key] = Block(speaker=speaker if known else None,
                               labels=[list(label) for label in own], utterances=[])
        found[key].utterances.append(utterance)
    return sorted(found.values(), key=lambda block: (block.name, block.labels))


def _scores(run: RunFolder, blocks: Sequence[Block],
            left_out: Mapping[Key, Collection[str]]) -> list[Cell]:
    """Sums on ``blocks``, for each key without the utterances ``left_out``."""
    place = {u: i for i, block in enumerate(blocks) for u in block.utterances}
    scores = run.scores()
    scores = scores.assign(block=scores["utterance_id"].map(place)).dropna(subset="block")
    found = []
    for (pipeline, condition, metric), rows in scores.groupby(["pipeline", "condition", "metric"]):
        key = (str(pipeline), str(condition), str(metric))
        failed = rows["error"].notna()
        kept = rows[~failed & ~rows["utterance_id"].isin(left_out.get(key, ()))]
        at = kept["block"].to_numpy(int)
        amount, weight = (np.bincount(at, kept[c].to_numpy(float), len(blocks)).tolist()
                          for c in ("amount", "weight"))
        found.append(Cell(pipeline=key[0], condition=key[1], metric=key[2], amount=amount,
                          weight=weight, n=np.bincount(at, minlength=len(blocks)).tolist(),
                          failed=sorted(rows.loc[failed, "utterance_id"])))
    return found


def _trials(run: RunFolder, blocks: Sequence[Block], columns: Sequence[str]
            ) -> Iterator[TrialCell]:
    speakers = {u: block.name for block in blocks for u in block.utterances}
    table = run.trials()
    table = table[table["enroll_id"].isin(speakers) & table["test_id"].isin(speakers)]
    for (pipeline, condition), rows in table.groupby(["pipeline", "condition"]):
        trials = sorted_trials(rows, speakers)
        which = _digest(rows[rows["score"].notna()])
        for column, group, part in _parts(trials, blocks, columns):
            for metric, values in speaker_values(part).items():
                has_part = ~np.isnan(values)
                if has_part.any():
                    yield TrialCell(
                        pipeline=pipeline, condition=condition, metric=metric, column=column,
                        group=group, trials=which, n=len(part.scores),
                        n_failed=int(rows["score"].isna().sum()),
                        speakers=part.speakers[has_part].tolist(),
                        values=values[has_part].tolist())


def _parts(trials: Trials, blocks: Sequence[Block], columns: Sequence[str]
           ) -> Iterator[tuple[str | None, str | None, Trials]]:
    """All trials, then those between speakers of the same group, for every group."""
    yield None, None, trials
    for at, column in enumerate(columns):
        members: dict[str, set[str]] = {}
        for block in blocks:
            for label in block.labels[at]:
                members.setdefault(label, set()).add(block.name)
        for group, names in sorted(members.items()):
            inside = np.isin(trials.speakers.astype(str), sorted(names))
            yield column, group, trials.take(
                np.flatnonzero(inside[trials.enrol] & inside[trials.test]))


def _digest(trials: pd.DataFrame) -> str:
    pairs = trials[["enroll_id", "test_id", "label"]].sort_values(["enroll_id", "test_id"])
    return hashlib.sha256(pairs.to_csv(index=False).encode()).hexdigest()
