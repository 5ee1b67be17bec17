"""What the systems of a run heard, made again sample by sample from the run's recipes: the
condition with its options and seed, and the recording."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from evalkit.audio import RESAMPLER
from evalkit.conditions.drawn import files_drawn
from evalkit.core.config import ConditionConfig, EvalConfig
from evalkit.core.errors import ConfigError, RunError, UtteranceError
from evalkit.core.files import replacing
from evalkit.core.ledger import LeftOut, merged
from evalkit.core.names import offer
from evalkit.core.types import Audio, Utterance
from evalkit.run.keys import Print, file_digests, heard_key, utterance_print
from evalkit.run.measured import word_options
from evalkit.run.pipeline import build_condition
from evalkit.run.plan import Cell
from evalkit.run.rescore import same_utterances
from evalkit.run.stages import UtteranceWork, hear
from evalkit.run.utterances import read_corpus
from evalkit.run.word_times import as_heard
from evalkit.store.documents.run import UNCHANGED
from evalkit.store.mixtures import earlier_recipes, write_recipes
from evalkit.store.outputs import OutputStore, audio_name
from evalkit.store.runfolder import RunFolder
from evalkit.store.word_times import written


@dataclass(frozen=True)
class Mixtures:
    """How many recordings were ``written``, ``recipes``, the file that says of each what it was
    made of, and what could not be made."""

    written: int
    recipes: Path
    left_out: tuple[LeftOut, ...]


def export_mixtures(run: Path, out: Path, *, conditions: Sequence[str] = (),
                    utterances: Sequence[str] = ()) -> Mixtures:
    """Writes what was heard of ``utterances`` under ``conditions``, all where none are named, into
    the folder ``out``: WAV files of 32-bit floats, the samples that the systems were given. Those
    of an earlier export there stay, with their recipes, unless they are made anew.

    Raises ConfigError for a condition that the run has not, or where ``out`` holds anything but an
    earlier export, RunError where a condition of the same name would not be the same here, or there
    is no such utterance."""
    before = earlier_recipes(out)
    folder = RunFolder(run)
    config = folder.record().config
    corpus, _ = same_utterances(read_corpus(config), folder)
    wanted = _wanted(corpus.utterances, utterances)
    files = file_digests(corpus.utterances)
    prints = [utterance_print(u, config.corpus.root, files) for u in corpus.utterances]
    rows: list[dict[str, Any]] = []
    left_out: list[LeftOut] = []
    for condition in _chosen(config, conditions):
        cell = _cell(config, condition, corpus.utterances)
        _check_same(OutputStore(run), cell, condition, prints)
        with threadpool_limits(1):  # as in a run
            for made in _made(cell, condition, wanted, out):
                if isinstance(made, LeftOut):
                    left_out.append(made)
                else:
                    rows.append(made)
    return Mixtures(len(rows), write_recipes(out, [*before, *rows]), tuple(merged(left_out)))


def _wanted(spoken: Sequence[Utterance], names: Sequence[str]) -> list[Utterance]:
    known = {utterance.id: utterance for utterance in spoken}
    for name in names:
        if name not in known:
            raise RunError(f"no utterance {name!r} in the run's corpus; {offer(name, known)}")
    return [known[name] for name in names or known]


def _chosen(config: EvalConfig, names: Sequence[str]) -> list[ConditionConfig]:
    known = {condition.name: condition for condition in config.conditions}
    for name in names:
        if name not in known:
            raise ConfigError(f"no condition {name!r} in the run; {offer(name, known)}")
    return [known[name] for name in names or known]


def _cell(config: EvalConfig, condition: ConditionConfig, spoken: tuple[Utterance, ...]) -> Cell:
    """The condition as every pipeline hears it; nothing comes after."""
    return Cell(config.pipelines[0], condition.name, build_condition(condition.plugin, spoken),
                frozenset(), (), word_options(config), config.channel, False, config.time_limit,
                outputs_only=True)


def _check_same(store: OutputStore, cell: Cell, condition: ConditionConfig,
                prints: Sequence[Print]) -> None:
    """Raises RunError where what the run's systems heard would not be made."""
    for row in store.index():
        part = prints[row["first"]:row["first"] + row["utterances"]]
        if row["condition"] == condition.name and row["heard"] and row["heard"] != heard_key(
                cell.channel, condition.plugin, cell.condition, RESAMPLER, part):
            raise RunError(f"{store.run}: under the condition {condition.name!r} the run heard "
                           "other recordings, or versions of packages, than there are here")


def _made(cell: Cell, condition: ConditionConfig, wanted: Sequence[Utterance], out: Path
          ) -> Iterator[dict[str, Any] | LeftOut]:
    """The recipe of every recording that is written."""
    for utterance in wanted:
        work = UtteranceWork(utterance)
        hear(work, cell)
        if isinstance(work.input, UtteranceError):
            yield LeftOut("utterance", condition.name, str(work.input), names=(utterance.id,))
        elif work.input is not None:
            name = str(Path(condition.name, Path(audio_name("", utterance.id, ".wav")).name))
            _write(out / name, work.input)
            yield {"file": name, "utterance_id": utterance.id, "condition": condition.name,
                   "plugin": condition.plugin and condition.plugin.model_dump(mode="json"),
                   "identity": UNCHANGED if cell.condition is None else cell.condition.identity,
                   "drawn": files_drawn(cell.condition, utterance),
                   **_words(work), "rate": work.input.rate, "samples": len(work.input.samples),
                   "sha256": hashlib.sha256(work.input.samples.tobytes()).hexdigest()}


def _words(work: UtteranceWork) -> dict[str, Any]:
    """When the words were said in what was heard, where pauses were put between them."""
    heard = work.rows["heard"]
    if not heard["inserted"]:
        return {}
    return {"words": written(as_heard(work.utterance, heard).words)}


def _write(path: Path, audio: Audio) -> None:
    """As libsndfile would, but for the time of day that it writes beside floats."""
    from scipy.io import wavfile

    with replacing(path) as temporary:
        wavfile.write(temporary, audio.rate, audio.samples)
