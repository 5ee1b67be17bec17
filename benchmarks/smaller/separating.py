"""Arms that hear two speakers at once, and the shipped transducer on the same mixtures.

    python -m benchmarks.smaller train CORPORA OUT --only one_channel separating …
    python -m benchmarks.smaller.separating CORPORA OUT

The second prints `evalkit meetings` of all that are kept, by overlap and by accent.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import evalkit
from benchmarks.smaller.compression import shipped
from benchmarks.smaller.corpora import made
from benchmarks.smaller.sweep import CONFIG, Trained, Training, all_kept, read_sweep
from evalkit.cli.meetings import print_meetings
from evalkit.core.errors import EvalkitError
from evalkit.core.types import Hypothesis, Word
from evalkit.corpora.overlaps import MANIFEST, make_overlaps
from evalkit.metrics.meetings.reading import read_segments
from evalkit.models.transducer.encoder import BLOCK
from evalkit.models.transducer.features import RATE
from evalkit.models.transducer.network import Transducer
from evalkit.models.transducer.separating import (
    BEGIN,
    BETWEEN,
    END,
    ENDS,
    HeardTurn,
    Separating,
    SeparatingObjective,
)
from evalkit.models.transducer.stream import Hearing, heard, hypothesis
from evalkit.store.manifest import write_manifest
from evalkit.training.data import recordings
from evalkit.training.from_scratch import FromScratch, Kind, train_from_scratch

PAIRS, TEST = "pairs", "survey"
TRAINING = ("train0", "train1")
"""Mixtures of the utterances of train, by two seeds."""
RECIPE = {"speeds": (100,), "noisy": 0.0, "takes": 1, "batch": 12, "peak_learning_rate": 2e-3,
          "epochs": 5}
WEIGHTS = "separating.safetensors"
APART = 0.4
"""Seconds without a word that part the turns of a recognizer that knows of none."""


def make(corpora: Path) -> Path:
    """Makes the mixtures that are not there, of accents; returns their folder."""
    out = corpora / PAIRS
    for name, split, seed in ((TRAINING[0], "train", 0), (TRAINING[1], "train", 1),
                              ("dev", "dev", 0), (TEST, "survey", 0)):
        if not (out / name / MANIFEST).exists():
            make_overlaps(corpora / "accents" / f"{split}.jsonl", out / name, seed=seed)
    write_manifest(out / "train.jsonl", (row for name in TRAINING for row in _taught(out, name)))
    write_manifest(out / "dev.jsonl", _taught(out, "dev"))
    return out


def _taught(out: Path, name: str) -> Iterator[dict[str, Any]]:
    """Rows to train on: a channel a speaker, in the order in which they begin."""
    for session, turns in read_segments(out / name / "reference.json").by_session().items():
        yield {"id": f"{name}-{session}", "audio": f"{name}/audio/{session}.flac",
               "text": BETWEEN.join(BEGIN + turn.text + END for turn in turns),
               ENDS: ",".join(f"{turn.end:.3f}" for turn in turns)}


def trained(training: Training) -> Trained:
    """``training.options`` are keys of FromScratch, ``penalty``: those of SeparatingObjective, and
    ``start``: the arm that the training goes on from, which is kept. Without it begins as the
    shipped transducer."""
    options = dict(training.options)
    objective = SeparatingObjective(**options.pop("penalty", {}))
    start = options.pop("start", None)
    kind = Kind(make=partial(_started, training, start), objective=objective,
                loss=Separating.loss, transcribe=_texts, save=Separating.save, rate=RATE,
                spell=lambda text: Separating().targets([text]),
                settings={"penalty": vars(objective)})
    model = train_from_scratch(
        kind, make(training.corpora),
        config=FromScratch.model_validate({**RECIPE, **options, "seed": training.seed}),
        checkpoint=training.folder / "checkpoint.safetensors",
        progress=lambda epoch, epochs, loss, seconds: print(
            f"epoch {epoch} of {epochs}: {loss:.4f} nats a character, {seconds:.0f} s", flush=True))
    model.save(training.folder / WEIGHTS)
    return _heard(training, model.turns, sum(each.numel() for each in model.parameters()))


def _started(training: Training, start: str | None) -> Separating:
    if start is not None:
        return Separating.load(training.folder.parent / f"{start}_{training.seed}" / WEIGHTS)
    model = Separating()
    model.begin_as(shipped())
    return model


def _texts(model: Separating, waves: Sequence[Any]) -> list[str]:
    return [" ".join(turn.text for turn in model.turns(wave)) for wave in waves]


def one_channel(training: Training) -> Trained:
    """The shipped transducer, which knows of one speaker: words that are APART or more make
    turns."""
    model = shipped()
    make(training.corpora)
    return _heard(training, lambda wave: [*turns_of_words(heard(model, wave))],
                  sum(each.numel() for each in model.parameters()))


def one_channel_anew(training: Training) -> Trained:
    """The same, begun anew each time that it has said nothing more for ``quiet`` seconds, an
    option. Its utterances are by turns on one channel and on the other."""
    model, quiet = shipped(), training.options["quiet"]
    make(training.corpora)
    return _heard(training, lambda wave: [
        HeardTurn(number % 2, *turn[1:])
        for number, turn in enumerate(turns_anew(model, wave, quiet))],
        sum(each.numel() for each in model.parameters()))


def turns_anew(model: Transducer, wave: np.ndarray, quiet: float) -> Iterator[HeardTurn]:
    """The utterances that ``model`` hears of ``wave`` (n,) at RATE, one after another: where one
    has no more words for ``quiet`` seconds it has ended, and the next begins from there."""
    stream, start, last = Hearing(model), 0, len(wave)
    for place in range(0, len(wave), BLOCK):
        if stream.push(wave[place:place + BLOCK]):
            last = place
        elif place - last >= quiet * RATE:
            yield from _turn(hypothesis(model, stream.search.said), start / RATE)
            stream, start, last = Hearing(model), place + BLOCK, len(wave)
    yield from _turn(stream.finish(), start / RATE)


def _turn(found: Hypothesis, start: float) -> Iterator[HeardTurn]:
    if found.words:
        first, last = found.words[0].start or 0.0, found.words[-1].end or 0.0
        yield HeardTurn(0, start + first, start + last, found.text)


def turns_of_words(found: Hypothesis) -> Iterator[HeardTurn]:
    """The turns that words with times make, on one channel."""
    words: list[Word] = []
    for word in [*found.words, None]:
        if words and (word is None or (word.start or 0.0) - (words[-1].end or 0.0) >= APART):
            yield HeardTurn(0, words[0].start or 0.0, words[-1].end or 0.0,
                            " ".join(each.text for each in words))
            words = []
        words += [] if word is None else [word]


def _heard(training: Training, hear: Any, weights: int) -> Trained:
    speech = recordings(training.corpora / PAIRS / TEST / MANIFEST, RATE)
    turns = {each.utterance.id: hear(each.wave) for each in speech}
    return Trained({f"{PAIRS}/{TEST}": {name: " ".join(turn.text for turn in own)
                                        for name, own in turns.items()}},
                   {"weights": float(weights), "bytes": 4.0 * weights},
                   {"turns": {name: [list(turn) for turn in own] for name, own in turns.items()}})


def table(corpora: Path, out: Path, config: Path = CONFIG) -> None:
    """Prints what every arm that is kept heard, by overlap and by accent."""
    reference = made(corpora, f"{PAIRS}/{TEST}/reference.json")
    (out / PAIRS).mkdir(exist_ok=True)
    files = {}
    for name, seed, document in all_kept(read_sweep(config), out):
        if turns := document["details"].get("turns"):
            files[f"{name}_{seed}"] = out / PAIRS / f"{name}_{seed}.json"
            files[f"{name}_{seed}"].write_text(json.dumps([*_seglst(turns)]), encoding="utf-8")
    print_meetings(evalkit.meetings(reference, files, by=["overlap", "accent"], absent="empty"))


def _seglst(turns: dict[str, list[list[Any]]]) -> Iterator[dict[str, Any]]:
    for session, own in turns.items():
        for turn in own:
            each = HeardTurn(*turn)
            yield {"session_id": session, "speaker": f"channel {each.channel}",
                   "start_time": each.start, "end_time": each.end, "words": each.text}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpora", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    try:
        table(options.corpora, options.out)
    except EvalkitError as error:
        sys.exit(str(error))
