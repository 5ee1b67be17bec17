"""The corpus of a run: its manifest, and the table of its utterances."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from evalkit.core.config import EvalConfig
from evalkit.core.errors import ManifestError
from evalkit.core.types import Utterance
from evalkit.run.keys import relative
from evalkit.store.manifest import Manifest, read_manifest


def read_corpus(config: EvalConfig) -> Manifest:
    """The run's manifest. Raises ManifestError where no line of it can be used."""
    manifest = read_manifest(config.corpus, outside=config.outside)
    if not manifest.utterances:
        raise ManifestError(manifest.describe_problems() or
                            f"{config.corpus}: the manifest holds no utterance")
    return manifest


NAMES = ("utterance_id", "speaker_id", "audio", "reference_audio", "text", "offset", "duration")
"""Columns of every table of utterances."""


def utterance_table(utterances: Sequence[Utterance], root: Path) -> pa.Table:
    """The manifest as a table: paths relative to ``root``, one column for every metadata key. A
    column of mixed types is text; a key that is a name of the table becomes ``metadata.KEY``."""
    rows = [_fields(utterance, root) for utterance in utterances]
    columns: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in NAMES}
    for key in dict.fromkeys(key for u in utterances for key in u.metadata):
        name = f"metadata.{key}" if key in NAMES else key
        columns[name] = [u.metadata.get(key) for u in utterances]
    return pa.table({name: _array(values) for name, values in columns.items()})


def _fields(utterance: Utterance, root: Path) -> dict[str, Any]:
    """The columns NAMES of one utterance."""
    paths = (utterance.audio, utterance.reference_audio)
    audio, reference = (path and relative(path, root) for path in paths)
    return dict(zip(NAMES, (utterance.id, utterance.speaker, audio, reference, utterance.text,
                            utterance.offset, utterance.duration), strict=True))


def _array(values: list[Any]) -> pa.Array:
    try:
        array = pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        array = pa.array([None if value is None else str(value) for value in values])
    return array.cast(pa.string()) if pa.types.is_null(array.type) else array
