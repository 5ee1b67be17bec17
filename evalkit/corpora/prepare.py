"""Manifests of corpora in other layouts; their audio stays where it is.

A reader is a plug-in of the group ``evalkit.corpora``: a function of the corpus's folder or
file, and of options, that yields an Utterance for what it can use and a LeftOut for the rest.
"""

from __future__ import annotations

import csv
import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.core.errors import ManifestError
from evalkit.core.plugins import create
from evalkit.core.types import Utterance
from evalkit.store.manifest import FIELDS, SHOWN, write_manifest

GENDERS = {"f": "female", "female": "female", "female_feminine": "female",
           "m": "male", "male": "male", "male_masculine": "male"}
Row = dict[str, str | None]
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,40})?")


@dataclass(frozen=True)
class LeftOut:
    """Something of a corpus that its manifest does not hold."""

    name: str
    reason: str


@dataclass(frozen=True)
class Prepared:
    """A manifest that was written. ``outside`` says whether audio lies beyond its folder."""

    manifest: Path
    utterances: int
    speakers: int
    left_out: tuple[LeftOut, ...]
    outside: bool

    def describe(self) -> str:
        """What was written and what was left out, for a person."""
        lines = [f"{self.manifest}: {self.utterances} utterances of {self.speakers} speakers"]
        if self.outside:
            lines.append("audio lies outside the manifest's folder: set `outside: true` in "
                         "eval.yaml, or pass --outside")
        lines += [f"left out {item.name}: {item.reason}" for item in self.left_out[:SHOWN]]
        rest = Counter(item.reason for item in self.left_out[SHOWN:])
        lines += [f"left out {count} more: {reason}" for reason, count in rest.most_common()]
        return "\n".join(lines)


def prepare(kind: str, source: Path, out: Path,
            options: Mapping[str, Any] | None = None) -> Prepared:
    """Writes ``out``, a manifest of the corpus at ``source``.

    ``kind`` names a reader: librispeech, kaldi, common_voice, table or an installed plug-in;
    ``options`` are its own. Audio paths are made relative to the manifest. Raises PluginError
    for an unknown kind, ConfigError for an unknown option, ManifestError where ``source`` does
    not hold such a corpus.
    """
    found: dict[str, Utterance] = {}
    left_out: list[LeftOut] = []
    for item in create("corpora", kind, {"source": Path(source), **(options or {})}):
        if isinstance(item, LeftOut):
            left_out.append(item)
        elif item.id in found:
            left_out.append(LeftOut(item.id, "its id was used before"))
        elif item.audio is not None and not item.audio.is_file():
            left_out.append(LeftOut(item.id, "no such recording"))
        else:
            found[item.id] = item
    if not found:
        reasons = f" ({left_out[0].name}: {left_out[0].reason})" if left_out else ""
        raise ManifestError(f"{source}: holds nothing to use as {kind}{reasons}")
    rows = [_row(utterance, out) for utterance in found.values()]
    write_manifest(out, rows)
    return Prepared(out, len(rows), len({u.speaker for u in found.values()} - {None}),
                    tuple(left_out), any(map(_leaves, rows)))


def librispeech(source: Path) -> Iterator[Utterance | LeftOut]:
    """LibriSpeech: ``SPEAKER/CHAPTER/*.flac`` with ``*.trans.txt``; gender from SPEAKERS.TXT in
    ``source`` or the folder above it."""
    genders = _librispeech_genders(source)
    texts: dict[str, str] = {}
    for transcript in sorted(source.rglob("*.trans.txt")):
        texts |= _pairs(transcript)
    for audio in sorted(source.rglob("*.flac")):
        speaker, _, rest = audio.stem.partition("-")
        yield Utterance(audio.stem, audio, speaker, texts.pop(audio.stem, None), metadata={
            "gender": genders.get(speaker), "chapter": rest.partition("-")[0]})
    for name in texts:
        yield LeftOut(name, "no such recording")


def kaldi(source: Path) -> Iterator[Utterance | LeftOut]:
    """A Kaldi data directory: wav.scp (paths relative to ``source``), text, utt2spk, segments,
    spk2gender, spk2age. An entry of wav.scp that is a command is left out, never run."""
    recordings = _pairs(source / "wav.scp")
    tables = {name: _pairs(source / name, optional=True)
              for name in ("text", "utt2spk", "segments", "spk2gender", "spk2age")}
    for name, segment in (tables["segments"] or {key: key for key in recordings}).items():
        try:
            entry, offset, duration = _kaldi_span(segment.split(), recordings)
        except ValueError as error:
            yield LeftOut(name, str(error))
            continue
        speaker = tables["utt2spk"].get(name, "")
        yield Utterance(name, source / entry, speaker or None, tables["text"].get(name),
                        offset=offset, duration=duration, metadata={
                            "gender": gender(tables["spk2gender"].get(speaker)),
                            "age": tables["spk2age"].get(speaker)})


def common_voice(source: Path) -> Iterator[Utterance | LeftOut]:
    """A Common Voice release: a TSV (validated.tsv where ``source`` is a folder) beside
    ``clips/``. The speaker is the client id."""
    path = source / "validated.tsv" if source.is_dir() else source
    for row in _table(path, delimiter="\t", quoting=csv.QUOTE_NONE):
        clip = row.get("path")
        if not clip:
            yield LeftOut(row.get("sentence") or "a line", "names no clip")
            continue
        yield Utterance(Path(clip).stem, path.parent / "clips" / clip, row.get("client_id"),
                        row.get("sentence"), metadata={
                            "gender": gender(row.get("gender")), "age": row.get("age"),
                            "accent": row.get("accents") or row.get("accent"),
                            "variant": row.get("variant"), "locale": row.get("locale")})


