"""A run's folder: what is where, and reading and writing it. A run folder is untrusted input."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from evalkit.core.errors import RunError, one_line
from evalkit.core.ledger import LeftOut
from evalkit.store.documents.findings import Findings
from evalkit.store.documents.mitigation import (
    Experiments,
    MitigationResults,
    RecognitionResults,
    VerificationResults,
)
from evalkit.store.documents.portion import held
from evalkit.store.documents.run import RunRecord, Summary
from evalkit.store.events import STREAMED
from evalkit.store.lock import holder
from evalkit.store.outputs import HEARD_BESIDE, RECOGNIZER_TOOK, OutputStore
from evalkit.store.scores import read_columns, read_scores
from evalkit.store.sealed import AGAIN, DamageError, check, readable, seal
from evalkit.store.seals import (
    FOUND_IN,
    SCORES,
    SUMMARY,
    WRITTEN,
    run_again,
    seal_of,
    seal_of_scores,
)
from evalkit.store.trials import read_trials

TABLES_VERSION = 6
"""Of the tables. A change that an older reader would misread adds one."""

AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus"})

OUTPUTS = pa.schema([
    ("pipeline", pa.string()), ("condition", pa.string()), ("utterance_id", pa.string()),
    ("hypothesis", pa.string()), *HEARD_BESIDE,
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
    ("processing_seconds", pa.float64()),  # of all systems of the pipeline
    ("enhancer_seconds", pa.float64()),  # in the enhancer's call; null where it gave nothing
    ("enhancer_processor_seconds", pa.float64()),  # the same of processors, all threads together
    ("enhancer_machine", pa.string()), *RECOGNIZER_TOOK,  # on which that was
])
OUTPUTS_NEEDED = tuple(name for name in OUTPUTS.names
                       if name not in dict((*HEARD_BESIDE, *RECOGNIZER_TOOK)))
"""Columns that every run has; runs of version 3 have no others."""
MEASURED = ("processing_seconds", "enhancer_seconds", "enhancer_processor_seconds",
            "enhancer_machine", *dict(RECOGNIZER_TOOK))
"""Columns that differ from run to run; all others are the same whatever the number of workers."""
CELL = ("pipeline", "condition", "utterance_id")
"""Of what a row of outputs or of embeddings is; never missing."""
EMBEDDINGS = pa.schema([
    ("pipeline", pa.string()), ("condition", pa.string()), ("utterance_id", pa.string()),
    ("embedding", pa.list_(pa.float32())),
])

UNFINISHED = ("the run is not finished; start it again with `evalkit run` or `evalkit score`, it "
              "goes on where it was")
MANIFEST = "manifest.jsonl"
"""Of a corpus that a reader read, with the paths of its recordings on the machine of the run."""
FINDINGS, COHORTS, COHORT_SPEAKERS = "findings.json", "cohorts.parquet", "cohort_speakers.parquet"


@dataclass(frozen=True)
class RunFolder:
    """The tables of one run, read when asked for. Every method raises RunError, naming the
    file, where it is missing or not what it should be."""

    path: Path

    def record(self) -> RunRecord:
        """``run.json``: configuration, seeds, versions, definitions of the metrics. Raises RunError
        for a run that is not finished, saying who works on it, and for a record that does not say
        which tables are the run's."""
        path, outputs = self.path / "run.json", (self.path / "outputs").is_dir()
        if not path.exists() and outputs:
            if who := holder(self.path):
                raise RunError(f"{self.path}: the run is not finished; {who} works on it")
            raise RunError(f"{self.path}: {held(self.path) or UNFINISHED}")
        record = RunRecord.read(path)
        untold = sorted({SCORES, *WRITTEN} - record.tables.keys())
        if untold and outputs:
            raise RunError(f"{path}: has no seal of {untold[0]}; {AGAIN}")
        return record

    def summary(self) -> Summary:
        """``summary.json``: the headline values."""
        summary = Summary.read(self.path / SUMMARY)
        self._check(SUMMARY)
        return summary

    def damages(self) -> list[str]:
        """What of a finished run is not as it was written, in a line each; its scores, whose
        shards are looked at one by one, aside."""
        try:
            written = self._written
        except RunError as error:
            return [_within(self.path, error)]
        return [why for name in written if name != SCORES and (why := self._damage(name))]

    def _damage(self, name: str) -> str | None:
        try:
            self._check(name)
        except (RunError, OSError) as error:
            return _within(self.path, error).removesuffix(f"; {AGAIN}")
        return None

    def utterances(self) -> pd.DataFrame:
        """One row an utterance: ``utterance_id``, ``speaker_id``, the manifest's fields and every
        metadata column."""
        table = self._table("utterances.parquet", (*CELL[2:], "speaker_id"), CELL[2:]).to_pandas()
        if table.empty or not (ids := table["utterance_id"]).is_unique:
            wrong = "has no rows" if table.empty else (
                f"utterance {ids[ids.duplicated()].iloc[0]!r} is there twice")
            raise RunError(f"{self.path / 'utterances.parquet'}: {wrong}; the file is damaged: "
                           "run it again")
        return table

    def scores(self) -> pd.DataFrame:
        """The scores table (evalkit.store.scores.SCHEMA)."""
        self.check_scores()
        return read_scores(self.path, self._written.get(SCORES))

    def check_scores(self) -> None:
        """Raises RunError where the scores are not those that the run wrote."""
        written = self._written.get(SCORES)
        with run_again():
            found = written and seal_of_scores(self.path)
        if found != written:
            raise RunError(f"{self.path / SCORES}: not the tables that the run wrote: one is "
                           f"missing, or one is too many; {AGAIN}")

    def outputs(self) -> pd.DataFrame:
        """One row per pipeline, condition and utterance (OUTPUTS)."""
        return self._table("outputs.parquet", OUTPUTS_NEEDED, CELL).to_pandas()

    def times(self) -> pd.DataFrame:
        """Of OUTPUTS the seconds of audio and of processing, and the cell."""
        return self.outputs_of("seconds", "processing_seconds")

    def outputs_of(self, *names: str) -> pd.DataFrame:
        """Of OUTPUTS the cell and the columns ``names``."""
        return self._table("outputs.parquet", (*CELL, *names), CELL, alone=True).to_pandas()

    def embeddings(self) -> pd.DataFrame:
        """Speaker embeddings (EMBEDDINGS); no rows where no pipeline has an encoder."""
        return self._table("embeddings.parquet", EMBEDDINGS.names, CELL).to_pandas()

    def streamed(self, name: str) -> pd.DataFrame:
        """A table of evalkit.store.events.STREAMED; no rows of a run in which nothing was
        streamed."""
        schema = STREAMED[name]
        return (self._table(name, schema.names, CELL) if name in self._written
                else schema.empty_table()).to_pandas()

    def trials(self) -> pd.DataFrame:
        """Speaker-verification trials (evalkit.store.trials.SCHEMA), perhaps none."""
        self._check("trials.parquet")
        return read_trials(self.path)

    def digest(self) -> str | None:
        """Of all that findings are computed from. None where the folder holds no finished run."""
        if not (self.path / "run.json").exists():
            return None
        written = {n: seal for n, seal in self._written.items() if n in (SCORES, *FOUND_IN)}
        return hashlib.sha256(repr(sorted(written.items())).encode()).hexdigest()

    def findings(self) -> Findings | None:
        """``findings.json``, what the cohort finders concluded of these tables; None where none has
        run on them."""
        found = self._findings()
        return None if isinstance(found, str) else found

    def stale(self) -> list[LeftOut]:
        """The documents in the folder that are not of its present tables, and what to run."""
        found = self._findings()
        stale = [LeftOut("document", FINDINGS, found)] if isinstance(found, str) else []
        return stale + [LeftOut("document", f"mitigation/{name}/results.json", results)
                        for name, results in self._mitigations().items()
                        if isinstance(results, str)]

    def _findings(self) -> Findings | str | None:
        """The findings, or why they are not those of the present tables."""
        path, again = self.path / FINDINGS, "run `evalkit cohorts` again"
        if not path.exists():
            return None
        try:
            found = Findings.read(path)
            tables = {name: seal(self.path / name) for name in (COHORTS, COHORT_SPEAKERS)}
        except DamageError as error:
            return f"{_within(self.path, error)}; {again}"
        except RunError as error:
            return _within(self.path, error)
        if found.run != self.digest():
            return f"computed from other tables than the run has now; {again}"
        return found if tables == found.tables else f"its tables are of other findings; {again}"

    def cohorts(self) -> pd.DataFrame:
        """``utterance_id``, ``finder``, ``cohort``: who is in the cohorts of the findings."""
        return self._table(COHORTS, ("utterance_id", "finder", "cohort")).to_pandas()

    def cohort_speakers(self) -> pd.DataFrame:
        """One row a speaker of the findings: ``half``, ``amount`` and ``weight`` of the metric,
        and, where they are known, place and projection of the embedding ``x``, ``y``."""
        return self._table(COHORT_SPEAKERS, ("speaker_id", "half", "amount", "weight")).to_pandas()

    def mitigations(self) -> Experiments:
        """By name, the results of every mitigation experiment that was finished beside the
        present tables, or beside none where there are none."""
        return {name: results for name, results in self._mitigations().items()
                if not isinstance(results, str)}

    def _mitigations(self) -> dict[str, RecognitionResults | VerificationResults | str]:
        """The results of every experiment, or why they are not of the present tables."""
        paths = sorted(self.path.glob("mitigation/*/results.json"))
        return {path.parent.name: self._mitigation(path) for path in paths}

    def _mitigation(self, path: Path) -> RecognitionResults | VerificationResults | str:
        try:
            document = MitigationResults.read(path)
        except RunError as error:
            return _within(self.path, error)
        return document.results if document.run == self.digest() else (
            "made beside other tables than the run has now; run `evalkit mitigate` again")

    def audio(self, relative: str) -> Path:
        """The path of an audio file of this run. Raises RunError for one outside the folder,
        DamageError for one that is not as it was written."""
        path = inside(self.path, relative)
        OutputStore(self.path).check_audio(path)
        return path

    def corpus_audio(self, relative: str, record: RunRecord) -> Path:
        """The path of a recording of the corpus, whose root the ``record`` names. Only files that
        look like audio are given, since the run folder may be somebody else's."""
        path = Path(record.corpus.root) / relative
        if path.suffix.lower() not in AUDIO_SUFFIXES:
            raise RunError(f"{self.path}: {relative!r} is not an audio file")
        return path

    @property
    def _written(self) -> Mapping[str, str]:
        """The seals of the tables that the finished run wrote; none while it is worked on."""
        return self.record().tables if (self.path / "run.json").exists() else {}

    def _check(self, name: str) -> None:
        """Raises RunError for a file that is not whole, or not the one that the run wrote."""
        path, written = self.path / name, self._written.get(name)
        if name != SUMMARY:
            check(path)
        with run_again():
            found = written and seal_of(path)
        if found != written:
            raise RunError(f"{path}: not the one that this run wrote; {AGAIN}")

    def _table(self, name: str, columns: Collection[str], filled: Collection[str] = (), *,
               alone: bool = False) -> pa.Table:
        path = self.path / name
        self._check(name)
        with readable(path):
            return read_columns(path, columns, filled, alone=alone)


def _within(run: Path, error: Exception) -> str:
    """The message of an error about a file of the run, without the way to the run."""
    return one_line(str(error).replace(f"{run}{os.sep}", ""))


def inside(root: Path, relative: str) -> Path:
    """``root / relative``. Raises RunError where that leaves ``root``."""
    path = root / relative
    if not os.path.realpath(path).startswith(os.path.realpath(root) + os.sep):
        raise RunError(f"{root}: the path {relative!r} leaves the folder")
    return path
