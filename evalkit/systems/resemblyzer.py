"""The speaker encoder of the package Resemblyzer."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.core.errors import UtteranceError
from evalkit.core.types import Audio, Cost
from evalkit.systems.identity import bytes_in, folder_of, require, stamp

_ROWS = 4
_RATE, _COVERED = 1.3, 0.75
"""Stretches a second, and the share of the last that has to be heard: the package's own choice."""


@dataclass(frozen=True)
class Resemblyzer:
    """The speaker encoder of the package Resemblyzer, after Wan et al. 2018, arXiv:1710.10467,
    on the CPU, with the package's own preparation: volume raised, long silences cut out."""

    rate = 16_000
    batch = 8
    needs_audio = True

    def __post_init__(self) -> None:
        require("resemblyzer", "webrtcvad", "pkg_resources")

    @property
    def identity(self) -> str:
        return f"{self!r} in {_ROWS}s {stamp('Resemblyzer', [_weights()])}"

    @property
    def cost(self) -> Cost:
        """Of its network; of a long utterance, since stretches overlap."""
        from evalkit.models.torch_cost import cost_of

        stretches = np.zeros((_ROWS, 160, 40), np.float32)
        return cost_of(_encoder(), lambda: _said(stretches), bytes_in(_weights()),
                       seconds=_ROWS / _RATE)

    def embed(self, batch: Sequence[Audio]) -> np.ndarray:
        """(len(batch), 256), float32. Raises UtteranceError of kind NoSpeech where no speech is
        found in one of them."""
        parts = [_parts(audio.samples) for audio in batch]
        said = np.split(_said(np.concatenate(parts)), np.cumsum([len(part) for part in parts])[:-1])
        means = [part.mean(axis=0) for part in said]
        return np.stack([mean / np.linalg.norm(mean) for mean in means])


def _parts(samples: np.ndarray) -> np.ndarray:
    """Spectra of the stretches of 1.6 s that the package's ``embed_utterance`` would cut,
    (n, 160, 40)."""
    encoder = _encoder()
    speech = _trimmed(samples) if samples.any() else samples[:0]
    if not len(speech):
        raise UtteranceError("NoSpeech", "the voice activity detector found no speech")
    heard, spectra = encoder.compute_partial_slices(len(speech), _RATE, _COVERED)
    mel = _mel(np.pad(speech, (0, max(0, heard[-1].stop - len(speech)))))
    return np.stack([mel[part] for part in spectra])


def _trimmed(samples: np.ndarray) -> np.ndarray:
    """What the package's ``preprocess_wav`` makes of ``samples``, which takes three times as long,
    since it packs every sample by itself: louder, and of each window that has no speech near it
    nothing."""
    import webrtcvad
    from resemblyzer import audio

    size = audio.vad_window_length * Resemblyzer.rate // 1000
    with np.errstate(all="ignore"):  # samples that 32 bits do not hold are no speech
        wave = audio.normalize_volume(samples, audio.audio_norm_target_dBFS, increase_only=True)
        wave = wave[:len(wave) - len(wave) % size]
        coded = np.round(wave * audio.int16_max).astype(np.int16).reshape(-1, size)
    if not len(coded):
        return wave
    detector = webrtcvad.Vad(3)
    said = [detector.is_speech(window.tobytes(), Resemblyzer.rate) for window in coded]
    width, reach = audio.vad_moving_average_width, audio.vad_max_silence_length
    often = np.convolve(said, np.ones(width))[width // 2:][:len(said)] > width / 2
    near = np.convolve(often, np.ones(reach + 1))[reach // 2:][:len(said)] > 0
    return wave[np.repeat(near, size)]


def _mel(wave: np.ndarray) -> np.ndarray:
    """What the package's ``wav_to_mel_spectrogram`` makes of ``wave``, (frames, 40), float32; it
    would make the filters anew each time."""
    import librosa
    from resemblyzer import audio

    window, step = (Resemblyzer.rate * milliseconds // 1000 for milliseconds in
                    (audio.mel_window_length, audio.mel_window_step))
    power = np.abs(librosa.stft(wave, n_fft=window, hop_length=step)) ** 2
    made = np.einsum("ft,mf->mt", power, _filters(window, audio.mel_n_channels), optimize=True)
    return made.astype(np.float32).T


@lru_cache(maxsize=1)
def _filters(window: int, bands: int) -> np.ndarray:
    import librosa

    filters: np.ndarray = librosa.filters.mel(sr=Resemblyzer.rate, n_fft=window, n_mels=bands)
    return filters


def _said(parts: np.ndarray) -> np.ndarray:
    """The network's embeddings of ``parts``, (n, 256). It hears _ROWS at once, silence where there
    are fewer: its weights are what takes time, and a row is the same to the bit, whatever is
    beside it."""
    import torch

    padded = np.pad(parts, ((0, -len(parts) % _ROWS), (0, 0), (0, 0)))
    with torch.no_grad():
        made = [_encoder()(rows) for rows in torch.from_numpy(padded).split(_ROWS)]
    said: np.ndarray = torch.cat(made).numpy()
    return said[:len(parts)]


def _weights() -> Path:
    return folder_of("resemblyzer") / "pretrained.pt"


@lru_cache(maxsize=1)
def _encoder() -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)
        warnings.filterwarnings("ignore", "Please import `binary_dilation`", DeprecationWarning)
        import torch
        from resemblyzer import VoiceEncoder

    torch.set_num_threads(1)  # how sums are split among threads changes their rounding
    return VoiceEncoder("cpu", verbose=False)
