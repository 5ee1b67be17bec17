"""The corpus of a run: its manifest, and the table of its utterances."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from evalkit.core.config import EvalConfig
from evalkit.core.errors import ConfigError, ManifestError
from evalkit.core.types import Utterance
from evalkit.corpora.fetching import fetched
from evalkit.corpora.gathering import ALTERNATIVES, gathered
from evalkit.results.labels import Labels
from evalkit.run.prints import relative
from evalkit.run.sample import drawn
from evalkit.store.manifest import Manifest, read_manifest
from evalkit.store.other_layouts import importer


def _silent(_line: str) -> None:
    """Discards the lines about progress."""


def read_corpus(config: EvalConfig, *, texts_only: bool = False,
                say: Callable[[str], None] = _silent) -> Manifest:
    """The run's corpus, labelled, selected, sampled and fetched as the configuration says;
    ``texts_only`` as for read_manifest; ``say`` receives lines about fetching. Raises ManifestError
    where nothing of it can be used, ConfigError for labels, conditions and a sample that do not fit
    it."""
    further = {} if texts_only else {"canonical": config.canonical, "places": config.places}
    labels = Labels.parsed([(path, None) for path in config.join], config.merge, config.where,
                           **further)  # of a run of `score` they are written in its manifest
    manifest = replace(_read(config, texts_only=texts_only), called=config.corpus.name)
    where = manifest.name
    utterances, unwanted = labels.applied(manifest.utterances, where, _silent)  # the ledger says it
    if config.per_speaker is not None:
        utterances, others = drawn(utterances, config.per_speaker, config.seed, where)
        unwanted += others
    utterances, lost = fetched(utterances, config.remote, str(manifest.path), say)
    return replace(manifest, utterances=utterances, unwanted=(*unwanted, *lost))


def _read(config: EvalConfig, *, texts_only: bool) -> Manifest:
    remote = config.remote is not None
    if config.corpus.reader is not None:
        _check_alternatives(config)
        return gathered(config.corpus, outside=config.outside, remote=remote,
                        alternatives=config.alternatives)
    path = config.corpus.path
    manifest = read_manifest(path, outside=config.outside, texts_only=texts_only,
                             alternatives=config.alternatives, remote=remote)
    if not manifest.utterances:
        advice = importer(path)
        raise ManifestError(f"{path}: holds no line of a manifest; {advice}" if advice else
                            manifest.describe_problems() or
                            f"{path}: the manifest holds no utterance")
    return manifest


def _check_alternatives(config: EvalConfig) -> None:
    """Raises ConfigError where a reader is told of them and the metrics are not."""
    if config.corpus.options.get(ALTERNATIVES) and not config.alternatives:
        raise ConfigError(f"corpus.{ALTERNATIVES}: metrics must know of them too; write "
                          f"`{ALTERNATIVES}: true` beside `corpus`, not in it")


def utterance_table(utterances: Sequence[Utterance], root: Path) -> pa.Table:
    """The manifest as a table: paths relative to ``root``, one column for every metadata key. A
    column of mixed types is text; a key that is a name of the table becomes ``metadata.KEY``."""
    rows = [_fields(utterance, root) for utterance in utterances]
    columns = {name: [row[name] for row in rows] for name in rows[0]} if rows else {}
    for key in dict.fromkeys(key for u in utterances for key in u.metadata):
        name = f"metadata.{key}" if rows and key in rows[0] else key
        columns[name] = [u.metadata.get(key) for u in utterances]
    return pa.table({name: _array(values) for name, values in columns.items()})


def _fields(utterance: Utterance, root: Path) -> dict[str, Any]:
    """What a manifest says of every utterance, under the names of the table."""
    audio, reference = (path and relative(path, root)
                        for path in (utterance.audio, utterance.reference_audio))
    return {"utterance_id": utterance.id, "speaker_id": utterance.speaker, "audio": audio,
            "reference_audio": reference, "text": utterance.text, "offset": utterance.offset,
            "duration": utterance.duration}


def _array(values: list[Any]) -> pa.Array:
    try:
        array = pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        array = pa.array([None if value is None else str(value) for value in values])
    return array.cast(pa.string()) if pa.types.is_null(array.type) else array
