"""Which speech is trained on, which selects, and which tests.

Cohorts are found on the speakers of dev. A share of those of the worst cohorts is trained on, all
others select a strength; the outcome is measured on test, to which nothing is fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from evalkit.core.errors import ManifestError
from evalkit.core.types import Hypothesis, Output, Recording
from evalkit.metrics.words import WordErrors
from evalkit.mitigation.adapted import AdaptedRecognizer
from evalkit.store.documents.mitigation import SplitSize
from evalkit.training.data import recordings


@dataclass(frozen=True)
class Speech:
    """The recordings of three manifests: ``general``, such as the model was first trained on,
    ``dev`` and ``test``. They share no speaker and no utterance id."""

    general: list[Recording]
    dev: list[Recording]
    test: list[Recording]

    @property
    def all(self) -> list[Recording]:
        return [*self.general, *self.dev, *self.test]


def read_speech(general: Path, dev: Path, test: Path, rate: int) -> Speech:
    """Waveforms are at ``rate`` Hz. Raises ManifestError where an utterance cannot be used, or
    where two of the manifests have a speaker or an utterance id in common."""
    parts = {path: recordings(path, rate) for path in dict.fromkeys((general, dev, test))}
    speech = [(path, parts[path]) for path in (general, dev, test)]
    _check_disjoint("speaker", speaker, speech)
    _check_disjoint("utterance id", lambda r: r.utterance.id, speech)
    return Speech(*(part for _, part in speech))


def _check_disjoint(what: str, key: Callable[[Recording], str],
                    speech: Sequence[tuple[Path, list[Recording]]]) -> None:
    owner: dict[str, Path] = {}
    for path, part in speech:
        for name in {key(recording) for recording in part}:
            if name in owner:
                raise ManifestError(f"{path}: {what} {name!r} is also in {owner[name]}; test "
                                    "speakers must be nobody that anything was fitted to")
            owner[name] = path


def speaker(recording: Recording) -> str:
    """Who speaks: an utterance without a speaker is a speaker of its own."""
    return recording.utterance.speaker or recording.utterance.id


def size(speech: Sequence[Recording]) -> SplitSize:
    return SplitSize(utterances=len(speech), speakers=len({speaker(r) for r in speech}))


def word_errors(model: AdaptedRecognizer, speech: Sequence[Recording]) -> pd.DataFrame:
    """Rows of a scores table for the metric wer, with a column ``hypothesis``."""
    texts = model.transcribe(speech)
    rows = []
    for recording, text in zip(speech, texts, strict=True):
        measured = WordErrors().measure(recording.utterance, Output(hypothesis=Hypothesis(text)))
        rows.append({"utterance_id": recording.utterance.id, "speaker_id": speaker(recording),
                     "condition": "clean", "metric": "wer", "amount": measured["wer"].amount,
                     "weight": measured["wer"].weight, "error": None, "hypothesis": text})
    return pd.DataFrame(rows)


def adaptation_speakers(dev: Sequence[Recording], of: Mapping[str, str], targets: Sequence[str],
                        share: float, seed: int) -> set[str]:
    """A random ``share`` of the speakers of every target on dev, rounded to whole speakers, and
    at least one; where there are two or more, at least one is left. ``of`` is the cohort of
    every utterance id."""
    chosen: set[str] = set()
    for number, name in enumerate(targets):
        speakers = sorted({speaker(r) for r in dev if of[r.utterance.id] == name})
        count = min(max(1, round(share * len(speakers))), max(1, len(speakers) - 1))
        rng = np.random.default_rng([seed, number])
        chosen.update(speakers[i] for i in rng.permutation(len(speakers))[:count])
    return chosen
