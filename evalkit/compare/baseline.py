"""Making a baseline of a run, and the sums of another run on its blocks.

A run is compared by way of the same object, so that a frozen baseline gives the verdicts of its
run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from evalkit.compare.blocks import Grouping, block_among, blocks_of, crossed, listed
from evalkit.compare.outcomes import (
    COHORTS,
    determined_by_blocks,
    determined_by_labels,
    refuse_determining,
    refuse_named,
)
from evalkit.core.errors import ConfigError
from evalkit.core.ledger import LeftOut, merged
from evalkit.statistics.detection import Trials, sorted_trials, speaker_values
from evalkit.statistics.grouping import (
    ALLOW,
    check_columns,
    group_labels,
    grouped,
    metadata_columns,
    not_usual,
    usual_columns,
)
from evalkit.store.documents.baseline import Baseline, Block, Cell, Facts, Key, TrialCell
from evalkit.store.runfolder import RunFolder
from evalkit.store.scores import KEYS


class Candidate(NamedTuple):
    """A run's sums on the blocks of a baseline, of the utterances that the baseline measured too,
    and the ids of all its ``utterances``. ``renamed`` are its own names of pipelines that go by
    the base's here."""

    name: str
    facts: Facts
    utterances: frozenset[str]
    scores: list[Cell]
    trials: list[TrialCell]
    renamed: Mapping[str, str] = MappingProxyType({})


def freeze(run: RunFolder, columns: Sequence[str] | None = None, *, more: Sequence[str] = (),
           allowed: Collection[str] = ()) -> Baseline:
    """The sums of a run. ``columns`` are metadata columns, crossed where joined by commas, or
    ``cohorts.FINDER``; None takes every usual one (evalkit.statistics.grouping) that determines
    nothing that was measured, and ``more`` beside them. Raises ConfigError for a column that there
    is not, that has too many groups, or that is an outcome and not ``allowed``."""
    facts, utterances, scores = facts_of(run), run.utterances(), run.scores()
    asked = list(dict.fromkeys([*(columns or ()), *more]))
    unused = [] if columns is not None else list(_unused(utterances, scores, facts,
                                                         {*asked, *allowed}))
    usual = [] if columns is not None else _others(utterances, unused)
    chosen = usual + [column for column in asked if column not in usual]
    cohorts = _cohorts(run)
    blocks = blocks_of(utterances, [_groups(run, utterances, cohorts, column)
                                    for column in chosen])
    refuse_named(asked, facts.metrics, allowed)
    outcomes = determined_by_blocks([c for c in chosen if c in {*asked, *allowed}], chosen, blocks,
                                    scores, facts=facts.metrics)
    refuse_determining(outcomes, allowed)
    del utterances, cohorts  # of millions they take as much as all that follows
    return Baseline(name=str(run.path), facts=facts, columns=chosen, outcomes=outcomes,
                    left_out=merged(item for item in unused if item.names[0] not in chosen),
                    blocks=blocks, scores=_scores(scores, blocks, {}),
                    trials=list(_trials(run, blocks, chosen)))


def _unused(utterances: pd.DataFrame, scores: pd.DataFrame, facts: Facts, told: Collection[str]
            ) -> Iterator[LeftOut]:
    """The metadata columns by which nobody is grouped unless they are ``told``."""
    useless = list(not_usual(utterances, facts.metrics, told))
    yield from useless
    labels = {column: grouped(utterances, column).to_numpy(object)
              for column in _others(utterances, useless) if column not in told}
    for column, metric in determined_by_labels(labels, utterances["utterance_id"].tolist(), scores,
                                               facts.metrics).items():
        yield LeftOut("column", "groups", f"determines {metric}, to use it add {ALLOW}",
                      names=(column,))


def _others(utterances: pd.DataFrame, unused: Sequence[LeftOut]) -> list[str]:
    """The metadata columns that are not ``unused``."""
    names = {item.names[0] for item in unused}
    return [column for column in metadata_columns(utterances) if column not in names]


def on_blocks(run: RunFolder, base: Baseline, allowed: Collection[str] = ()) -> Candidate:
    """A run as the candidate that is compared with ``base``. Labels are the base's. Raises
    ConfigError for a column that determines what was measured in it and is not ``allowed``."""
    left_out = {cell.key: frozenset(cell.failed) for cell in base.scores}
    facts, scores = facts_of(run), run.scores()
    outcomes = determined_by_blocks(base.columns, base.columns, base.blocks, scores,
                                    facts=facts.metrics)
    refuse_determining(outcomes, allowed, of=" of the candidate")
    return Candidate(str(run.path), facts, frozenset(run.utterances()["utterance_id"].tolist()),
                     _scores(scores, base.blocks, left_out),
                     list(_trials(run, base.blocks, base.columns)))


def read_baseline(path: Path, columns: Sequence[str], allowed: Collection[str] = ()) -> Baseline:
    """A frozen baseline, or a run folder, with the groups of ``columns``.

    Raises RunError naming a file that is neither, ConfigError for a column there is not, or that is
    an outcome and not ``allowed``."""
    if path.is_dir():
        return freeze(RunFolder(path), columns, allowed=allowed)
    base = Baseline.read(path).model_copy(update={"name": str(path)}).only(columns)
    refuse_named(columns, base.facts.metrics, allowed)
    refuse_determining(base.outcomes, allowed)
    return base


def write_baseline(base: Baseline, path: Path) -> None:
    """Writes JSON, compressed where the name ends in .gz; the same run gives the same bytes,
    wherever it lies."""
    base.model_copy(update={"name": Path(base.name).name}).write(path)


