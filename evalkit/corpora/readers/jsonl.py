"""JSON lines, as NeMo's manifests, Hugging Face's metadata and other tools have them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from evalkit.core.errors import one_line
from evalkit.core.ledger import LeftOut
from evalkit.core.types import Utterance
from evalkit.corpora.readers.base import gender, read_lines, seconds
from evalkit.corpora.readers.naming import check_fields, chosen
from evalkit.results.values import said_in
from evalkit.store.json_lines import json_object

_PREDICTED = "pred_text"


def jsonl(source: Path, *, alternatives: bool = False, **keys: str
          ) -> Iterator[Utterance | LeftOut]:
    """The lines of ``source``. ``keys`` says which key is which field (``text="transcript"``);
    otherwise the usual ones of evalkit.corpora.readers.naming are looked for.

    Without a key of ids, an utterance's id is the name of its recording, with its offset where
    several lines are of one recording; paths are relative to the file. With ``alternatives`` a
    text may be a list of several that are right, as in tables of results. Every other key with
    text, a number or a truth value is metadata; the predictions of a model (``pred_text…``) are
    none, nor are lists and objects."""
    check_fields(keys)
    return _read(source, keys, alternatives=alternatives)


def _read(source: Path, keys: Mapping[str, str], *, alternatives: bool
          ) -> Iterator[Utterance | LeftOut]:
    rows: dict[str, Mapping[str, Any]] = {}
    for number, line in enumerate(read_lines(source), 1):
        if line.strip():
            try:
                rows[f"line {number}"] = json_object(line)
            except ValueError as error:
                yield LeftOut("row", str(source), one_line(error), names=(f"line {number}",))
    yield from utterances(source, rows, keys, alternatives=alternatives)


def utterances(source: Path, rows: Mapping[str, Mapping[str, Any]], given: Mapping[str, str], *,
               alternatives: bool) -> Iterator[Utterance | LeftOut]:
    """Of rows, by what each is called, whose paths are relative to the file ``source``."""
    keys = chosen(dict.fromkeys(key for row in rows.values() for key in row), given)
    recordings = Counter(path for row in rows.values() if (path := _path(row.get(keys["audio"]))))
    for called, row in rows.items():
        try:
            yield _utterance(source, row, keys, recordings, alternatives=alternatives)
        except ValueError as error:
            yield LeftOut("row", str(source), str(error), names=(called,))
    yield from _unused(source, rows.values(), keys)


def _utterance(source: Path, row: Mapping[str, Any], keys: Mapping[str, str],
               recordings: Mapping[Path, int], *, alternatives: bool) -> Utterance:
    """Raises ValueError where the row cannot be used."""
    speaker = row.get(keys["speaker"])
    text = said_in([row.get(keys["text"])], lists=alternatives)
    if not isinstance(speaker, str | int | None):
        raise ValueError("speaker is not text")
    audio, reference = (_path(row.get(keys[field])) for field in ("audio", "reference_audio"))
    offset, duration = (_time(row.get(keys[field])) for field in ("offset", "duration"))
    return Utterance(_id(row, keys, recordings), audio and source.parent / audio,
                     None if speaker is None else str(speaker), text,
                     reference and source.parent / reference, offset or 0.0, duration,
                     _metadata(row, keys))


def _metadata(row: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, Any]:
    kept = {key: value for key, value in row.items() if _is_metadata(key, value, keys)}
    return kept | ({"gender": gender(str(kept["gender"]))} if "gender" in kept else {})


def _id(row: Mapping[str, Any], keys: Mapping[str, str], recordings: Mapping[Path, int]) -> str:
    """Raises ValueError where there is neither an id nor a recording."""
    given, audio = row.get(keys["id"]), _path(row.get(keys["audio"]))
    if not isinstance(given, str | int | None):
        raise ValueError("id is not text")
    if given not in (None, ""):
        return str(given)
    if audio is None:
        raise ValueError(f"has neither an id nor a recording (no {keys['audio']})")
    offset = _time(row.get(keys["offset"])) or 0.0
    return audio.stem if recordings[audio] == 1 else f"{audio.stem}-{offset:g}"


def _path(value: Any) -> Path | None:
    """Of text, or of an object such as ``{"path": …, "bytes": null}``."""
    if isinstance(value, Mapping):
        value = value.get("path")
    return Path(value) if isinstance(value, str) and value else None


def _time(value: Any) -> float | None:
    """Raises ValueError."""
    return seconds(None if value is None else str(value))


def _unused(source: Path, rows: Iterable[Mapping[str, Any]], keys: Mapping[str, str]
            ) -> Iterator[LeftOut]:
    """The keys of which some or all values are no metadata."""
    of_key = Counter(key for row in rows for key, value in row.items()
                     if key not in keys.values() and value is not None
                     and not _is_metadata(key, value, keys))
    for key, n in of_key.items():
        if key.startswith(_PREDICTED):
            yield LeftOut("column", str(source), "what a model predicted is no metadata",
                          names=(key,))
        elif key in keys:
            yield LeftOut("column", str(source), f"the {key} of an utterance is {keys[key]!r}",
                          names=(key,))
        else:
            yield LeftOut("cell", str(source), f"{key} is neither text nor a number", n)


def _is_metadata(key: str, value: object, keys: Mapping[str, str]) -> bool:
    return (key not in keys and key not in keys.values() and not key.startswith(_PREDICTED)
            and isinstance(value, str | int | float))
