"""The inputs of a verification experiment: embeddings or waveforms of speakers; their labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from evalkit import audio
from evalkit.core.config import EvalConfig, PipelineConfig, Plugin
from evalkit.core.errors import ManifestError, UtteranceError
from evalkit.core.ledger import LeftOut
from evalkit.core.names import offer
from evalkit.core.trials import TrialsConfig
from evalkit.core.types import Utterance
from evalkit.recordings.reading import load
from evalkit.run.runner import Work, run
from evalkit.run.utterances import utterance_table
from evalkit.statistics.labels import UNKNOWN, labels_of
from evalkit.store.manifest import read_manifest, write_manifest

ANY_METRIC = Plugin(name="wer")
"""A run names a metric; without a recognizer this one has nothing to measure."""


@dataclass(frozen=True)
class EncoderData:
    """Utterances with their speakers and metadata, and the inputs of the model: ``table`` has
    columns ``utterance_id``, ``speaker_id`` and the manifest's; ``x`` (n, …), float32, are
    embeddings or waveforms, NaN for an utterance that failed; ``errors`` says why, by id."""

    table: pd.DataFrame
    x: np.ndarray
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def speakers(self) -> np.ndarray:
        return self.table["speaker_id"].to_numpy(object)

    def labels(self, column: str) -> np.ndarray:
        """Of every utterance, as text. Raises ManifestError where there is no such column."""
        if column not in self.table:
            raise ManifestError(f"no column {column!r} to group speakers by; "
                                f"{offer(column, self.table.columns)}")
        return labels_of(self.table[column]).to_numpy(object)

    def groups(self, column: str) -> dict[str, str]:
        """The label of every speaker: that of the first utterance which has one."""
        labels = pd.Series(self.labels(column))
        known = labels != UNKNOWN
        return dict(labels[known].groupby(self.speakers[known]).first())

    def several(self, column: str) -> list[str]:
        """Speakers whose utterances have several labels, of which ``groups`` takes the first."""
        labels = pd.Series(self.labels(column))
        n = labels[labels != UNKNOWN].groupby(self.speakers[labels != UNKNOWN]).nunique()
        return sorted(map(str, n.index[n > 1]))

    @property
    def failed(self) -> np.ndarray:
        """Whether each utterance did, (n,)."""
        return np.isnan(self.x).any(axis=1)

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        return cls(pd.concat([part.table for part in parts], ignore_index=True),
                   np.concatenate([part.x for part in parts]),
                   {name: why for part in parts for name, why in part.errors.items()})


def embedded(manifest: Path, encoder: Plugin, out: Path, work: Work,
             say: Callable[[str], None], *, outside: bool = False) -> EncoderData:
    """The utterances of ``manifest``, embedded by an ordinary run in the folder ``out``, which
    uses what an earlier one left there. Raises ManifestError for one without a speaker."""
    config = EvalConfig(corpus=manifest.absolute(), outside=outside, metrics=[ANY_METRIC],
                        pipelines=[PipelineConfig(name="encoder", encoder=encoder)],
                        keep_audio=False, trials=TrialsConfig(most=1))
    folder = run(config, out, work, command="mitigate", say=say, overwrite=True)
    table = _with_speakers(folder.utterances(), manifest)
    vectors = folder.embeddings().set_index("utterance_id")["embedding"].dropna()
    if not len(vectors):
        raise ManifestError(f"{manifest}: the encoder made no embedding of any utterance")
    missing = np.full(len(vectors.iloc[0]), np.nan, np.float32)
    of_each = vectors.reindex(table["utterance_id"])
    errors = folder.outputs().set_index("utterance_id")["error"].dropna()
    return EncoderData(table, np.stack([
        vector if isinstance(vector, np.ndarray) else missing for vector in of_each]),
        dict(zip(errors.index, errors, strict=True)))


def waveforms(manifest: Path, seconds: float, rate: int, *, outside: bool = False
              ) -> EncoderData:
    """The first ``seconds`` of the utterances of ``manifest`` at ``rate`` Hz; shorter ones are
    repeated. Raises ManifestError for one without a speaker, and for a bad line."""
    utterances = _read(manifest, outside)
    table = utterance_table(utterances, manifest.parent).to_pandas()
    samples, errors = round(seconds * rate), {}
    x = np.full((len(utterances), samples), np.nan, np.float32)
    for row, utterance in zip(x, utterances, strict=True):
        try:
            row[:] = _waveform(utterance, samples, rate)
        except UtteranceError as error:
            errors[utterance.id] = str(error)
    return EncoderData(_with_speakers(table, manifest), x, errors)


def first_utterances(manifest: Path, most: int, path: Path, *, outside: bool = False) -> Path:
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


def beyond_first(manifest: Path, most: int, *, outside: bool = False) -> LeftOut | None:
    """The utterances that ``first_utterances`` does not take, None where it takes all."""
    counts = Counter(utterance.speaker for utterance in _read(manifest, outside))
    n = sum(max(0, count - most) for count in counts.values())
    return LeftOut("utterance", str(manifest), f"beyond the first {most} of its speaker", n
                   ) if n else None


def _read(manifest: Path, outside: bool) -> Sequence[Utterance]:
    read = read_manifest(manifest, outside=outside)
    if read.problems or not read.utterances:
        raise ManifestError(read.describe_problems(shown=1) or f"{manifest}: holds no utterance")
    return read.utterances


def _with_speakers(table: pd.DataFrame, manifest: Path) -> pd.DataFrame:
    """Raises ManifestError where a speaker is missing."""
    nameless = table.loc[table["speaker_id"].isna(), "utterance_id"]
    if len(nameless):
        raise ManifestError(f"{manifest}: utterance {nameless.iloc[0]!r} has no speaker, so it "
                            "can be used neither in training nor in trials; name its speaker")
    return table


def _waveform(utterance: Utterance, samples: int, rate: int) -> np.ndarray:
    """(samples,) at ``rate`` Hz. Raises UtteranceError where the recording cannot be read."""
    if utterance.audio is None:
        raise UtteranceError("MissingAudio", "the manifest names none")
    speech = load(utterance.audio, offset=utterance.offset, duration=utterance.duration)
    return np.resize(audio.resample(speech, rate).samples, samples)
