"""What the parts of pipelines made, in files that are named by the content of all that made them.

    outputs/STAGE/KEY.parquet   rows of a shard's utterances (SCHEMAS)
    audio/KEY/NAME.flac         what was heard or made, 16 bits, to listen to
    audio/KEY/NAME.npy          the exact samples that an enhancer made, to measure again
    audio/KEY/KEY.parquet       which audio files are there: their sizes and digests (AUDIO)
    outputs/index.parquet       which of them the run's tables are made of (INDEX)
    outputs/begun.json          what the run is of
    outputs/run.json            the last record, while the run is worked on again

A file never changes once it is there: other inputs, systems or settings have other keys. What an
earlier configuration made stays until ``prune``.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from evalkit.core.errors import RunError
from evalkit.core.files import digest, write
from evalkit.store.documents.run import RunRecord
from evalkit.store.events import EVENTS_COLUMN, with_column
from evalkit.store.sealed import DamageError, is_whole, names_in, read_table, seal, write_table

if TYPE_CHECKING:
    import numpy as np

VERSION = 5
"""Of the rows. A change of what they hold adds one."""

Row = dict[str, Any]
_ID = ("utterance_id", pa.string())
_ERROR = ("error", pa.string())
_TAKEN = (("processing_seconds", pa.float64()), ("resampled", pa.list_(pa.string())))
_LEVELS = (("level_dbfs", pa.float64()), ("peak_dbfs", pa.float64()), ("clipping", pa.float64()),
           ("dc", pa.float64()))

HEARD_BESIDE = (
    ("confidence", pa.float64()),  # on the recognizer's own scale
    ("words", pa.list_(pa.struct([
        ("text", pa.string()), ("start", pa.float64()), ("end", pa.float64()),  # seconds
        ("confidence", pa.float64())]))),
    ("alternatives", pa.list_(pa.struct([("text", pa.string()), ("confidence", pa.float64())]))))
"""What a recognizer may say beside its text; null where it does not."""

RECOGNIZER_TOOK = (
    ("recognizer_seconds", pa.float64()),  # in the recognizer's call; null where it heard nothing
    ("recognizer_processor_seconds", pa.float64()), ("recognizer_machine", pa.string()),
    ("recognizer_peak_bytes", pa.int64()))  # of the process, resident during the call
"""Columns of a run's outputs; runs of versions up to 4 have none."""

SCHEMAS: Mapping[str, pa.Schema] = {
    "heard": pa.schema([
        _ID, ("source_rate", pa.int64()), ("seconds", pa.float64()),
        ("changed", pa.bool_()),  # by the condition
        ("resampled", pa.list_(pa.string())), *_LEVELS, _ERROR]),
    "enhanced": pa.schema([
        _ID, ("lag", pa.float64()), *_TAKEN,
        ("processor_seconds", pa.float64()), ("machine", pa.string()),  # which was timed
        *_LEVELS, _ERROR]),
    "recognised": pa.schema([
        _ID, ("text", pa.string()), *HEARD_BESIDE, *_TAKEN, ("processor_seconds", pa.float64()),
        ("machine", pa.string()), ("peak_bytes", pa.int64()), _ERROR]),
    "endpointed": pa.schema([_ID, ("endpoints", pa.list_(pa.struct([
        ("audio", pa.float64()), ("kind", pa.string())]))), *_TAKEN, _ERROR]),
    "embedded": pa.schema([_ID, ("embedding", pa.list_(pa.float32())), *_TAKEN, _ERROR]),
    "ended": pa.schema([_ID, _ERROR]),
    "costs": pa.schema([
        ("weights", pa.int64()), ("bytes", pa.int64()), ("macs_per_second", pa.float64()),
        ("unknown", pa.string())]),
    "measured": pa.schema([
        _ID, ("metric", pa.string()), ("amount", pa.float64()), ("weight", pa.float64()), _ERROR]),
}
INSERTED = pa.field("inserted", pa.list_(pa.struct([
    ("at", pa.float64()),  # second of the recording where it was put in
    ("seconds", pa.float64())])))
_FURTHER: Mapping[str, pa.Field] = {"heard": INSERTED, "recognised": EVENTS_COLUMN}
"""Columns behind the others, only where any row has something in them: what a condition put in,
and what was shown on the way."""
TIMED = ("processing_seconds", "processor_seconds", "machine", "peak_bytes")
"""Columns that differ from run to run."""
STAGES = ("heard", "enhanced", "recognised", "embedded", "endpointed")
"""Those that make outputs, in their order; ``measured`` makes scores of them, ``ended`` says of
which utterances nothing could be made, and ``costs``, in a row, what a system takes."""
INDEX = pa.schema([
    ("pipeline", pa.string()), ("condition", pa.string()), ("first", pa.int64()),
    ("utterances", pa.int64()), *((stage, pa.string()) for stage in STAGES),
    ("tables", pa.string())])
