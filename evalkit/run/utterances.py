"""The corpus of a run: its manifest, and the table of its utterances."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import attrgetter
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
    if not utterances:
        return pa.table({})
    fields = _fields(root)
    columns = {name: _array([value(u) for u in utterances]) for name, value in fields.items()}
    for key in dict.fromkeys(key for u in utterances for key in u.metadata):
        name = f"metadata.{key}" if key in fields else key
        columns[name] = _array([u.metadata.get(key) for u in utterances])
    return pa.table(columns)


def _fields(root: Path) -> dict[str, Callable[[Utterance], Any]]:
    """What a manifest says of every utterance, under the names of the table."""
    return {"utterance_id": attrgetter("id"), "speaker_id": attrgetter("speaker"),
            "audio": lambda u: u.audio and relative(u.audio, root),
            "reference_audio": lambda u: u.reference_audio and relative(u.reference_audio, root),
            "text": attrgetter("text"), "offset": attrgetter("offset"),
            "duration": attrgetter("duration")}


def _array(values: list[Any]) -> pa.Array:
    try:
        array = pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        array = pa.array([None if value is None else str(value) for value in values])
    return array.cast(pa.string()) if pa.types.is_null(array.type) else array
