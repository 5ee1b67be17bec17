"""The speakers of a verification experiment: what is heard of them, splits between them, trials."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from evalkit import audio
from evalkit.core.config import EvalConfig, PipelineConfig, Plugin, TrialsConfig
from evalkit.core.errors import ManifestError, UtteranceError
from evalkit.core.types import Utterance
from evalkit.metrics.verification import make_trials, score_trials
from evalkit.run.runner import Work, run
from evalkit.run.utterances import utterance_table
from evalkit.statistics.labels import UNKNOWN, labels_of
from evalkit.store.manifest import read_manifest, write_manifest
from evalkit.store.runfolder import RunFolder

RATE = 16_000
"""Hz, of the waveforms that a whole encoder hears."""

SEEN_BY_NOTHING = Plugin(name="wer")
"""A run names a metric; without a recognizer there is nothing for this one to measure."""


@dataclass(frozen=True)
class Voiced:
    """Utterances with their speakers and metadata, and what a learner hears of them: ``table``
    has columns ``utterance_id``, ``speaker_id`` and the manifest's; ``x`` (n, …), float32, are
    embeddings or waveforms, NaN for an utterance that failed."""

    table: pd.DataFrame
    x: np.ndarray

    @property
    def speakers(self) -> np.ndarray:
        return self.table["speaker_id"].to_numpy(object)

    def labels(self, column: str) -> np.ndarray:
        """Of every utterance, as text. Raises ManifestError where there is no such column."""
        if column not in self.table:
            known = ", ".join(self.table.columns)
            raise ManifestError(f"no column {column!r} to group speakers by; there are {known}")
        return labels_of(self.table[column]).to_numpy(object)

    def groups(self, column: str) -> dict[str, str]:
        """The label of every speaker: that of the first utterance which has one."""
        labels = pd.Series(self.labels(column))
        known = labels != UNKNOWN
        return dict(labels[known].groupby(self.speakers[known]).first())

    @property
    def failed(self) -> np.ndarray:
        """Whether each utterance did, (n,)."""
        return np.isnan(self.x).any(axis=1)

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        return cls(pd.concat([part.table for part in parts], ignore_index=True),
                   np.concatenate([part.x for part in parts]))


@dataclass(frozen=True)
class Split:
    """Row numbers of utterances. No speaker has some in two of them."""

    train: np.ndarray
    dev: np.ndarray
    test: np.ndarray


def embedded(manifest: Path, encoder: Plugin, out: Path, work: Work,
             say: Callable[[str], None], *, outside: bool = False) -> Voiced:
    """The utterances of ``manifest``, embedded by an ordinary run in the folder ``out``, which
    uses what an earlier one left there. Raises ManifestError for one without a speaker."""
    config = EvalConfig(corpus=manifest.absolute(), outside=outside, metrics=[SEEN_BY_NOTHING],
                        pipelines=[PipelineConfig(name="encoder", encoder=encoder)],
                        keep_audio=False, trials=TrialsConfig(most=1))
    folder: RunFolder = run(config, out, work, command="mitigate", say=say)
    table = _named(folder.utterances(), manifest)
    vectors = folder.embeddings().set_index("utterance_id")["embedding"].dropna()
    if not len(vectors):
        raise ManifestError(f"{manifest}: the encoder made no embedding of any utterance")
    blank = np.full(len(vectors.iloc[0]), np.nan, np.float32)
    found = vectors.reindex(table["utterance_id"])
    return Voiced(table, np.stack([v if isinstance(v, np.ndarray) else blank for v in found]))


def first_of_each(manifest: Path, most: int, path: Path, *, outside: bool = False) -> Path:
    """Writes to ``path`` a manifest of the first ``most`` utterances of every speaker, with
    absolute paths, and returns it. Raises ManifestError where ``manifest`` has a bad line."""
    taken: Counter[str | None] = Counter()
    rows = []
    for utterance in _read(manifest, outside):
        taken[utterance.speaker] += 1
        if taken[utterance.speaker] <= most:
            audio_path = utterance.audio and str(utterance.audio.absolute())
            rows.append({"id": utterance.id, "speaker": utterance.speaker, "audio": audio_path,
                         "offset": utterance.offset, "duration": utterance.duration,
                         **utterance.metadata})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_manifest(path, rows)
    return path


def recorded(manifest: Path, seconds: float, *, outside: bool = False) -> Voiced:
    """The first ``seconds`` of the utterances of ``manifest`` at RATE; shorter ones are repeated.
    Raises ManifestError for one without a speaker, and where the manifest has a bad line."""
    utterances = _read(manifest, outside)
    table = utterance_table(utterances, manifest.parent).to_pandas()
    samples = round(seconds * RATE)
    return Voiced(_named(table, manifest), np.stack([_wave(u, samples) for u in utterances]))


def _read(manifest: Path, outside: bool) -> Sequence[Utterance]:
    read = read_manifest(manifest, outside=outside)
    if read.problems or not read.utterances:
        raise ManifestError(read.describe_problems(shown=1) or f"{manifest}: holds no utterance")
    return read.utterances


def _named(table: pd.DataFrame, manifest: Path) -> pd.DataFrame:
    nameless = table.loc[table["speaker_id"].isna(), "utterance_id"]
    if len(nameless):
        raise ManifestError(f"{manifest}: utterance {nameless.iloc[0]!r} has no speaker, so it "
                            "can be neither learned from nor tried; name its speaker")
    return table


def _wave(utterance: Utterance, samples: int) -> np.ndarray:
    """(samples,), NaN where there is nothing to hear."""
    try:
        if utterance.audio is None:
            raise UtteranceError("MissingAudio", "the manifest names none")
        heard = audio.load(utterance.audio, offset=utterance.offset, duration=utterance.duration)
    except UtteranceError:
        return np.full(samples, np.nan, np.float32)
    return np.resize(audio.resample(heard, RATE).samples, samples).astype(np.float32)


def given_split(train: Voiced, dev: Voiced, test: Voiced) -> tuple[Voiced, list[Split]]:
    """The three joined, as one split. Raises ManifestError for a speaker in two of them."""
    parts = {"train": train, "dev": dev, "test": test}
    seen: dict[str, str] = {}
    for name, part in parts.items():
        for speaker in np.unique(part.speakers):
            if seen.setdefault(speaker, name) != name:
                raise ManifestError(f"speaker {speaker!r} is in both {seen[speaker]} and {name}; "
                                    "split the corpus by speaker")
    rows = np.split(np.arange(sum(len(p.table) for p in parts.values())),
                    np.cumsum([len(train.table), len(dev.table)]))
    return Voiced.joined(list(parts.values())), [Split(*rows)]


def folded(voiced: Voiced, folds: int, seed: int) -> list[Split]:
    """Cross-validation over speakers in random order: each fold is test once, the next one is
    dev, the others are train. Raises ManifestError where a fold would have fewer than two."""
    names, code = np.unique(voiced.speakers.astype(str), return_inverse=True)
    if len(names) < 2 * folds:
        raise ManifestError(f"{len(names)} speakers are too few for {folds} folds")
    fold = (np.random.default_rng(seed).permutation(len(names)) % folds)[code]
    return [Split(*(np.flatnonzero(at) for at in (
        (fold != k) & (fold != (k + 1) % folds), fold == (k + 1) % folds, fold == k)))
        for k in range(folds)]


def trials_of(voiced: Voiced, splits: Sequence[Split], most: int, seed: int) -> pd.DataFrame:
    """The test trials of all splits, ``most`` in all, shared out evenly; both utterances of a
    trial are of one split, since every split has a learner of its own."""
    renamed = voiced.table.rename(columns={"utterance_id": "id", "speaker_id": "speaker"})
    return pd.concat([make_trials(renamed.iloc[split.test], most=most // len(splits), seed=seed)
                      for split in splits], ignore_index=True)


def scored(trials: pd.DataFrame, voiced: Voiced, rows: np.ndarray,
           vectors: np.ndarray) -> pd.DataFrame:
    """``trials`` with the cosines of ``vectors`` (n, dimension), the embeddings of ``rows``."""
    ids = voiced.table["utterance_id"].to_numpy(object)[rows]
    return score_trials(trials, pd.DataFrame({"utterance_id": ids, "embedding": list(vectors)}))
