"""Manifests of corpora in other layouts; their audio stays where it is.

Every layout has a reader, a plug-in of the group ``evalkit.corpora``: see CorpusReader in
evalkit.core.protocols, and evalkit.corpora.readers.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.core.errors import ManifestError
from evalkit.core.ledger import LeftOut, lines, merged, plural
from evalkit.core.plugins import create
from evalkit.core.protocols import CorpusReader
from evalkit.core.text import count
from evalkit.core.types import Utterance
from evalkit.store.manifest import FIELDS, write_manifest

NO_FILE = "no such file"


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
        said = [f"{self.manifest}: {count(self.utterances, 'utterance')}"
                + (f" of {count(self.speakers, 'speaker')}" if self.speakers else "")]
        if self.outside:
            said.append("audio lies outside the manifest's folder: set `outside: true` in "
                        "eval.yaml, or pass --outside")
        return "\n".join([*said, *lines(self.left_out)])


def prepare(kind: str, source: Path, out: Path,
            options: Mapping[str, Any] | None = None) -> Prepared:
    """Writes ``out``, a manifest of the corpus at ``source``.

    ``kind`` names a reader; ``options`` are its own. Audio paths are made relative to the
    manifest. Raises PluginError for an unknown kind, ConfigError for an unknown option,
    ManifestError where ``source`` does not hold such a corpus.
    """
    items = list(reader(kind, options or {})(Path(source)))
    utterances, left_out = _sorted_out(items, str(source))
    if not utterances:
        raise ManifestError(f"{source}: {_nothing(kind, items, left_out)}")
    rows = [_row(utterance, out) for utterance in utterances]
    write_manifest(out, rows)
    return Prepared(out, len(rows), len({u.speaker for u in utterances} - {None}),
                    tuple(left_out), any(map(_leaves, rows)))


def _nothing(kind: str, items: Iterable[Utterance | LeftOut], left_out: Sequence[LeftOut]) -> str:
    """Why nothing can be used: a corpus whose audio is not there is one of its kind."""
    if left_out and all(item.why == NO_FILE for item in left_out):
        paths = [item.audio for item in items if isinstance(item, Utterance) and item.audio]
        n, first = sum(item.n for item in left_out), (*paths, *left_out[0].names)[0]
        said = (f"none of its {plural('recording', n)} is there, such as {first}" if n > 1 else
                f"its only recording, {first}, is not there")
        return f"{said}; put the audio where the corpus has it"
    return f"holds nothing to use as {kind}" + (f" ({left_out[0]})" if left_out else "")


def reader(kind: str, options: Mapping[str, Any]) -> CorpusReader:
    """The reader of a layout, with its options."""
    return lambda source: create("corpora", kind, {"source": source, **options})


def _sorted_out(items: Iterable[Utterance | LeftOut], where: str
                ) -> tuple[list[Utterance], list[LeftOut]]:
    """What a manifest can hold of ``items``, and the rest: what the reader left out, ids that
    were used before, and recordings that do not exist."""
    kept: dict[str, Utterance] = {}
    left_out: list[LeftOut] = []
    for item in items:
        if isinstance(item, LeftOut):
            left_out.append(item)
        elif item.id in kept:
            left_out.append(LeftOut("utterance", where, "its id was used before", names=(item.id,)))
        elif item.audio is not None and not item.audio.is_file():
            left_out.append(LeftOut("recording", where, NO_FILE, names=(item.id,)))
        else:
            kept[item.id] = item
    return list(kept.values()), merged(left_out)


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
    """Whether audio of a manifest's line lies outside the manifest's folder."""
    paths = (row.get(field, "") for field in ("audio", "reference_audio"))
    return any(os.pardir in Path(path).parts for path in paths)
