"""What is known of utterances before they are heard, in digests, and the digest of a corpus.

A digest is the SHA-256 of JSON. A corpus may have millions of utterances, so that the JSON of what
several have in common is written once, and none is kept."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.core.files import digest
from evalkit.core.types import Utterance
from evalkit.store.word_times import written

MOST = 100_000
"""Mappings of metadata whose JSON is kept."""


class Print(NamedTuple):
    """What is known of one utterance before it is heard, in digests: ``row`` of the manifest
    without its text and files, ``recording`` and ``reference`` of what is in the audio files."""

    id: str
    speaker: str | None
    text: str | None
    row: str
    recording: str
    reference: str


class Printed(tuple[Print, ...]):
    """The prints of some utterances; what every metric's key is made of is written once, as
    JSON."""

    @cached_property
    def rows(self) -> str:
        """The list of their rows."""
        return f"[{', '.join(_json(each.row) for each in self)}]"

    @cached_property
    def texts(self) -> str:
        """The list of their texts."""
        return f"[{', '.join(_json(each.text) for each in self)}]"


def relative(path: Path, root: Path) -> str:
    """``path`` as the manifest in ``root`` has it."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def file_digests(utterances: Iterable[Utterance]) -> dict[Path, str | None]:
    """Of every audio file, None for one that cannot be read."""
    paths = {path for u in utterances for path in (u.audio, u.reference_audio) if path}
    with ThreadPoolExecutor() as pool:
        return dict(zip(paths, pool.map(_file_digest, paths), strict=True))


def _file_digest(path: Path) -> str | None:
    try:
        return digest(path)
    except OSError:
        return None


@dataclass
class Prints:
    """Digests of the utterances of the manifest in ``root``, whose recordings have the digests
    ``files``."""

    root: Path
    files: Mapping[Path, str | None]
    _metadata: dict[int, tuple[Mapping[str, Any], str]] = field(default_factory=dict)

    def of(self, utterances: Iterable[Utterance]) -> Printed:
        """Of each."""
        return Printed(map(self._print, utterances))

    def corpus(self, utterances: Iterable[Utterance], files: Mapping[Path, str | None]) -> str:
        """Of every row of the manifest and, where ``files`` has them, of the recordings."""
        whole, comma = hashlib.sha256(b"["), ""
        for u in utterances:
            whole.update(f'{comma}"{self._row(u, files)}"'.encode())
            comma = ", "
        whole.update(b"]")
        return whole.hexdigest()

    def _row(self, u: Utterance, files: Mapping[Path, str | None]) -> str:
        """Of a row of the manifest."""
        silent = u.audio is None and u.reference_audio is None
        heard = "null, null" if silent else (
            f"{self._recording(u.audio, files)}, {self._recording(u.reference_audio, files)}")
        return _digest(f"{_json(u.id)}, {_json(u.speaker)}, {_json(u.text)}, {_seconds(u)}, "
                       f"{self._shared(u.metadata)}{_words(u) if u.words else ''}, {heard}")

    def _print(self, u: Utterance) -> Print:
        span = f"{_json(u.id)}, {_seconds(u)}"
        row = _digest(f"{span}, {_json(u.speaker)}, {self._shared(u.metadata)}"
                      f"{_words(u) if u.words else ''}")
        recording = _digest(f"{span}, {self._content(u.audio)}")
        return Print(u.id, u.speaker, u.text, row, recording,
                     recording if u.reference_audio == u.audio else
                     _digest(f"{span}, {self._content(u.reference_audio)}"))

    def _recording(self, path: Path | None, files: Mapping[Path, str | None]) -> str:
        return "null" if path is None else _json([relative(path, self.root), files.get(path)])

    def _content(self, path: Path | None) -> str:
        return "null" if path is None else _json(
            self.files.get(path) or relative(path, self.root))

    def _shared(self, metadata: Mapping[str, Any]) -> str:
        """The JSON of metadata that several utterances may have (SharedMetadata); what is kept of
        it holds on to it, so that no other gets its identity."""
        known = self._metadata.get(id(metadata))
        if known is None:
            if len(self._metadata) == MOST:
                self._metadata.clear()
            known = self._metadata[id(metadata)] = metadata, json.dumps(
                sorted(metadata.items()), sort_keys=True, default=str)
        return known[1]


def _digest(values: str) -> str:
    """SHA-256 of the JSON list of ``values``, which are JSON with commas between them, in
    hexadecimal."""
    return hashlib.sha256(f"[{values}]".encode()).hexdigest()


def _json(value: Any) -> str:
    if type(value) is str:
        return encode_basestring_ascii(value)
    if value is None:
        return "null"
    if type(value) is float and math.isfinite(value):
        return repr(value)
    return json.dumps(value, sort_keys=True, default=str)


def _seconds(u: Utterance) -> str:
    """Offset and duration."""
    return f"{_json(u.offset)}, {_json(u.duration)}"


def _words(u: Utterance) -> str:
    """When its words were said."""
    return f", {json.dumps(written(u.words))}"
