"""Datasets of Hugging Face on a disk: Parquet files, or the Arrow files of ``save_to_disk``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from evalkit.core.errors import ManifestError, one_line
from evalkit.core.files import regular
from evalkit.core.ledger import LeftOut
from evalkit.core.names import instead, listed, offer
from evalkit.core.types import Utterance
from evalkit.corpora.readers.embedded import written
from evalkit.corpora.readers.jsonl import utterances
from evalkit.corpora.readers.naming import check_fields, chosen
from evalkit.store.json_lines import json_object

AT_ONCE = 64
"""Rows that are in memory with their recordings."""


def huggingface(source: Path, *, split: str | None = None, audio: Path | None = None,
                alternatives: bool = False, **columns: str) -> Iterator[Utterance | LeftOut]:
    """The rows of the file ``source``, or of the files of one ``split`` in that folder.

    ``columns`` says which column is which field, and ``alternatives`` that a text may be a list, as
    for ``jsonl``. Recordings that are within the
    tables are written into the folder ``audio``, named by their content; numbers of a ClassLabel
    become its names."""
    check_fields(columns)
    return _read(source, split, audio, columns, alternatives=alternatives)


def _read(source: Path, split: str | None, audio: Path | None, columns: Mapping[str, str], *,
          alternatives: bool) -> Iterator[Utterance | LeftOut]:
    files = _files(source, split)
    rows: dict[str, dict[str, Any]] = {}
    names: Counter[str] = Counter()
    for file in files:
        for batch in _batches(file):
            used = chosen(batch.schema.names, columns)
            labels = _labels(batch.schema)
            for row in batch.to_pylist():
                _plain(row, labels, used, file, audio)
                _name(row, used, names)
                rows[f"row {len(rows) + 1}"] = row
    yield from utterances(files[0], rows, columns, alternatives=alternatives)


def _plain(row: dict[str, Any], labels: Mapping[str, list[str]], used: Mapping[str, str],
           file: Path, folder: Path | None) -> None:
    """Puts paths for the recordings of ``row``, and names for its labels."""
    for column, known in labels.items():
        if isinstance(number := row[column], int):
            row[column] = known[number] if 0 <= number < len(known) else None
    for field in ("audio", "reference_audio"):
        if (column := used[field]) in row:
            row[column] = _path(row[column], file, folder)


def _path(value: Any, file: Path, folder: Path | None) -> Any:
    """Of a recording, which is written where the table holds it, beside its name."""
    name, data = ((value.get("path"), value.get("bytes")) if isinstance(value, Mapping) else
                  (value, value))
    if not isinstance(data, bytes):
        return str(file.parent / name) if isinstance(name, str) and name else None
    return {"path": str(written(data, folder, file)), "name": name}


def _name(row: dict[str, Any], used: Mapping[str, str], names: Counter[str]) -> None:
    """Gives a row without an id that of its recording, with a number where it was used before."""
    if row.get(used["id"]) in (None, ""):
        audio = row.get(used["audio"])
        name = (audio.get("name") or audio["path"]) if isinstance(audio, Mapping) else audio
        stem = Path(str(name)).stem if name else "row"
        names[stem] += 1
        row[used["id"]] = stem if names[stem] == 1 else f"{stem}-{names[stem]}"


def _files(source: Path, split: str | None) -> list[Path]:
    """Raises ManifestError where there are none, or those of several splits."""
    splits = _splits(source)
    if split is None and len(splits) > 1:
        raise ManifestError(f"{source}: has several splits, {listed(splits)}; name one: the "
                            "reader's option split")
    chosen_split = split or next(iter(splits))
    if chosen_split not in splits:
        raise ManifestError(f"{source}: no split {split!r}; {offer(chosen_split, splits)}")
    return splits[chosen_split]


def _splits(source: Path) -> dict[str, list[Path]]:
    """The files of every split. What ``datasets`` has cached is none. Raises ManifestError where
    there is nothing."""
    if not source.is_dir():
        return {source.stem: [source]}
    splits: dict[str, list[Path]] = {}
    for path in sorted([*source.rglob("*.parquet"), *source.rglob("*.arrow")]):
        if not path.name.startswith("cache-"):
            splits.setdefault(_split(path, source), []).append(path)
    if not splits:
        raise ManifestError(f"{source}: no *.parquet and no *.arrow in it")
    return splits


def _split(path: Path, source: Path) -> str:
    """``train`` of train-00000-of-00002.parquet, and of train/data-00000-of-00001.arrow."""
    name = path.stem.partition("-")[0]
    return path.parent.name if name == "data" and path.parent != source else name


def _batches(file: Path) -> Iterator[pa.RecordBatch]:
    try:
        regular(file)
        if file.suffix == ".parquet":
            with pq.ParquetFile(file) as table:
                yield from table.iter_batches(AT_ONCE)
            return
        with pa.memory_map(str(file)) as data:
            yield from _arrow(data)
    except OSError as error:
        raise ManifestError(f"{file}: cannot be read: {error.strerror or one_line(error)}"
                            f"{instead(file)}") from error
    except pa.ArrowException as error:
        raise ManifestError(f"{file}: is no table of its kind: {one_line(error)}") from error


def _arrow(data: pa.NativeFile) -> Iterable[pa.RecordBatch]:
    """Of a stream, as ``datasets`` writes it, or of a file with an index."""
    try:
        yield from pa.ipc.open_stream(data)
    except pa.ArrowInvalid:
        data.seek(0)
        table = pa.ipc.open_file(data)
        yield from map(table.get_batch, range(table.num_record_batches))


def _labels(schema: pa.Schema) -> dict[str, list[str]]:
    """The names of every ClassLabel, by column, where the table says them."""
    kinds = _within(_within(_about(schema), "info"), "features")
    names = {column: _within(kinds, column).get("names") for column in schema.names}
    return {column: list(map(str, each)) for column, each in names.items()
            if isinstance(each, list)}


def _within(tree: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = tree.get(key)
    return found if isinstance(found, Mapping) else {}


def _about(schema: pa.Schema) -> Mapping[str, Any]:
    """What ``datasets`` has written beside the columns."""
    try:
        return json_object((schema.metadata or {}).get(b"huggingface", b"{}").decode())
    except ValueError:
        return {}
