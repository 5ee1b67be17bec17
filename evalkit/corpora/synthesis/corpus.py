"""A corpus of synthetic speech: many voices, several accents, placed on a map.

Everything is drawn first, in one process, from the seed; recordings are then made in any order
by any number of workers, each depending on its own row only. Manifests are written last.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import soundfile
from pydantic import Field, model_validator

from evalkit.audio import RESAMPLER, active_power, decibel, resample, save
from evalkit.core.checked import checked
from evalkit.core.errors import ConfigError
from evalkit.core.names import offer
from evalkit.core.processes import WorkerPool
from evalkit.core.strict import Strict
from evalkit.core.types import Audio, Word
from evalkit.core.yaml_files import read_yaml
from evalkit.corpora.synthesis import espeak, places
from evalkit.corpora.synthesis.sentences import distinct_sentences
from evalkit.store.manifest import write_manifest
from evalkit.store.word_times import WORDS, written

VERSION = 3
"""Changes whenever the same configuration would give other bytes."""
RATE = 16_000
LOCK = "corpus.lock.json"
CHUNK = 16
"""Lines that a worker is given at a time."""
AGE_BANDS = ("18-29", "30-44", "45-59", "60+")
GENDERS = {"female": espeak.FEMALE, "male": espeak.MALE}


class Count(Strict):
    """How many speakers of an accent, and how many utterances of each of them."""

    speakers: int = Field(gt=0)
    utterances: int = Field(gt=0)


class SplitConfig(Count):
    """A split's count for every accent, and the accents that have another ``instead``."""

    instead: dict[str, Count] = Field(default_factory=dict)


class AccentConfig(places.City):
    """espeak-ng's voice file, and the city where the accent is spoken."""

    voice: str


class SynthConfig(Strict):
    """``corpus.yaml`` of kind synth. ``spread`` in degrees; ``missing_age`` is the share of
    speakers whose age band is left blank."""

    kind: Literal["synth"]
    seed: int = Field(ge=0)
    spread: float = Field(0.5, gt=0, le=5)
    missing_age: float = Field(0.0, ge=0, le=1)
    accents: dict[str, AccentConfig] = Field(min_length=1)
    splits: dict[Literal["train", "dev", "test", "survey"], SplitConfig] = Field(min_length=1)

    @model_validator(mode="after")
    def _known_accents(self) -> SynthConfig:
        named = {accent for split in self.splits.values() for accent in split.instead}
        if unknown := sorted(named - set(self.accents)):
            raise ValueError(f"instead names no accent of the corpus: {unknown[0]!r}")
        if len({city.area for city in self.accents.values()}) < len(self.accents):
            raise ValueError("two accents have the same area")
        return self


@dataclass(frozen=True)
class Speaker:
    """One synthetic speaker. ``level`` is the active speech level in dB of full scale."""

    id: str
    voice: espeak.Voice
    level: float
    metadata: dict[str, Any]


@dataclass(frozen=True)
class Line:
    """One sentence for one speaker to say, into ``audio`` (relative to the corpus)."""

    id: str
    split: str
    speaker: Speaker
    text: str
    audio: str


class Recorded(NamedTuple):
    """How long a line's recording is, in seconds, and when its words are said."""

    seconds: float
    words: tuple[Word, ...]


def read_synth_config(path: Path) -> SynthConfig:
    """Reads ``corpus.yaml``. Raises ConfigError naming the file and the first key that is
    wrong."""
    return checked(SynthConfig, read_yaml(path), path)


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
                           _rng(config.seed, "postcodes"))
    for split, path in manifests.items():
        write_manifest(path, (_row(line, recorded) for line, recorded in zip(
            lines, recordings, strict=True) if line.split == split))


def plan(config: SynthConfig) -> list[Line]:
    """Every line of the corpus, in the order of the manifests. No sentence is said twice."""
    counts: dict[tuple[str, str], Count] = {
        (split, accent): scheme.instead.get(accent, scheme)
        for split, scheme in config.splits.items() for accent in config.accents}
    sentences = {split: iter(texts) for split, texts in _sentences(config, counts).items()}
    lines: list[Line] = []
    numbers = dict.fromkeys(config.accents, 0)
    for (split, accent), count in counts.items():
        for speaker in _speakers(config, split, accent, count.speakers, numbers[accent]):
            lines += [_line(speaker, split, number, next(sentences[split]))
                      for number in range(1, count.utterances + 1)]
        numbers[accent] += count.speakers
    return lines


def _sentences(config: SynthConfig, counts: Mapping[tuple[str, str], Count]
               ) -> dict[str, list[str]]:
    """Different sentences for every split. The first three splits share one draw, and the
    survey draws after them, so that it can be had or not without changing the others."""
    asked = Counter[str]()
    for (split, _), count in counts.items():
        asked[split] += count.speakers * count.utterances
    surveyed = asked.pop("survey", 0)
    rng = _rng(config.seed, "sentences")
    shared = rng.permutation(distinct_sentences(rng, asked.total())).tolist()
    drawn = {"survey": distinct_sentences(rng, surveyed, besides=shared)}
    for split, n in asked.items():
        drawn[split], shared = shared[:n], shared[n:]
    return drawn


def _speakers(config: SynthConfig, split: str, accent: str, count: int,
              before: int) -> Iterator[Speaker]:
    """``count`` speakers of ``accent``, women and men in turn, numbered after ``before``. A
    gender's variants are used up before one is used again."""
    rng = _rng(config.seed, "speakers", split, accent)
    variants = {gender: rng.permutation(names) for gender, names in GENDERS.items()}
    city = config.accents[accent]
    for number in range(count):
        gender = list(GENDERS)[number % 2]
        variant = str(variants[gender][number // 2 % len(variants[gender])])
        age = int(rng.integers(len(AGE_BANDS)))
        hidden = rng.random() < config.missing_age
        yield Speaker(
            id=f"{city.area.lower()}-{before + number + 1:03d}",
            voice=_voice(city.voice, variant, age, rng),
            level=float(rng.uniform(-29, -23)),
            metadata={"accent": accent, "gender": gender,
                      "age_band": None if hidden else AGE_BANDS[age],
                      **places.home(city, config.spread, rng), "split": split})


def _voice(accent: str, variant: str, age: int, rng: np.random.Generator) -> espeak.Voice:
    """Older speakers are a little slower and lower; the spread within an age is larger."""
    return espeak.Voice(accent, variant, rate=int(np.clip(rng.normal(162 - 5 * age, 14), 120, 205)),
                        pitch=int(rng.integers(36, 66)) - 2 * age, range=int(rng.integers(30, 70)))


def _line(speaker: Speaker, split: str, number: int, text: str) -> Line:
    name = f"{speaker.id}-{number:02d}"
    return Line(name, split, speaker, text, f"audio/{split}/{name}.flac")


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
            "duration": recorded.seconds, WORDS: written(recorded.words), **line.speaker.metadata}


def _digest(config: SynthConfig) -> str:
    """Names everything that decides the corpus's bytes."""
    made_by = [VERSION, espeak.version(), RESAMPLER, soundfile.__libsndfile_version__]
    text = json.dumps([made_by, config.model_dump(mode="json")])
    return hashlib.sha256(text.encode()).hexdigest()


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


def _rng(seed: int, *names: str) -> np.random.Generator:
    """An independent stream of random numbers for each name under ``seed``."""
    digest = hashlib.sha256("/".join(names).encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])
