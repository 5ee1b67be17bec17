"""Clean and noisy speech, aligned: what the oracle ladder is climbed with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evalkit.audio import active_power, resample
from evalkit.conditions.noise import speech_shaped
from evalkit.core.types import Audio
from evalkit.recordings.reading import load, seconds
from evalkit.store.manifest import read_manifest

VOICES = 6
"""Speakers that babble is made of: the first others."""
SECONDS = (4.0, 10.0)
"""Of the utterances that are tried, where a speaker has such."""

CORPUS, NOISE_FOLDER = "librispeech_test-other", "noise"
"""Folders of real data."""

Speech = Mapping[str, Sequence[Path]]
"""Recordings by speaker."""


@dataclass(frozen=True)
class Mixture:
    """Clean and noisy speech, aligned, at one rate in Hz; ``snr`` in dB."""

    speaker: str
    utterance: str
    noise: str
    snr: float
    clean: Audio
    noisy: Audio

    @property
    def rate(self) -> int:
        return self.noisy.rate

    @property
    def name(self) -> str:
        return f"{self.utterance}, {self.noise.replace('_', ' ')}, {self.snr:g} dB"


def readers(data: Path) -> Speech:
    """Those of the CORPUS in ``data``, in LibriSpeech's layout."""
    corpus = data / CORPUS / "test-other"
    return {folder.name: _of_fair_length(sorted(folder.rglob("*.flac")))
            for folder in sorted(corpus.iterdir())}


def synthetic(manifest: Path) -> Speech:
    """The speakers of a manifest, such as one of the default corpus."""
    speakers: dict[str, list[Path]] = {}
    for utterance in read_manifest(manifest).utterances:
        if utterance.audio is not None and utterance.speaker is not None:
            speakers.setdefault(utterance.speaker, []).append(utterance.audio)
    return {speaker: _of_fair_length(paths) for speaker, paths in speakers.items()}


def _of_fair_length(paths: Sequence[Path]) -> list[Path]:
    return [path for path in paths if SECONDS[0] <= seconds(path) <= SECONDS[1]] or list(paths)


def mixtures(speech: Speech, recorded: Path, *, speakers: int, utterances: int, rate: int,
             noises: Sequence[str], snrs: Sequence[float]) -> Iterator[Mixture]:
    """Of so many ``speakers`` and ``utterances`` of each, in each of the ``noises``: "babble",
    "stationary" with the long-term spectrum of speech, or the name of a WAV in the folder
    ``recorded``. The noise of an utterance is the same at every ratio."""
    for speaker in list(speech)[:speakers]:
        others = [speech[other] for other in speech if other != speaker][:VOICES]
        for path in speech[speaker][:utterances]:
            clean = load(path)
            for noise in noises:
                rng = np.random.default_rng(sum(speaker.encode()) + len(noise))
                added = noise_for(clean, noise, others, recorded, rng)
                for snr in snrs:
                    yield Mixture(speaker, path.stem, noise, snr, *mixed(clean, added, snr, rate))


def noise_for(clean: Audio, noise: str, others: Sequence[Sequence[Path]], recorded: Path,
              rng: np.random.Generator) -> np.ndarray:
    """Noise for ``clean``, whose babble is made of the recordings of each of the ``others``."""
    length = len(clean.samples)
    match noise:
        case "babble":
            return babble(others, length, rng)
        case "stationary":
            return speech_shaped(length, clean.rate, rng)
    return stretch(load(recorded / f"{noise}.wav").samples, length, rng)


def babble(speakers: Sequence[Sequence[Path]], length: int, rng: np.random.Generator
           ) -> np.ndarray:
    """The speakers at equal level."""
    voices = [stretch(np.concatenate([load(path).samples for path in paths]), length, rng)
              for paths in speakers]
    return np.sum([voice / np.sqrt(np.mean(voice**2)) for voice in voices], axis=0)


def stretch(samples: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    """So many samples from somewhere in ``samples``, repeated where they are too few."""
    long = np.tile(samples, -(-length // len(samples)))
    first = rng.integers(0, len(long) - length + 1)
    return long[first:first + length]


def mixed(clean: Audio, added: np.ndarray, snr: float, rate: int) -> tuple[Audio, Audio]:
    """Clean and noisy speech at ``rate`` Hz, turned down together where they would clip."""
    gain = np.sqrt(active_power(clean) / np.mean(added**2) / 10 ** (snr / 10))
    noisy = clean.samples + gain * added
    scale = 0.99 / max(0.99, float(np.abs(noisy).max()))
    first, second = (resample(Audio((scale * x).astype(np.float32), clean.rate), rate)
                     for x in (clean.samples, noisy))
    return first, second