def facts_of(run: RunFolder) -> Facts:
    """What of its record decides whether another run measured the same."""
    record = run.record()
    return Facts(
        created=record.created, evalkit=record.evalkit, command=record.command,
        metrics=record.metrics, normaliser=record.normaliser,
        further_normalisers=record.further_normalisers,
        alignment_costs=record.alignment_costs, resampler=record.resampler,
        corpus={"name": record.corpus.name, "digest": record.corpus.digest},
        conditions={name: condition.identity for name, condition in record.conditions.items()},
        pipelines=record.pipelines, trials=record.trials)


def _cohorts(run: RunFolder) -> pd.DataFrame:
    """Who is in which cohort; nobody where no finder has run on the run's present tables."""
    if run.findings() is None:
        return pd.DataFrame(columns=["utterance_id", "finder", "cohort"])
    return run.cohorts()


def _groups(run: RunFolder, utterances: pd.DataFrame, cohorts: pd.DataFrame, column: str
            ) -> Grouping:
    """The groups of every utterance."""
    finder = column.removeprefix(COHORTS)
    if finder != column and finder in set(cohorts["finder"]):
        return listed(_cohorts_of(utterances, cohorts[cohorts["finder"] == finder]))
    parts = column.split(",")
    stale = [str(item) for item in run.stale() if column.startswith(COHORTS)]
    if stale:
        raise ConfigError(f"{run.path}: no groups by {column}: {'; '.join(stale)}")
    if not set(parts) <= set(utterances):
        known = usual_columns(utterances) + [COHORTS + name for name in
                                             sorted(cohorts["finder"].unique())]
        check_columns(parts, known, also=utterances, where=f"{run.path}: ")
    return crossed([group_labels(utterances, part) for part in parts])


def _cohorts_of(utterances: pd.DataFrame, cohorts: pd.DataFrame) -> list[tuple[str, ...]]:
    """The cohorts of one finder that every utterance is in, perhaps none."""
    members = {str(u): tuple(sorted(map(str, names)))
               for u, names in cohorts.groupby("utterance_id")["cohort"]}
    return [members.get(u, ()) for u in utterances["utterance_id"]]


def _scores(scores: pd.DataFrame, blocks: Sequence[Block],
            left_out: Mapping[Key, Collection[str]]) -> list[Cell]:
    """Sums on ``blocks``, for each key without the utterances ``left_out``."""
    block = block_among(blocks, scores)
    of_keys: dict[Any, Any] = scores.groupby(KEYS, observed=True).indices
    cells = []
    for (pipeline, condition, metric), rows in sorted(of_keys.items()):
        key, at = (str(pipeline), str(condition), str(metric)), rows[block[rows] >= 0]
        if len(at):
            cells.append(_cell(key, scores.take(at), block[at], len(blocks),
                               left_out.get(key, ())))
    return cells


def _cell(key: Key, rows: pd.DataFrame, block: np.ndarray, n_blocks: int,
          left_out: Collection[str]) -> Cell:
    failed = rows["error"].notna().to_numpy()
    measured = ~failed
    if left_out:
        measured &= ~rows["utterance_id"].isin(left_out).to_numpy()
    of_block = block[measured]
    amount, weight = (np.bincount(of_block, rows[c].to_numpy(float)[measured], n_blocks).tolist()
                      for c in ("amount", "weight"))
    return Cell(pipeline=key[0], condition=key[1], metric=key[2], amount=amount, weight=weight,
                n=np.bincount(of_block, minlength=n_blocks).tolist(),
                failed=sorted(rows.loc[failed, "utterance_id"]))


def _trials(run: RunFolder, blocks: Sequence[Block], columns: Sequence[str]
            ) -> Iterator[TrialCell]:
    table = run.trials()
    if table.empty:
        return
    speakers = {u: block.name for block in blocks for u in block.utterances}
    table = table[table["enroll_id"].isin(speakers) & table["test_id"].isin(speakers)]
    for (pipeline, condition), rows in table.groupby(["pipeline", "condition"]):
        scored, n_failed = _digest(rows[rows["score"].notna()]), int(rows["score"].isna().sum())
        for column, group, part in _parts(sorted_trials(rows, speakers), blocks, columns):
            for metric, values in speaker_values(part).items():
                has_part = ~np.isnan(values)
                if has_part.any():
                    yield TrialCell(
                        pipeline=pipeline, condition=condition, metric=metric, column=column,
                        group=group, trials=scored, n=len(part.scores), n_failed=n_failed,
                        speakers=part.speakers[has_part].tolist(),
                        values=values[has_part].tolist())


def _parts(trials: Trials, blocks: Sequence[Block], columns: Sequence[str]
           ) -> Iterator[tuple[str | None, str | None, Trials]]:
    """All trials, then those between speakers of the same group, for every group."""
    yield None, None, trials
    for i, column in enumerate(columns):
        for group, names in sorted(_members(blocks, i).items()):
            inside = np.isin(trials.speakers.astype(str), sorted(names))
            yield column, group, trials.take(
                np.flatnonzero(inside[trials.enrol] & inside[trials.test]))


def _members(blocks: Sequence[Block], column: int) -> dict[str, set[str]]:
    """The speakers of every group of a column."""
    members: dict[str, set[str]] = {}
    for block in blocks:
        for label in block.labels[column]:
            members.setdefault(label, set()).add(block.name)
    return members


def _digest(trials: pd.DataFrame) -> str:
    pairs = trials[["enroll_id", "test_id", "label"]].sort_values(["enroll_id", "test_id"])
    return hashlib.sha256(pairs.to_csv(index=False).encode()).hexdigest()
