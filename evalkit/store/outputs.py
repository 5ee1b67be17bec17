"""What the parts of pipelines made, in files that are named by the content of all that made them.

    outputs/STAGE/KEY.parquet   rows of a shard's utterances (SCHEMAS)
    audio/KEY/NAME.flac         what was heard or made, 16 bits, to listen to
    audio/KEY/NAME.npy          the exact samples that an enhancer made, to measure again
    outputs/index.parquet       which of them the run's tables are made of (INDEX)
    outputs/run.json            the last record, while the run is worked on again

A file never changes once it is there: other inputs, systems or settings have other keys. What an
earlier configuration made stays until ``prune``.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from evalkit.core.errors import RunError
from evalkit.core.files import replacing
from evalkit.store.documents.run import RunRecord

if TYPE_CHECKING:
    import numpy as np

VERSION = 2
"""Of the rows. A change of what they hold adds one."""

Row = dict[str, Any]
_ID = ("utterance_id", pa.string())
_ERROR = ("error", pa.string())
_TAKEN = (("processing_seconds", pa.float64()), ("resampled", pa.list_(pa.string())))
_LEVELS = (("level_dbfs", pa.float64()), ("peak_dbfs", pa.float64()), ("clipping", pa.float64()),
           ("dc", pa.float64()))

SCHEMAS: Mapping[str, pa.Schema] = {
    "heard": pa.schema([
        _ID, ("source_rate", pa.int64()), ("seconds", pa.float64()),
        ("changed", pa.bool_()),  # by the condition
        ("resampled", pa.list_(pa.string())), *_LEVELS, _ERROR]),
    "enhanced": pa.schema([_ID, ("lag", pa.float64()), *_TAKEN, *_LEVELS, _ERROR]),
    "recognised": pa.schema([_ID, ("text", pa.string()), *_TAKEN, _ERROR]),
    "embedded": pa.schema([_ID, ("embedding", pa.list_(pa.float32())), *_TAKEN, _ERROR]),
    "measured": pa.schema([
        _ID, ("metric", pa.string()), ("amount", pa.float64()), ("weight", pa.float64()), _ERROR]),
}
STAGES = ("heard", "enhanced", "recognised", "embedded")
"""Those that make outputs, in their order; ``measured`` makes scores of them."""
INDEX = pa.schema([
    ("pipeline", pa.string()), ("condition", pa.string()), ("first", pa.int64()),
    ("utterances", pa.int64()), *((stage, pa.string()) for stage in STAGES)])
"""A row a shard: the place of its first utterance in the run, and the key of each stage."""
_KEY = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class OutputStore:
    """The outputs and the kept audio of the run folder ``run``."""

    run: Path

    def read(self, stage: str, key: str) -> list[Row] | None:
        """The rows under ``key``; None where there are none that can be read."""
        try:
            return pq.read_table(self._path(stage, key), schema=SCHEMAS[stage]).to_pylist()
        except (OSError, pa.ArrowException):
            return None

    def write(self, stage: str, key: str, rows: Sequence[Row]) -> None:
        """Writes the rows under a temporary name and renames the file."""
        with replacing(self._path(stage, key)) as temporary:
            table = pa.Table.from_pylist(list(rows), SCHEMAS[stage])
            pq.write_table(table, temporary, compression="zstd")

    def audio(self, key: str, utterance: str, suffix: str) -> Path:
        """Where audio of an utterance is kept: ``.flac`` to listen to, ``.npy`` exactly."""
        return self.run / audio_name(key, utterance, suffix)

    def has_audio(self, key: str, utterances: Iterable[str], *suffixes: str) -> bool:
        """Whether all of the utterances' audio is there."""
        return all(self.audio(key, utterance, suffix).is_file()
                   for utterance in utterances for suffix in suffixes)

    def keep_samples(self, key: str, utterance: str, samples: np.ndarray) -> None:
        """Keeps samples exactly as they are."""
        import numpy as np

        with replacing(self.audio(key, utterance, ".npy")) as temporary:
            np.save(temporary, samples, allow_pickle=False)

    def samples(self, key: str, utterance: str) -> np.ndarray:
        """What ``keep_samples`` kept. Raises RunError where it cannot be read."""
        import numpy as np

        path = self.audio(key, utterance, ".npy")
        try:
            return np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise RunError(f"{path}: cannot be read ({error}); remove it and run again") from error

    def index(self) -> list[Row]:
        """The rows of INDEX. Raises RunError where the run has none."""
        path = self.run / "outputs" / "index.parquet"
        try:
            return pq.read_table(path, schema=INDEX).to_pylist()
        except (OSError, pa.ArrowException) as error:
            raise RunError(f"{path}: cannot be read; the run keeps no outputs that could be scored "
                           "again: run it again with `evalkit run`") from error

    def set_aside(self) -> None:
        """Moves run.json to the outputs: until it is written anew the run is unfinished."""
        record, kept = self.run / "run.json", self.run / "outputs" / "run.json"
        kept.parent.mkdir(parents=True, exist_ok=True)
        if record.exists():
            record.replace(kept)

    def last_record(self) -> RunRecord:
        """The record of a run that was being worked on again when it was stopped."""
        return RunRecord.read(self.run / "outputs" / "run.json")

    def prune(self, outputs: Collection[tuple[str, str]], audio: Collection[str]) -> int:
        """Removes what is under other (stage, key) than ``outputs`` and all audio under other keys
        than ``audio``. Returns how many files and folders that were."""
        files = [path for stage in SCHEMAS for path in self.run.glob(f"outputs/{stage}/*.parquet")
                 if (stage, path.stem) not in outputs]
        folders = [path for path in self.run.glob("audio/*")
                   if _KEY.fullmatch(path.name) and path.name not in audio]
        for file in files:
            file.unlink()
        for folder in folders:
            shutil.rmtree(folder)
        return len(files) + len(folders)

    def _path(self, stage: str, key: str) -> Path:
        return self.run / "outputs" / stage / f"{key}.parquet"


def audio_name(key: str, utterance: str, suffix: str) -> str:
    """Path in the run folder; an utterance's id may hold anything, so that its digest stands."""
    return f"audio/{key}/{hashlib.sha256(utterance.encode()).hexdigest()[:20]}{suffix}"

