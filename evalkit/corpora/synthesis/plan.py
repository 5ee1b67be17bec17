"""Who says what in a synthetic corpus: everything is drawn here from the seed, before any sound
is made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from evalkit.corpora.synthesis import espeak, places
from evalkit.corpora.synthesis.config import SynthConfig
from evalkit.corpora.synthesis.grammars import GRAMMARS
from evalkit.corpora.synthesis.sentences import Grammar, plain
from evalkit.corpora.synthesis.texts import rng_of, sentences

AGE_BANDS = ("18-29", "30-44", "45-59", "60+")
GENDERS = {"female": espeak.FEMALE, "male": espeak.MALE}


@dataclass(frozen=True)
class Speaker:
    """One synthetic speaker. ``level`` is the active speech level in dB of full scale."""

    id: str
    voice: espeak.Voice
    level: float
    metadata: dict[str, Any]


@dataclass(frozen=True)
class Line:
    """One sentence for one speaker to say, into ``audio`` (relative to the corpus), and what a row
    says of the sentence."""

    id: str
    split: str
    speaker: Speaker
    text: str
    audio: str
    labels: dict[str, Any]


def plan(config: SynthConfig) -> list[Line]:
    """Every line of the corpus, in the order of the manifests. No sentence is said twice. Raises
    ConfigError where the grammar has too few."""
    grammar = GRAMMARS[config.grammar]
    said = {split: iter(texts) for split, texts in sentences(config).items()}
    lines: list[Line] = []
    numbers = dict.fromkeys(config.accents, 0)
    for (split, accent), count in config.counts.items():
        for speaker in _speakers(config, split, accent, count.speakers, numbers[accent]):
            lines += [_line(speaker, split, number, grammar, next(said[split]))
                      for number in range(1, count.utterances + 1)]
        numbers[accent] += count.speakers
    return lines


def _speakers(config: SynthConfig, split: str, accent: str, count: int,
              before: int) -> Iterator[Speaker]:
    """``count`` speakers of ``accent``, women and men in turn, numbered after ``before``. A
    gender's variants are used up before one is used again."""
    rng = rng_of(config.seed, "speakers", split, accent)
    variants = {gender: rng.permutation(names) for gender, names in GENDERS.items()}
    city = config.accents[accent]
    for number in range(count):
        gender = list(GENDERS)[number % 2]
        variant = str(variants[gender][number // 2 % len(variants[gender])])
        age = int(rng.integers(len(AGE_BANDS)))
        hidden = rng.random() < config.missing_age
        yield Speaker(
            id=f"{config.prefix}{city.area.lower()}-{before + number + 1:03d}",
            voice=_voice(city.voice, variant, age, rng),
            level=float(rng.uniform(-29, -23)),
            metadata={"accent": accent, "gender": gender,
                      "age_band": None if hidden else AGE_BANDS[age],
                      **places.home(city, config.spread, rng), "split": split})


def _voice(accent: str, variant: str, age: int, rng: np.random.Generator) -> espeak.Voice:
    """Older speakers are a little slower and lower; the spread within an age is larger."""
    return espeak.Voice(accent, variant, rate=int(np.clip(rng.normal(162 - 5 * age, 14), 120, 205)),
                        pitch=int(rng.integers(36, 66)) - 2 * age, range=int(rng.integers(30, 70)))


def _line(speaker: Speaker, split: str, number: int, grammar: Grammar, sentence: str) -> Line:
    name = f"{speaker.id}-{number:02d}"
    return Line(name, split, speaker, plain(sentence), f"audio/{split}/{name}.flac",
                grammar.labels(sentence))
