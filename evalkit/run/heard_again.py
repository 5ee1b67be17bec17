"""What the systems of a run heard, heard again: the run's conditions with their options and seeds,
and its recordings, as they were then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.audio import RESAMPLER
from evalkit.core.config import ConditionConfig, EvalConfig
from evalkit.core.errors import ConfigError, RunError
from evalkit.core.names import offer
from evalkit.core.types import Utterance
from evalkit.run.keys import heard_key
from evalkit.run.measured import word_options
from evalkit.run.pipeline import build_condition
from evalkit.run.plan import Cell
from evalkit.run.prints import Print, Prints, file_digests
from evalkit.run.rescore import same_utterances
from evalkit.run.utterances import read_corpus
from evalkit.store.documents.run import RunRecord
from evalkit.store.outputs import OutputStore
from evalkit.store.runfolder import RunFolder


@dataclass(frozen=True)
class HeardAgain:
    """A run, with the ``utterances`` of its corpus, which ``prints`` tell apart."""

    record: RunRecord
    store: OutputStore
    utterances: tuple[Utterance, ...]
    prints: tuple[Print, ...]

    @property
    def config(self) -> EvalConfig:
        """The run's."""
        return self.record.config

    def wanted(self, names: Sequence[str]) -> list[Utterance]:
        """The utterances of these ids, all where there are none. Raises RunError for one that is
        not of the run."""
        known = {utterance.id: utterance for utterance in self.utterances}
        for name in names:
            if name not in known:
                raise RunError(f"no utterance {name!r} in the run's corpus; {offer(name, known)}")
        return [known[name] for name in names or known]

    def cells(self, names: Sequence[str]) -> Iterator[tuple[ConditionConfig, Cell]]:
        """The conditions of these names, all where there are none, as every pipeline hears them;
        nothing comes after. Raises ConfigError for one that the run has not, RunError where what
        is heard would not be what the run's systems heard."""
        known = {condition.name: condition for condition in self.config.conditions}
        for name in names:
            if name not in known:
                raise ConfigError(f"no condition {name!r} in the run; {offer(name, known)}")
        for name in names or known:
            cell = self._cell(known[name])
            self._check_same(cell, known[name])
            yield known[name], cell

    def _cell(self, condition: ConditionConfig) -> Cell:
        config = self.config
        return Cell(config.pipelines[0], condition.name,
                    build_condition(condition.plugin, self.utterances), frozenset(), (),
                    word_options(config), config.channel, False, config.time_limit,
                    outputs_only=True)

    def _check_same(self, cell: Cell, condition: ConditionConfig) -> None:
        for row in self.store.index():
            part = self.prints[row["first"]:row["first"] + row["utterances"]]
            if row["condition"] == condition.name and row["heard"] and row["heard"] != heard_key(
                    cell.channel, condition.plugin, cell.condition, RESAMPLER, part):
                raise RunError(f"{self.store.run}: under the condition {condition.name!r} the run "
                               "heard other recordings, or versions of packages, than there are "
                               "here")


def heard_again(run: Path) -> HeardAgain:
    """Raises RunError and ManifestError where the run or its corpus cannot be read."""
    folder = RunFolder(run)
    record = folder.record()
    corpus, _ = same_utterances(read_corpus(record.config), folder)
    prints = Prints(record.config.corpus.root, file_digests(corpus.utterances))
    return HeardAgain(record, OutputStore(run), corpus.utterances,
                      prints.of(corpus.utterances))
