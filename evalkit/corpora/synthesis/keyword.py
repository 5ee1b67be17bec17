"""Requests behind a keyword, with somebody else speaking: the same voice says the keyword and the
request, and another voice is heard behind the request and goes on after it. Who is to be listened
to can only be known from the keyword (the setting of Raju et al. 2020, arXiv:2011.10538)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.audio import active_power, decibel, resample, save
from evalkit.core.types import Audio, Recording, Utterance
from evalkit.corpora.synthesis import espeak
from evalkit.corpora.synthesis.corpus import RATE
from evalkit.corpora.synthesis.plan import Line
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


def compose(lines: Sequence[Line], requests: Sequence[Recording], out: Path, *,
            scene: Scene | None = None, seed: int = 0) -> None:
    """Makes two corpora in ``out``: ``with`` has a recording for each of ``requests``, whose
    waveforms are at RATE, said by the voices of ``lines`` of the same id, and ``without`` what of
    it is behind the keyword. The text of both is the request."""
    scene, voices = scene or Scene(), {line.id: line.speaker.voice for line in lines}
    rng = np.random.default_rng(seed)
    for name in ("with", "without"):
        (out / name / "audio").mkdir(parents=True, exist_ok=True)
    rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for request, other in zip(requests, _others(requests, rng), strict=True):
        utterance = request.utterance
        keyword = _said(scene.keyword, voices[utterance.id])
        whole, start = _composed(keyword, request.wave, other.wave, scene, rng)
        for name, audio in (("with", whole), ("without", Audio(whole.samples[start:], RATE))):
            row = _row(utterance, audio)
            save(out / name / row["audio"], audio)
            rows.setdefault((name, str(utterance.metadata["split"])), []).append(row)
    for (name, split), made in rows.items():
        write_manifest(out / name / f"{split}.jsonl", made)


@lru_cache
def _said(keyword: str, voice: espeak.Voice) -> Audio:
    return resample(espeak.speak(keyword, voice).audio, RATE)


def _others(requests: Sequence[Recording], rng: np.random.Generator) -> Iterator[Recording]:
    """For each, one of another speaker. Raises ValueError where there is only one."""
    if len({request.utterance.speaker for request in requests}) < 2:
        raise ValueError("needs requests of two speakers at least")
    for request in requests:
        other = request
        while other.utterance.speaker == request.utterance.speaker:
            other = requests[int(rng.integers(len(requests)))]
        yield other


def _composed(keyword: Audio, request: np.ndarray, other: np.ndarray, scene: Scene,
              rng: np.random.Generator) -> tuple[Audio, int]:
    """The recording, and the sample at which the request begins."""
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
    return Audio(made / max(1.0, float(np.abs(made).max())), RATE), start


def _at(samples: np.ndarray, power: float) -> np.ndarray:
    """``samples`` of that active ``power``."""
    own = active_power(Audio(samples, RATE), centred=False)
    louder: np.ndarray = samples * np.float32(10 ** ((decibel(power) - decibel(own)) / 20))
    return louder


def _row(utterance: Utterance, audio: Audio) -> dict[str, Any]:
    return {"id": utterance.id, "audio": f"audio/{utterance.id}.flac", "text": utterance.text,
            "speaker": utterance.speaker, "duration": audio.duration, **utterance.metadata}
