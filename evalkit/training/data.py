"""Recordings to train on: utterances with a text and a waveform at the model's rate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from evalkit.audio import resample
from evalkit.core.errors import ManifestError, UtteranceError
from evalkit.core.types import Recording, Utterance
from evalkit.recordings.reading import load
from evalkit.store.manifest import read_manifest

Spelling = Callable[[str], object]
"""Raises UtteranceError for a text that a model's alphabet cannot spell."""


def recordings(manifest: Path, rate: int, spell: Spelling | None = None
               ) -> list[Recording]:
    """Every utterance of ``manifest`` with its waveform at ``rate`` Hz. Raises ManifestError,
    naming the utterance, where one has no audio, or no text that ``spell`` accepts."""
    read = read_manifest(manifest)
    if read.problems:
        raise ManifestError(read.describe_problems(shown=1))
    if spell is not None:
        check_texts(read.utterances, manifest, spell)
    return [_recording(utterance, manifest, rate) for utterance in read.utterances]


def check_texts(utterances: Iterable[Utterance], manifest: Path, spell: Spelling) -> None:
    """Raises ManifestError for the first text that ``spell`` does not accept."""
    for utterance in utterances:
        try:
            spell(utterance.text or "")
        except UtteranceError as error:
            raise ManifestError(f"{manifest}: {utterance.id}: {error}") from error


def batches_by_length(recordings: Sequence[Recording], size: int,
                      rng: np.random.Generator) -> list[list[Recording]]:
    """Batches of recordings of about equal length, in random order."""
    lengths = np.array([len(r.wave) for r in recordings]) * rng.uniform(0.9, 1.1, len(recordings))
    order = np.argsort(lengths)
    batches = [[recordings[i] for i in order[first:first + size]]
               for first in range(0, len(order), size)]
    return [batches[i] for i in rng.permutation(len(batches))]


def _recording(utterance: Utterance, manifest: Path, rate: int) -> Recording:
    try:
        if utterance.audio is None or not utterance.text:
            raise UtteranceError("Unusable", "training needs both audio and text")
        audio = load(utterance.audio, offset=utterance.offset, duration=utterance.duration)
        return Recording(utterance, utterance.text, resample(audio, rate).samples)
    except UtteranceError as error:
        raise ManifestError(f"{manifest}: {utterance.id}: {error}") from error
