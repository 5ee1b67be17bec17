"""What the reader of a layout finds in a corpus, checked as a manifest is.

Every layout has a reader, a plug-in of the group ``evalkit.corpora``: see CorpusReader in
evalkit.core.protocols, and evalkit.corpora.readers. What a reader gives is untrusted.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from evalkit.core.corpus import CorpusConfig
from evalkit.core.errors import ManifestError, one_line
from evalkit.core.ledger import LeftOut, merged, plural
from evalkit.core.plugins import create
from evalkit.core.protocols import CorpusReader
from evalkit.core.types import Utterance
from evalkit.store.manifest import FIELDS, FieldError, Manifest, inside, utterance_of

NO_FILE = "no such file"
LEAVES = "leaves the corpus folder; allow it with --outside, or `outside: true` in eval.yaml"
LONGEST = 1_000_000
"""Characters of a text, an id or a value of metadata."""


def gathered(corpus: CorpusConfig, *, outside: bool = False) -> Manifest:
    """The corpus as its reader has it. Recordings beyond its folder are left out unless they may
    be ``outside``. Raises PluginError for an unknown reader, ConfigError for an unknown option,
    ManifestError where nothing can be used."""
    kind, where = str(corpus.reader), str(corpus.path)
    items = list(reader(kind, corpus.options)(corpus.path))
    utterances, left_out = sorted_out(items, where)
    kept: list[Utterance] = []
    for utterance in utterances:
        try:
            kept.append(_checked(utterance, corpus.root, outside))
        except FieldError as refused:
            what = "recording" if str(refused) == LEAVES else "utterance"
            left_out.append(LeftOut(what, where, f"{refused.field}: {one_line(refused)}",
                                    names=(one_line(utterance.id)[:LINE],)))
    left_out = merged(left_out)
    if not kept:
        raise ManifestError(f"{where}: {nothing(kind, items, left_out)}")
    return Manifest(corpus.path, tuple(kept), (), (), dropped=tuple(left_out), folder=corpus.root)


LINE = 100
"""Characters of an id that is named."""


def reader(kind: str, options: Mapping[str, Any]) -> CorpusReader:
    """The reader of a layout, with its options."""
    return lambda source: create("corpora", kind, {"source": source, **options})


def sorted_out(items: Iterable[Utterance | LeftOut], where: str
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
        elif not all(map(_is_file, filter(None, (item.audio, item.reference_audio)))):
            left_out.append(LeftOut("recording", where, NO_FILE, names=(item.id,)))
        else:
            kept[item.id] = item
    return list(kept.values()), merged(left_out)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long, or holds NUL
        return False


def nothing(kind: str, items: Iterable[Utterance | LeftOut], left_out: Sequence[LeftOut]) -> str:
    """Why nothing can be used: a corpus whose audio is not there is one of its kind."""
    if left_out and all(item.why == NO_FILE for item in left_out):
        paths = [item.audio for item in items if isinstance(item, Utterance) and item.audio]
        n, first = sum(item.n for item in left_out), (*paths, *left_out[0].names)[0]
        said = (f"none of its {plural('recording', n)} is there, such as {first}" if n > 1 else
                f"its only recording, {first}, is not there")
        return f"{said}; put the audio where the corpus has it"
    return f"holds nothing to use as {kind}" + (f" ({left_out[0]})" if left_out else "")


def row_of(utterance: Utterance, folder: Path | None = None) -> dict[str, Any]:
    """The line of a manifest for ``utterance``, with paths from ``folder``, or else from the root;
    fields that it lacks are left out of it."""
    fields = {field: getattr(utterance, field) for field in FIELDS}
    for field in ("audio", "reference_audio"):
        if fields[field] is not None:
            path = Path(fields[field]).absolute()
            fields[field] = os.path.relpath(path, folder) if folder else os.path.normpath(path)
    kept = {field: value for field, value in fields.items() if value not in (None, 0.0)}
    return {**kept, **utterance.metadata}


def _checked(utterance: Utterance, root: Path, outside: bool) -> Utterance:
    """``utterance`` as a line of a manifest would have it. Raises FieldError."""
    row = row_of(utterance)
    for field, value in row.items():
        if isinstance(value, str) and len(value) > LONGEST:
            raise FieldError(field, f"has more than {LONGEST:,} characters")
    checked = utterance_of(row, root, outside=True)
    for path in filter(None, (checked.audio, checked.reference_audio)):
        if not (outside or inside(path, root)):
            raise FieldError("audio", LEAVES)
    return replace(checked, metadata=dict(utterance.metadata))
