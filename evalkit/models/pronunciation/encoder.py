"""How a voice pronounces the letters, as the reference recognizer hears it.

Wherever the recognizer is sure of a letter, its convolutions hear that letter spoken in some way.
The vector of an utterance says, for every letter, how that way differs from the usual one: the
first-order statistics of a phonetically aware speaker vector (Lei et al. 2014, ICASSP), with
letters in the place of senones. What all letters of an utterance have in common, which is the
voice's timbre and the channel, is taken away; what is left are accents and habits. A speaker
encoder is trained to hear the reverse.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError

from evalkit.core.errors import ConfigError, UtteranceError, one_line
from evalkit.core.files import digest
from evalkit.models import SHIPPED
from evalkit.models.ctc.network import LABELS, WINDOW, CtcRecognizer
from evalkit.models.tensors import device_of, load_tensors, padded, save_tensors, threads

FORMAT = "evalkit pronunciation 1"
RECOGNIZER, PRONUNCIATION = "recognizer.safetensors", "pronunciation.safetensors"
"""Files in a folder of weights."""
LETTERS = slice(LABELS.index("a"), len(LABELS))
AXES = 24
"""Directions in which the frames of a letter are described."""
PRIOR = 5.0
"""Frames' worth of the usual pronunciation that every letter starts with: a letter that was
hardly heard says little."""
LEAST = 1.0
"""Frames of letters, by their posteriors, that make an utterance."""


@dataclass(frozen=True)
class PronunciationEncoder:
    """An encoder: ``centres`` (26, channels) is the usual state of the convolutions in every
    letter, ``axes`` (channels, AXES) the directions in which they vary within letters, scaled
    to a variance of 1."""

    recognizer: CtcRecognizer
    centres: np.ndarray
    axes: np.ndarray

    def embed(self, wave: np.ndarray) -> np.ndarray:
        """(26 x AXES,), float32 of length 1, of a waveform at the recognizer's rate. Raises
        UtteranceError of kind NoSpeech where no letter is heard."""
        posteriors, states = _frames(self.recognizer, wave)
        frames = posteriors.sum(axis=0)
        if frames.sum() < LEAST:
            raise UtteranceError("NoSpeech", "the recognizer heard hardly any letter")
        away = (posteriors.T @ states - frames[:, None] * self.centres) @ self.axes
        timbre = away.sum(axis=0) / frames.sum()
        vector = ((away - frames[:, None] * timbre) / (frames[:, None] + PRIOR)).ravel()
        return np.asarray(vector / np.linalg.norm(vector), np.float32)

    def save(self, folder: Path) -> None:
        """Writes PRONUNCIATION as safetensors, which name the RECOGNIZER in the same ``folder``
        by digest."""
        tensors = {name: torch.from_numpy(np.ascontiguousarray(getattr(self, name)))
                   for name in ("centres", "axes")}
        save_tensors(folder / PRONUNCIATION, tensors,
                     {"format": FORMAT, "recognizer": digest(folder / RECOGNIZER)})

    @classmethod
    def load(cls, folder: Path = SHIPPED) -> PronunciationEncoder:
        """What ``save`` wrote. Raises ConfigError."""
        path = folder / PRONUNCIATION
        try:
            tensors, described = load_tensors(path)
            if described.get("format") != FORMAT:
                raise ValueError(f"it is not an {FORMAT}")
            if described["recognizer"] != digest(folder / RECOGNIZER):
                raise ValueError(f"it was fitted to another {RECOGNIZER}")
            centres, axes = (tensors[name].numpy() for name in ("centres", "axes"))
        except (OSError, SafetensorError, LookupError, AttributeError, ValueError) as error:
            raise ConfigError(f"{path}: cannot load the pronunciation encoder: {one_line(error)}; "
                              "`evalkit train pronunciation` makes one") from error
        return cls(CtcRecognizer.load(folder / RECOGNIZER), centres, axes)


def fit(recognizer: CtcRecognizer, waves: Iterable[np.ndarray]) -> PronunciationEncoder:
    """Centres and axes from ``waves`` at the recognizer's rate; no label is read. The axes are
    the AXES first principal components of the frames' deviations from the centre of their
    letter, each weighed by its posterior."""
    frames, sums, squares = np.zeros(26), 0.0, 0.0
    for wave in waves:
        posteriors, states = _frames(recognizer, wave)
        frames += posteriors.sum(axis=0)
        sums = sums + posteriors.T @ states
        squares = squares + (states * posteriors.sum(axis=1)[:, None]).T @ states
    centres = sums / np.maximum(frames, PRIOR)[:, None]
    within = (squares - (centres * frames[:, None]).T @ centres) / frames.sum()
    variance, directions = np.linalg.eigh(within)
    axes = directions[:, :-AXES - 1:-1] / np.sqrt(variance[:-AXES - 1:-1])
    return PronunciationEncoder(recognizer, centres.astype(np.float32), axes.astype(np.float32))


@torch.inference_mode()
def _frames(recognizer: CtcRecognizer, wave: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Posteriors of the letters (frames, 26) and states of the convolutions (frames, channels),
    one utterance at a time on one thread, so that they depend on the waveform alone."""
    if len(wave) < WINDOW or not wave.any():
        return np.zeros((1, 26)), np.zeros((1, recognizer.config.channels))
    with threads(1):
        states, frames = recognizer.convolved(*padded([wave], device_of(recognizer)))
        posteriors = recognizer.posteriors(states, frames).exp()
    return (posteriors[0, :, LETTERS].double().cpu().numpy(),
            states[0].double().cpu().numpy())
