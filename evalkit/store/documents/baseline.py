"""A baseline: what a comparison needs of a run, small enough to commit.

Utterances of one speaker with the same labels are a block; every score is a pair of sums for
each block, and every group a choice of blocks. There is neither audio nor text in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import model_validator

from evalkit.core.errors import ColumnError
from evalkit.core.ledger import LeftOut
from evalkit.core.names import offer
from evalkit.store.documents.base import Document, Part
from evalkit.store.documents.run import (
    FurtherNormalisers,
    Normaliser,
    Pipeline,
    ShownFact,
    TrialPairs,
)

Key = tuple[str, str, str]
"""Pipeline, condition and metric."""


class Block(Part):
    """Utterances of one speaker that are in the same groups of every column of the baseline.
    ``speaker`` is None where it is not known; such a block holds one utterance."""

    speaker: str | None
    labels: list[list[str]]
    utterances: list[str]

    @property
    def name(self) -> str:
        """Whose block it is; an utterance without a speaker is its own."""
        return self.utterances[0] if self.speaker is None else self.speaker


class Scored(Part):
    """A score of one pipeline under one condition."""

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


class Facts(Part):
    """What of run.json decides whether two runs measured the same."""

    created: str
    evalkit: str
    command: str
    metrics: dict[str, ShownFact]
    normaliser: Normaliser
    further_normalisers: FurtherNormalisers
    alignment_costs: str
    corpus: dict[str, str]
    resampler: str
    conditions: dict[str, str]
    pipelines: dict[str, Pipeline]
    trials: TrialPairs | None


class Baseline(Document):
    """A run's sums for every speaker. ``labels`` of a block are its groups, one list for each of
    ``columns``; ``outcomes`` are those that determine what was measured, and which metric;
    ``left_out`` are the columns that make no groups."""

    schema_number: ClassVar[int] = 4
    made_by: ClassVar[str] = "evalkit baseline freeze"
    indent: ClassVar[int | None] = None

    name: str
    facts: Facts
    columns: list[str]
    outcomes: dict[str, str]
    left_out: list[LeftOut]
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
        index = self.index_of(column)
        return sorted({label for block in self.blocks for label in block.labels[index]})

    def index_of(self, column: str) -> int:
        """The index of a column's groups in ``labels``. Raises ConfigError for an unknown one."""
        if column not in self.columns:
            raise ColumnError(f"{self.name}: no groups by {column!r}; "
                              f"{offer(column, self.columns)} (`evalkit baseline freeze --by` adds "
                              "a column)", column)
        return self.columns.index(column)

    def only(self, columns: Sequence[str]) -> Baseline:
        """With the groups of ``columns`` only."""
        kept = [self.index_of(column) for column in columns]
        blocks = [block.model_copy(update={"labels": [block.labels[i] for i in kept]})
                  for block in self.blocks]
        trials = [cell for cell in self.trials if cell.column is None or cell.column in columns]
        outcomes = {name: self.outcomes[name] for name in columns if name in self.outcomes}
        return self.model_copy(update={"columns": list(columns), "outcomes": outcomes,
                                       "blocks": blocks, "trials": trials})

    @property
    def block_of(self) -> dict[str, int]:
        """The index of every utterance's block."""
        return {u: i for i, block in enumerate(self.blocks) for u in block.utterances}
