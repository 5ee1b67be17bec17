"""What the command line names: files, columns and systems of ``evalkit score`` and ``trials``."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from pathlib import Path

from evalkit.core.errors import ConfigError

_LEADERBOARD = re.compile(r"MODEL_(.+?)_DATASET_")
_WORD = re.compile(r"[^-_. ]+")
"""Of a file's name."""


def columns_of(items: Sequence[str] | None) -> dict[str, str]:
    """The columns of ``--hyp`` by the names of their systems: of several that have none, by their
    own. A single one has the name of its table, ""."""
    pairs = [item.partition("=") for item in items or ()]
    alone = len(pairs) == 1 and not pairs[0][1]
    columns = {"" if alone else name: column if separator else name
               for name, separator, column in pairs}
    if len(columns) < len(pairs) or not all(columns.values()):
        raise ConfigError("--hyp: a system is named twice, or has no column; write NAME=COLUMN")
    return columns


def references_of(columns: Sequence[str] | None) -> str | list[str] | None:
    """The column of ``--ref``, or those."""
    return columns[0] if columns and len(columns) == 1 else list(columns or ()) or None


def file_of(text: str) -> tuple[Path, str | None]:
    """The file of "NAME=FILE" or "FILE", and the name, where one is said."""
    name, separator, path = text.partition("=")
    return (Path(path), name) if separator and not Path(text).exists() else (Path(text), None)


def tables_of(sources: Sequence[str]) -> dict[str, Path]:
    """Tables by the names of their systems: said as NAME=FILE, or what tells their names apart."""
    pairs = [file_of(source) for source in sources]
    stems = _short([path for path, _ in pairs])
    tables = {name or stem: path for (path, name), stem in zip(pairs, stems, strict=True)}
    if len(tables) < len(pairs):
        raise ConfigError("two tables have one name; write NAME=FILE")
    return tables


def _short(paths: Sequence[Path]) -> list[str]:
    """File names without suffix and what all begin with, as far as the first word that all have;
    with their folder where that tells them apart; of files of the Open ASR Leaderboard the
    model."""
    stems = [found[1] if (found := _LEADERBOARD.match(path.name)) else path.stem for path in paths]
    if len(set(stems)) < len(stems):
        return [f"{path.absolute().parent.name}-{path.stem}" for path in paths]
    if len(stems) == 1:
        return stems
    same = [a == b for a, b in zip(min(stems), max(stems), strict=False)]
    common = stems[0][:[*same, False].index(False)]
    cut = max(common.rfind(mark) for mark in "-_. ") + 1
    return _heads([stem[cut:] or stem for stem in stems])


def _heads(names: Sequence[str]) -> list[str]:
    """What stands before the first word that all ``names`` have; the names where that does not tell
    them apart, or some begin with such a word."""
    shared = set.intersection(*({found[0] for found in _WORD.finditer(name)} for name in names))
    heads = [_before(name, shared) for name in names]
    return heads if len(set(heads) - {""}) == len(heads) else list(names)


def _before(name: str, words: Set[str]) -> str:
    """What of ``name`` stands before the first of ``words``."""
    starts = [found.start() for found in _WORD.finditer(name) if found[0] in words]
    return name[:min(starts, default=len(name))].rstrip("-_. ")


def hypotheses_of(hypotheses: Sequence[str]) -> dict[str, Path]:
    """The files of ``--hypotheses`` by the names of their systems."""
    files: dict[str, Path] = {}
    for item in hypotheses:
        name, separator, path = item.partition("=")
        if not separator or Path(item).is_file():
            name, path = Path(item).stem, item
        _check_hypotheses(item, name, path)
        if name in files:
            raise ConfigError(f"--hypotheses {item}: {name!r} is named twice; write NAME={path}")
        files[name] = Path(path)
    return files


def _check_hypotheses(item: str, name: str, path: str) -> None:
    from evalkit.core.mistakes import NAME, NAME_FORM

    if not NAME.fullmatch(name):
        raise ConfigError(f"--hypotheses {item}: {name!r} cannot be the name of a system: it "
                          f"{NAME_FORM}; write NAME=FILE")
    if not path or Path(path).is_dir():
        raise ConfigError(f"--hypotheses {item}: {path!r} is not a file; write NAME=FILE")


def listed(text: str | None) -> list[str]:
    """What stands between commas."""
    return [item.strip() for item in text.split(",")] if text else []
