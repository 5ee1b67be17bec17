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
from evalkit.core.errors import EvalkitError, FieldError, ManifestError, one_line
from evalkit.core.ledger import Kind, LeftOut, merged, plural
from evalkit.core.plugins import create, options_of, packages_for, path_options
from evalkit.core.protocols import CorpusReader
from evalkit.core.types import Utterance
from evalkit.store.manifest import Manifest
from evalkit.store.manifest_rows import FIELDS, inside, utterance_of
from evalkit.store.remote import url_of
from evalkit.store.word_times import WORDS, written

NO_FILE = "no such file"
LEAVES = "leaves the corpus folder; allow it with --outside, or `outside: true` in eval.yaml"
ALTERNATIVES = "alternatives"
"""The option of readers whose corpora may have a list of right texts in place of one."""
LINE = 100
"""Characters of an id that is named."""
LONGEST = 1_000_000
"""Characters of a text, an id or a value of metadata."""


def gathered(corpus: CorpusConfig, *, outside: bool = False, remote: bool = False,
             alternatives: bool = False) -> Manifest:
    """The corpus as its reader has it. Recordings beyond its folder are left out unless they may
    be ``outside``, and URLs unless ``remote``. A reader that has the option ``alternatives`` is
    told of them. Raises PluginError for an unknown reader, ConfigError for an unknown option,
    ManifestError where nothing can be used."""
    kind, where = str(corpus.reader), str(corpus.path)
    items = _items(kind, corpus, {ALTERNATIVES: True} if alternatives else {})
    utterances, left_out = sorted_out(items, where)
    folders = () if outside else _folders(corpus)
    kept: list[Utterance] = []
    for utterance in utterances:
        try:
            kept.append(_checked(utterance, folders, remote=remote))
        except FieldError as refused:
            what: Kind = "recording" if str(refused) == LEAVES else "utterance"
            left_out.append(LeftOut(what, where, f"{refused.field}: {one_line(refused)}",
                                    names=(one_line(utterance.id, LINE),)))
    left_out = merged(left_out)
    if not kept:
        raise ManifestError(f"{where}: {nothing(kind, items, left_out)}")
    return Manifest(corpus.path, tuple(kept), (), (), dropped=tuple(left_out), folder=corpus.root)


def _items(kind: str, corpus: CorpusConfig, further: Mapping[str, Any]
           ) -> list[Utterance | LeftOut]:
    """What the reader gives, which is told of ``further`` options where it has them. Raises
    ManifestError for whatever else it raises."""
    known = options_of("corpora", kind).names
    options = dict(corpus.options) | {key: further[key] for key in further if key in known}
    try:
        with packages_for(f"corpora plug-in {kind!r}"):
            return list(reader(kind, options)(corpus.path))
    except EvalkitError:
        raise
    except Exception as error:
        raise ManifestError(f"{corpus.path}: the reader {kind!r} ended with "
                            f"{type(error).__name__}: {one_line(error)}") from error


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
            left_out.append(replace(item, why=one_line(item.why), names=tuple(
                one_line(name, LINE) for name in item.names)))
        elif item.id in kept:
            left_out.append(LeftOut("utterance", where, "its id was used before",
                                    names=(one_line(item.id, LINE),)))
        elif not all(map(_is_file, filter(None, (item.audio, item.reference_audio)))):
            left_out.append(LeftOut("recording", where, NO_FILE, names=(one_line(item.id, LINE),)))
        else:
            kept[item.id] = item
    return list(kept.values()), merged(left_out)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file() or url_of(path) is not None
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
    fields = vars(utterance) | {"audio": _written(utterance.audio, folder),
                                "reference_audio": _written(utterance.reference_audio, folder)}
    kept = {field: fields[field] for field in FIELDS if fields[field] not in (None, 0.0)}
    words = {WORDS: written(utterance.words)} if utterance.words else {}
    return {**kept, **words, **utterance.metadata}


def _written(path: Path | None, folder: Path | None) -> str | None:
    if path is None:
        return None
    if url := url_of(path):
        return url
    return (os.path.relpath(path.absolute(), folder) if folder else
            os.path.normpath(path.absolute()))


def _folders(corpus: CorpusConfig) -> Sequence[Path]:
    """Where recordings may be: the corpus's folder, and those that options of its reader name."""
    paths = path_options("corpora", str(corpus.reader))
    named = [Path(value) for key, value in corpus.options.items() if key in paths]
    return [corpus.root, *(path for path in named if path.is_dir())]


def _checked(utterance: Utterance, folders: Sequence[Path], *, remote: bool) -> Utterance:
    """``utterance`` as a line of a manifest would have it, its recordings in one of the
    ``folders``, anywhere where those are none, or ``remote``. Raises FieldError."""
    row = row_of(utterance)
    _check_values(utterance, row)
    checked = utterance_of(row, Path(), outside=True, remote=remote)
    for path in filter(None, (checked.audio, checked.reference_audio)):
        if folders and not url_of(path) and not any(inside(path, folder) for folder in folders):
            raise FieldError("audio", LEAVES)
    return replace(checked, metadata=dict(utterance.metadata))


def _check_values(utterance: Utterance, row: Mapping[str, Any]) -> None:
    """Raises FieldError."""
    if strange := sorted(utterance.metadata.keys() & set(FIELDS)):
        raise FieldError(strange[0], "is a field's name, and cannot be metadata")
    for field, value in row.items():
        if isinstance(value, str) and len(value) > LONGEST:
            raise FieldError(field, f"has more than {LONGEST:,} characters")
