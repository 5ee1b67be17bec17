"""What the systems of a run heard, made again sample by sample from the run's recipes: the
condition with its options and seed, and the recording."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from evalkit.conditions.drawn import files_drawn
from evalkit.core.config import ConditionConfig
from evalkit.core.errors import UtteranceError
from evalkit.core.files import replacing
from evalkit.core.ledger import LeftOut, merged
from evalkit.core.types import Audio, Utterance
from evalkit.run.heard_again import heard_again
from evalkit.run.plan import Cell
from evalkit.run.stages import UtteranceWork, hear
from evalkit.run.word_times import as_heard
from evalkit.store.documents.run import UNCHANGED
from evalkit.store.mixtures import earlier_recipes, write_recipes
from evalkit.store.outputs import audio_name
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
    before, again = earlier_recipes(out), heard_again(run)
    wanted = again.wanted(utterances)
    rows: list[dict[str, Any]] = []
    left_out: list[LeftOut] = []
    for condition, cell in again.cells(conditions):
        with threadpool_limits(1):  # as in a run
            for made in _made(cell, condition, wanted, out):
                if isinstance(made, LeftOut):
                    left_out.append(made)
                else:
                    rows.append(made)
    return Mixtures(len(rows), write_recipes(out, [*before, *rows]), tuple(merged(left_out)))


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