"""A row a shard: the place of its first utterance in the run, the key of each stage, and that of
its part of the run's tables."""
INDEX_TABLE = "outputs/index.parquet"
AUDIO = pa.schema([("name", pa.string()), ("bytes", pa.int64()), ("sha256", pa.string())])
SUFFIXES = frozenset({".flac", ".npy"})
"""Of kept audio."""
_KEY = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class OutputStore:
    """The outputs and the kept audio of the run folder ``run``."""

    run: Path

    def read(self, stage: str, key: str) -> list[Row] | None:
        """The rows under ``key``; None where there are none, or not those that were written."""
        table = self.table(stage, key)
        return None if table is None else table.to_pylist()

    def table(self, stage: str, key: str) -> pa.Table | None:
        """The same as a table."""
        path = self.path(stage, key)
        known = (SCHEMAS[stage].names, [*SCHEMAS[stage].names, _FURTHER[stage].name]
                 if stage in _FURTHER else [])
        if not is_whole(path) or names_in(path) not in known:
            return None
        return read_table(path)

    def write(self, stage: str, key: str, rows: Sequence[Row], note: str = "") -> None:
        """Writes the rows under a temporary name and renames the file; ``note`` as for
        write_table."""
        further = [_FURTHER[stage]] if stage in _FURTHER else []
        schema = with_column(SCHEMAS[stage], rows, *further)
        self.keep(stage, key, pa.Table.from_pylist(list(rows), schema), note)

    def keep(self, stage: str, key: str, table: pa.Table, note: str = "") -> None:
        """The same of a table."""
        write_table(self.path(stage, key), table, note)

    def audio(self, key: str, utterance: str, suffix: str) -> Path:
        """Where audio of an utterance is kept: ``.flac`` to listen to, ``.npy`` exactly."""
        return self.run / audio_name(key, utterance, suffix)

    def has_audio(self, key: str, utterances: Iterable[str], *suffixes: str,
                  exactly: bool = False) -> bool:
        """Whether the utterances' audio is there and as long as it was; ``exactly`` looks at what
        is in it too."""
        wanted = [self.audio(key, utterance, suffix)
                  for utterance in utterances for suffix in suffixes]
        return self.lost_audio(key, wanted, exactly=exactly) is None

    def lost_audio(self, key: str, wanted: Sequence[Path], *, exactly: bool = False
                   ) -> Path | None:
        """The first of the audio files ``wanted`` that is not what the list under ``key`` says.
        What is in it is looked at ``exactly``, or where it was written to after the list."""
        listed = self._listed(key) if wanted else {}
        known = self._list(key).stat().st_mtime_ns if listed else 0
        for path in wanted:
            size, sha256 = listed.get(path.name, (-1, ""))
            try:
                state = path.stat()
                touched = exactly or state.st_mtime_ns > known
                if state.st_size != size or (touched and digest(path) != sha256):
                    return path
            except OSError:
                return path
        return None

    def check_audio(self, path: Path) -> None:
        """Raises DamageError where the kept audio ``path`` is not what was written. Where there is
        no list of it, nobody can say."""
        key = path.parent.name
        if self._list(key).exists() and self.lost_audio(key, [path], exactly=True) is not None:
            raise DamageError(f"{path}: is missing or not as it was written; remove it, and run it "
                              "again")

    def _listed(self, key: str) -> Mapping[str, tuple[int, str]]:
        """Sizes and digests of the audio under ``key``, by name; none where nobody can say."""
        path = self._list(key)
        if not is_whole(path):
            return {}
        columns = read_table(path, schema=AUDIO).to_pydict()
        return {name: (size, sha256) for name, size, sha256 in zip(
            columns["name"], columns["bytes"], columns["sha256"], strict=True)}

    def list_audio(self, key: str) -> None:
        """Notes which audio is kept under ``key``, for ``has_audio``."""
        path = self._list(key)
        files = sorted(file for file in path.parent.glob("*") if file.suffix in SUFFIXES)
        if files:
            write_table(path, pa.Table.from_pylist([
                {"name": file.name, "bytes": file.stat().st_size, "sha256": digest(file)}
                for file in files], AUDIO))

    def _list(self, key: str) -> Path:
        return self.run / "audio" / key / f"{key}.parquet"

    def keep_samples(self, key: str, utterance: str, samples: np.ndarray) -> None:
        """Keeps samples exactly as they are."""
        import numpy as np

        file = io.BytesIO()
        np.save(file, samples, allow_pickle=False)
        write(self.audio(key, utterance, ".npy"), file.getvalue())

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
        path = self.run / INDEX_TABLE
        try:
            seal(path)
        except DamageError as error:
            raise RunError(f"{error}; without it nobody knows which outputs are the run's: run it "
                           "again with `evalkit run`") from error
        return read_table(path, schema=INDEX).to_pylist()

    def finished(self) -> set[str]:
        """The keys of the shards' tables, where the run was finished."""
        try:
            rows = self.index() if (self.run / "run.json").exists() else []
        except RunError:
            rows = []
        return {row["tables"] for row in rows}

    def set_aside(self) -> None:
        """Moves run.json to the outputs: until it is written anew the run is unfinished. Raises
        OSError where it is a folder or cannot be moved."""
        record, kept = self.run / "run.json", self.run / "outputs" / "run.json"
        if record.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(record))
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

    def path(self, stage: str, key: str) -> Path:
        """Where the rows under ``key`` are."""
        return self.run / "outputs" / stage / f"{key}.parquet"


def audio_name(key: str, utterance: str, suffix: str) -> str:
    """Path in the run folder; an utterance's id may hold anything, so that its digest stands."""
    return f"audio/{key}/{hashlib.sha256(utterance.encode()).hexdigest()[:20]}{suffix}"

