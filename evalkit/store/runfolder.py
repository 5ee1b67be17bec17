"""A run's folder: what is where, and reading and writing it. A run folder is untrusted input."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from evalkit.core.errors import RunError
from evalkit.core.files import replacing
from evalkit.store.documents.findings import Findings
from evalkit.store.documents.mitigation import Experiments, MitigationResults
from evalkit.store.documents.run import RunRecord, Summary
from evalkit.store.scores import read_columns, read_scores
from evalkit.store.trials import read_trials

TABLES_VERSION = 1
"""Of the tables. A change that an older reader would misread adds one."""

AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus"})

OUTPUTS = pa.schema([
    ("pipeline", pa.string()), ("condition", pa.string()), ("utterance_id", pa.string()),
    ("hypothesis", pa.string()),
    ("alignment", pa.string()),  # of the normalised words, evalkit.core.alignment's JSON
    ("input_audio", pa.string()),  # in the run folder; null where it is the corpus's recording
    ("output_audio", pa.string()),  # in the run folder; null where it is the input
    ("source_rate", pa.int64()),  # Hz
    ("resampled", pa.string()),  # every conversion on the way, such as "48000>16000"
    ("seconds", pa.float64()),  # of audio
    ("lag_ms", pa.float64()),  # of the enhancer's output behind its input, removed again
    ("level_dbfs", pa.float64()), ("peak_dbfs", pa.float64()),
    ("clipping", pa.float64()),  # share of samples at full scale
    ("dc", pa.float64()),  # mean sample
    ("error", pa.string()),  # why the pipeline made nothing of this utterance
    ("processing_seconds", pa.float64()),  # measured: differs from run to run
])
MEASURED = ("processing_seconds",)
CELL = ("pipeline", "condition", "utterance_id")
"""Of what a row of outputs or of embeddings is; never missing."""
EMBEDDINGS = pa.schema([
    ("pipeline", pa.string()), ("condition", pa.string()), ("utterance_id", pa.string()),
    ("embedding", pa.list_(pa.float32())),
])

@dataclass(frozen=True)
class RunFolder:
    """The tables of one run, read when asked for. Every method raises RunError, naming the
    file, where it is missing or not what it should be."""

    path: Path

    def record(self) -> RunRecord:
        """``run.json``: configuration, seeds, versions, definitions of the metrics."""
        return RunRecord.read(self.path / "run.json")

    def summary(self) -> Summary:
        """``summary.json``: the headline values."""
        return Summary.read(self.path / "summary.json")

    def utterances(self) -> pd.DataFrame:
        """One row an utterance: ``utterance_id``, ``speaker_id``, the manifest's fields and every
        metadata column."""
        table = self._table("utterances.parquet", ("utterance_id", "speaker_id"),
                            ("utterance_id",))
        twice = table["utterance_id"][table["utterance_id"].duplicated()]
        if table.empty or len(twice):
            wrong = f"utterance {twice.iloc[0]!r} is there twice" if len(twice) else "has no rows"
            raise RunError(f"{self.path / 'utterances.parquet'}: {wrong}; the file is damaged: "
                           "run it again")
        return table

    def scores(self) -> pd.DataFrame:
        """The scores table (evalkit.store.scores.SCHEMA)."""
        return read_scores(self.path)

    def outputs(self) -> pd.DataFrame:
        """One row per pipeline, condition and utterance (OUTPUTS)."""
        return self._table("outputs.parquet", OUTPUTS.names, CELL)

    def embeddings(self) -> pd.DataFrame:
        """Speaker embeddings (EMBEDDINGS); no rows where no pipeline has an encoder."""
        return self._table("embeddings.parquet", EMBEDDINGS.names, CELL)

    def trials(self) -> pd.DataFrame:
        """Speaker-verification trials (evalkit.store.trials.SCHEMA), perhaps none."""
        return read_trials(self.path)

    def findings(self) -> Findings | None:
        """``findings.json``, what the cohort finders concluded; None where none has run."""
        path = self.path / "findings.json"
        return Findings.read(path) if path.exists() else None

    def cohorts(self) -> pd.DataFrame:
        """``utterance_id``, ``finder``, ``cohort``: who is in the cohorts of the findings."""
        return self._table("cohorts.parquet", ("utterance_id", "finder", "cohort"))

    def cohort_speakers(self) -> pd.DataFrame:
        """One row a speaker of the findings: ``half``, ``amount`` and ``weight`` of the metric,
        and, where they are known, place and projection of the embedding ``x``, ``y``."""
        return self._table("cohort_speakers.parquet", ("speaker_id", "half", "amount", "weight"))

    def mitigations(self) -> Experiments:
        """By name, the results of every mitigation experiment that was finished."""
        paths = sorted(self.path.glob("mitigation/*/results.json"))
        return {path.parent.name: MitigationResults.read(path).results for path in paths}

    def audio(self, relative: str) -> Path:
        """The path of an audio file of this run. Raises RunError for one outside the folder."""
        return inside(self.path, relative)

    def corpus_audio(self, relative: str) -> Path:
        """The path of a recording of the corpus, whose root ``run.json`` names. Only files that
        look like audio are given, since the run folder may be somebody else's."""
        path = Path(self.record().corpus.root) / relative
        if path.suffix.lower() not in AUDIO_SUFFIXES:
            raise RunError(f"{self.path}: {relative!r} is not an audio file")
        return path

    def _table(self, name: str, columns: Collection[str], filled: Collection[str] = ()
               ) -> pd.DataFrame:
        path = self.path / name
        try:
            return read_columns(path, columns, filled).to_pandas()
        except (pa.ArrowException, OSError) as error:
            raise RunError(f"{path}: cannot be read ({error})") from error


def inside(root: Path, relative: str) -> Path:
    """``root / relative``. Raises RunError where that leaves ``root``."""
    path = root / relative
    if not os.path.realpath(path).startswith(os.path.realpath(root) + os.sep):
        raise RunError(f"{root}: the path {relative!r} leaves the folder")
    return path


def write_table(path: Path, table: pa.Table) -> None:
    """Writes Parquet under a temporary name and renames it: the same rows give the same bytes."""
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")
