"""Recordings without a text, to be trained on by what a teacher hears of them (pseudo-labels;
Kahn et al. 2020, arXiv:1909.09116)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from evalkit.audio import resample
from evalkit.core.errors import ManifestError
from evalkit.core.ledger import LeftOut
from evalkit.core.types import Utterance
from evalkit.corpora.gathering import row_of
from evalkit.recordings.reading import load
from evalkit.store.manifest import read_manifest, write_manifest

Transcribe = Callable[[Sequence[np.ndarray]], list[str]]
"""The texts of waveforms (n,)."""
AT_ONCE = 256
"""Recordings that are held in memory."""


def teach(manifest: Path, out: Path, transcribe: Transcribe, rate: int) -> list[LeftOut]:
    """Writes to ``out``, in the folder of ``manifest``, its utterances with what ``transcribe``
    hears of them at ``rate`` Hz as their texts, whatever they had. Those in which it hears nothing
    teach nothing, and are returned. Raises ManifestError where an utterance has no audio, and
    UtteranceError where it cannot be read."""
    read = read_manifest(manifest)
    if read.problems:
        raise ManifestError(read.describe_problems(shown=1))
    heard = list(_heard(read.utterances, manifest, transcribe, rate))
    write_manifest(out, (
        {**row_of(replace(utterance, words=()), out.parent), "text": text}
        for utterance, text in heard if text))
    silent = [utterance.id for utterance, text in heard if not text]
    return [LeftOut("utterance", str(manifest), "the teacher hears nothing", len(silent),
                    tuple(silent[:5]))] if silent else []


def _heard(utterances: Sequence[Utterance], manifest: Path, transcribe: Transcribe, rate: int
           ) -> Iterator[tuple[Utterance, str]]:
    for first in range(0, len(utterances), AT_ONCE):
        part = utterances[first:first + AT_ONCE]
        waves = []
        for utterance in part:
            if utterance.audio is None:
                raise ManifestError(f"{manifest}: {utterance.id}: has no audio to be heard")
            audio = load(utterance.audio, offset=utterance.offset, duration=utterance.duration)
            waves.append(resample(audio, rate).samples)
        yield from zip(part, transcribe(waves), strict=True)
