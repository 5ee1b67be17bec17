"""A corpus of synthetic speech: many voices, several accents, placed on a map.

Everything is drawn first, in one process, from the seed; recordings are then made in any order
by any number of workers, each depending on its own row only. Manifests are written last.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile

from evalkit.audio import RESAMPLER, active_power, decibel, resample, save
from evalkit.core.errors import ConfigError
from evalkit.core.files import write
from evalkit.core.names import offer
from evalkit.core.processes import WorkerPool
from evalkit.core.types import Audio, Word
from evalkit.corpora.synthesis import espeak, places
from evalkit.corpora.synthesis.config import LATER, SynthConfig, read_besides
from evalkit.corpora.synthesis.grammars import GRAMMARS
from evalkit.corpora.synthesis.plan import Line, plan
from evalkit.corpora.synthesis.texts import rng_of
from evalkit.store.manifest import write_manifest
from evalkit.store.word_times import WORDS, written

VERSION = 3
"""Changes whenever the same configuration would give other bytes."""
RATE = 16_000
LOCK = "corpus.lock.json"
NAMES = "names.json"
"""The names of the grammar, those of no utterance too: what lists of distractors are made of."""
CHUNK = 16
"""Lines that a worker is given at a time."""


class Recorded(NamedTuple):
    """How long a line's recording is, in seconds, and when its words are said."""

    seconds: float
    words: tuple[Word, ...]


def synthesise(config: SynthConfig, out: Path, *, workers: int,
               splits: Collection[str] = (),
               progress: Callable[[int, int], None] | None = None) -> dict[str, Path]:
    """Makes the corpus in the folder ``out``, or only the ``splits`` named, and returns each
    split's manifest.

    Audio is 16 kHz FLAC; postcodes.csv describes the postcodes of the manifests. The bytes
    depend on ``config`` alone (given the versions of espeak-ng, soxr and libsndfile), not on
    ``workers`` (0 works in this process). What ``out`` already holds of this corpus is left as
    it is. ``progress`` is called with utterances done and to do. Raises ConfigError where
    ``out`` holds manifests that this function did not make, or a voice or split does not exist.
    """
    manifests: dict[str, Path] = {split: out / f"{split}.jsonl" for split in config.splits}
    if unknown := sorted(set(splits) - set(manifests)):
        raise ConfigError(f"no split {unknown[0]!r}; {offer(unknown[0], manifests)}")
    lock, digest = out / LOCK, _digest(config)
    if not _is_locked(lock, digest):
        _clear(manifests.values(), lock, digest)
    wanted = {split: manifests[split] for split in splits or manifests}
    missing = {split: path for split, path in wanted.items() if not path.exists()}
    if missing:
        _make(config, out, missing, workers, progress)
    return wanted


def _make(config: SynthConfig, out: Path, manifests: Mapping[str, Path], workers: int,
          progress: Callable[[int, int], None] | None) -> None:
    lines = [line for line in plan(config) if line.split in manifests]
    recordings = _record(lines, out, workers, progress)
    places.write_postcodes(out / "postcodes.csv", config.accents.values(), config.spread,
                           rng_of(config.seed, "postcodes"))
    if names := GRAMMARS[config.grammar].names:
        write(out / NAMES, json.dumps([each._asdict() for each in names], indent=1) + "\n")
    for split, path in manifests.items():
        write_manifest(path, (_row(line, recorded) for line, recorded in zip(
            lines, recordings, strict=True) if line.split == split))


def _record(lines: Sequence[Line], out: Path, workers: int,
            progress: Callable[[int, int], None] | None) -> list[Recorded]:
    """Makes every line's audio file."""
    for folder in {out / Path(line.audio).parent for line in lines}:
        folder.mkdir(parents=True, exist_ok=True)
    speak = partial(_speak, out=out)
    recordings: list[Recorded] = []
    with closing(_map(speak, lines, workers)) as spoken:
        for recorded in spoken:
            recordings.append(recorded)
            if progress:
                progress(len(recordings), len(lines))
    return recordings


def _map(function: Callable[[Line], Recorded], lines: Sequence[Line], workers: int
         ) -> Generator[Recorded, None, None]:
    if workers == 0:
        yield from map(function, lines)
        return
    with WorkerPool(workers) as pool:
        made = [pool.submit(_all, function, lines[first:first + CHUNK])
                for first in range(0, len(lines), CHUNK)]
        for chunk in made:
            yield from chunk.result()


def _all(function: Callable[[Line], Recorded], lines: Sequence[Line]) -> list[Recorded]:
    return [function(line) for line in lines]


def _speak(line: Line, out: Path) -> Recorded:
    speech = espeak.speak(line.text, line.speaker.voice)
    audio = resample(speech.audio, RATE)
    gain = 10 ** ((line.speaker.level - decibel(active_power(audio, centred=False))) / 20)
    audio = Audio(audio.samples * np.float32(gain), RATE)
    save(out / line.audio, audio)
    return Recorded(audio.duration, speech.words)


def _row(line: Line, recorded: Recorded) -> dict[str, Any]:
    return {"id": line.id, "audio": line.audio, "text": line.text, "speaker": line.speaker.id,
            "duration": recorded.seconds, WORDS: written(recorded.words),
            **line.speaker.metadata, **line.labels}


def _digest(config: SynthConfig) -> str:
    """Names everything that decides the corpus's bytes."""
    made_by = [VERSION, espeak.version(), RESAMPLER, soundfile.__libsndfile_version__]
    text = json.dumps([made_by, _written(config), *map(_written, read_besides(config))])
    return hashlib.sha256(text.encode()).hexdigest()


def _written(config: SynthConfig) -> dict[str, Any]:
    """The configuration as it was before there were the LATER keys, where they say nothing."""
    later = config.model_dump(mode="json", include={*LATER} - {"besides"}, exclude_defaults=True)
    return config.model_dump(mode="json", exclude={*LATER}) | later


def _is_locked(lock: Path, digest: str) -> bool:
    """Whether the corpus that was last made, or begun, beside ``lock`` has this digest."""
    try:
        return lock.read_text(encoding="utf-8") == _lock_text(digest)
    except (OSError, UnicodeDecodeError):
        return False


def _lock_text(digest: str) -> str:
    return json.dumps({"digest": digest}) + "\n"


def _clear(manifests: Iterable[Path], lock: Path, digest: str) -> None:
    """Takes away the manifests of an earlier corpus, so that none names audio about to change,
    and notes in ``lock`` which corpus is being made."""
    for path in manifests:
        if path.exists() and not lock.exists():
            raise ConfigError(f"{path}: was not made by corpus synth and would be lost; "
                              "give another folder")
        path.unlink(missing_ok=True)
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text(_lock_text(digest), encoding="utf-8")
