"""Manifests of corpora in other layouts; their audio stays where it is."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.core.corpus import CorpusConfig
from evalkit.core.ledger import LeftOut, lines, merged
from evalkit.core.text import count
from evalkit.core.types import Utterance
from evalkit.corpora.gathering import gathered, row_of
from evalkit.store.manifest import write_manifest


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
    corpus = CorpusConfig(reader=kind, path=Path(source), options=dict(options or {}))
    read = gathered(corpus, outside=True, remote=True)
    return write(read.utterances, out, read.dropped)


def write(utterances: Sequence[Utterance], out: Path, left_out: Iterable[LeftOut]) -> Prepared:
    """Writes ``out``, a manifest of ``utterances``, whose audio paths are made relative to it."""
    folder = Path(os.path.realpath(out.parent))
    rows = [row_of(utterance, folder) for utterance in utterances]
    write_manifest(out, rows)
    return Prepared(out, len(rows), len({u.speaker for u in utterances} - {None}),
                    tuple(merged(left_out)), any(map(_leaves, rows)))


def _leaves(row: Mapping[str, Any]) -> bool:
    """Whether audio of a manifest's line lies outside the manifest's folder."""
    paths = (row.get(field, "") for field in ("audio", "reference_audio"))
    return any(os.pardir in Path(path).parts for path in paths)