def table(source: Path, **columns: str) -> Iterator[Utterance | LeftOut]:
    """A CSV (or, by its suffix, TSV) file with a line of column names; needs no audio.

    ``columns`` says which column is which field (``id="idx", text="reference"``); a field's own
    name otherwise. Every other column is metadata: numbers where all its values are. Audio
    paths are relative to the file.
    """
    if unknown := sorted(set(columns) - set(FIELDS)):
        raise ValueError(f"{unknown[0]!r} is no field of an utterance; there are "
                         f"{', '.join(FIELDS)}")
    rows = list(_table(source, delimiter="\t" if source.suffix.lower() == ".tsv" else ","))
    for field in ("id", *columns):
        if rows and columns.get(field, field) not in rows[0]:
            raise ManifestError(f"{source}: no column {columns.get(field, field)!r} for {field}; "
                                f"it has {', '.join(rows[0])}")
    return _table_utterances(source, rows, {field: columns.get(field, field) for field in FIELDS})


def _table_utterances(source: Path, rows: list[Row],
                      columns: Mapping[str, str]) -> Iterator[Utterance | LeftOut]:
    metadata = set(rows[0]) - set(columns.values()) if rows else set()
    numeric = {c for c in metadata if all(_NUMBER.fullmatch(row[c] or "0") for row in rows)}
    for number, row in enumerate(rows, 1):
        fields = {field: row.get(column) for field, column in columns.items()}
        name = fields["id"] or f"row {number}"
        try:
            offset, duration = (_seconds(fields[f]) for f in ("offset", "duration"))
        except ValueError as error:
            yield LeftOut(name, str(error))
            continue
        if not fields["id"]:
            yield LeftOut(name, "has no id")
            continue
        audio, reference = (source.parent / path if path else None
                            for path in (fields["audio"], fields["reference_audio"]))
        yield Utterance(name, audio, fields["speaker"], fields["text"], reference, offset or 0.0,
                        duration, {c: json.loads(cell) if cell and c in numeric else cell
                                   for c, cell in row.items() if c in metadata})


def gender(value: str | None) -> str | None:
    """One spelling for female and male; any other answer as it was given, blank as None."""
    return GENDERS.get(value.strip().lower(), value) if value else None


def _librispeech_genders(source: Path) -> dict[str, str | None]:
    for folder in (source, source.parent):
        if (path := folder / "SPEAKERS.TXT").is_file():
            lines = [line.split("|") for line in _lines(path) if not line.startswith(";")]
            return {line[0].strip(): gender(line[1].strip()) for line in lines if len(line) > 1}
    return {}


def _kaldi_span(segment: Sequence[str],
                recordings: Mapping[str, str]) -> tuple[str, float, float | None]:
    """Path, offset and duration of ``recording [start end]``. Raises ValueError."""
    recording, *bounds = segment or [""]
    entry = recordings.get(recording, "")
    if not entry:
        raise ValueError("wav.scp does not hold its recording")
    if entry.endswith("|"):
        raise ValueError("its entry in wav.scp is a command, which is not run")
    if not bounds:
        return entry, 0.0, None
    start, end = (_seconds(bound) or 0.0 for bound in (*bounds, "", "")[:2])
    if end <= start:
        raise ValueError("its segment ends before it starts")
    return entry, start, round(end - start, 6)


def _seconds(text: str | None) -> float | None:
    """Raises ValueError for what is no finite number from 0."""
    try:
        seconds = float(text) if text else 0.0
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ValueError("a time is no number of seconds from 0")
    return seconds if text else None


def _table(path: Path, **dialect: Any) -> Iterator[Row]:
    """The rows of a delimited file by column name, blank cells as None."""
    try:
        for row in csv.DictReader(_lines(path), restkey="", **dialect):
            row.pop("", None)
            yield {column: value or None for column, value in row.items()}
    except csv.Error as error:
        raise ManifestError(f"{path}: not a table: {error}") from error


def _pairs(path: Path, *, optional: bool = False) -> dict[str, str]:
    """Lines of a key, a space and a value."""
    if optional and not path.exists():
        return {}
    split = (line.strip().split(maxsplit=1) for line in _lines(path) if line.strip())
    return {key: "".join(value) for key, *value in split}


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from file
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path}: not UTF-8 text: {error}") from error


def _row(utterance: Utterance, out: Path) -> dict[str, Any]:
    """The manifest's line for ``utterance``; fields that it lacks are left out of it."""
    folder = os.path.realpath(out.parent)
    fields = {field: getattr(utterance, field) for field in FIELDS}
    for field in ("audio", "reference_audio"):
        if fields[field] is not None:
            fields[field] = os.path.relpath(Path(fields[field]).absolute(), folder)
    kept = {field: value for field, value in fields.items() if value not in (None, 0.0)}
    return {**kept, **utterance.metadata}


def _leaves(row: Mapping[str, Any]) -> bool:
    paths = (row.get(field, "") for field in ("audio", "reference_audio"))
    return any(os.pardir in Path(path).parts for path in paths)
