"""Requests behind a keyword, with somebody else speaking: the same voice says the keyword and the
request, and another voice is heard behind the request and goes on after it. Who is to be listened to
can only be known from the keyword (the setting of Raju et al. 2020, arXiv:2011.10538)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.audio import active_power, decibel, resample, save
from evalkit.core.types import Audio, Utterance
from evalkit.corpora.synthesis import espeak
from evalkit.corpora.synthesis.corpus import RATE, Line
from evalkit.recordings.reading import load
from evalkit.store.manifest import write_manifest


@dataclass(frozen=True)
class Scene:
    """What is said before a request and behind it: the ``keyword``, ``gap`` seconds before it; the
    other voice is between the two ``ratios`` in decibels fainter than the request, and goes on for
    ``after`` seconds."""

    keyword: str = "computer"
    gap: float = 0.2
    ratios: tuple[float, float] = (0.0, 10.0)
    after: float = 0.5


def compose(lines: Sequence[Line], utterances: Sequence[Utterance], out: Path, *,
            scene: Scene | None = None, seed: int = 0) -> None:
    """Writes into ``out`` a recording for each of ``utterances``, said by the voices of ``lines``
    of the same id, and two manifests of their requests: ``with/NAME.jsonl`` of the whole recordings
    and ``without/NAME.jsonl`` of what is behind the keyword, NAME being the split."""
    scene, voices = scene or Scene(), {line.id: line.speaker.voice for line in lines}
    rng = np.random.default_rng(seed)
    by_split: dict[str, list[tuple[Utterance, float, float]]] = {}
    for utterance, other in zip(utterances, _others(utterances, rng), strict=True):
        keyword = resample(espeak.speak(scene.keyword, voices[utterance.id]).audio, RATE)
        audio, start = _composed(keyword, _speech(utterance), _speech(other), scene, rng)
        save(out / "audio" / f"{utterance.id}.flac", audio)
        split = str(utterance.metadata["split"])
        by_split.setdefault(split, []).append((utterance, start, audio.duration))
    for split, made in by_split.items():
        write_manifest(out / "with" / f"{split}.jsonl",
                       (_row(u, 0.0, seconds) for u, _, seconds in made))
        write_manifest(out / "without" / f"{split}.jsonl",
                       (_row(u, start, seconds) for u, start, seconds in made))


def _others(utterances: Sequence[Utterance], rng: np.random.Generator) -> Iterator[Utterance]:
    """For each, one of another speaker of its split."""
    for utterance in utterances:
        other = utterance
        while other.speaker == utterance.speaker:
            other = utterances[int(rng.integers(len(utterances)))]
        yield other


def _speech(utterance: Utterance) -> np.ndarray:
    assert utterance.audio is not None
    audio = load(utterance.audio, offset=utterance.offset, duration=utterance.duration)
    return resample(audio, RATE).samples


def _composed(keyword: Audio, request: np.ndarray, other: np.ndarray, scene: Scene,
              rng: np.random.Generator) -> tuple[Audio, float]:
    """The recording, and the second at which the request begins."""
    level = active_power(Audio(request, RATE), centred=False)
    called = _at(keyword.samples, level)
    start = len(called) + round(scene.gap * RATE)
    made = np.zeros(start + len(request) + round(scene.after * RATE), np.float32)
    made[:len(called)] = called
    made[start:start + len(request)] = request
    fainter = 10 ** (-rng.uniform(*scene.ratios) / 10)
    voice = np.resize(np.roll(_at(other, level * fainter), -int(rng.integers(len(other)))),
                      len(made) - start)
    made[start:] += voice
    return Audio(made / max(1.0, float(np.abs(made).max())), RATE), start / RATE


def _at(samples: np.ndarray, power: float) -> np.ndarray:
    """``samples`` of that active ``power``."""
    own = active_power(Audio(samples, RATE), centred=False)
    louder: np.ndarray = samples * np.float32(10 ** ((decibel(power) - decibel(own)) / 20))
    return louder


def _row(utterance: Utterance, offset: float, end: float) -> dict[str, Any]:
    return {"id": utterance.id, "audio": f"../audio/{utterance.id}.flac", "text": utterance.text,
            "speaker": utterance.speaker, "offset": offset, "duration": end - offset,
            **utterance.metadata}
