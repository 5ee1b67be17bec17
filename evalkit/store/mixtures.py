"""A folder of recordings as systems heard them, with ``recipes.jsonl``, which says of each what it
was made of."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from evalkit.core.errors import ConfigError
from evalkit.core.files import write

RECIPES = "recipes.jsonl"

Recipe = dict[str, Any]


def earlier_recipes(out: Path) -> list[Recipe]:
    """Those in ``out``, of an earlier export. Raises ConfigError where there is anything else,
    which could be overwritten, or taken for what a run heard."""
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out}: is a file; give the name of a folder to write")
    before = _read(out / RECIPES)
    known = {row["file"] for row in before} | ({RECIPES} if before else set())
    for path in out.rglob("*"):
        name = path.relative_to(out).as_posix()
        if name not in known and (path.is_symlink() or not path.is_dir()):
            raise ConfigError(f"{out}: holds {name!r}, which is no part of an earlier export; give "
                              "a new folder")
    return before


def write_recipes(out: Path, rows: Iterable[Recipe]) -> Path:
    """The file of ``rows``, of which the last of a recording counts."""
    write(out / RECIPES, "".join(json.dumps(row, ensure_ascii=False) + "\n"
                                 for row in {row["file"]: row for row in rows}.values()))
    return out / RECIPES


def _read(path: Path) -> list[Recipe]:
    """Empty where no export has written the file."""
    try:
        rows = [json.loads(line) for line in path.read_bytes().splitlines()]
        named = all(isinstance(row["file"], str) and row["sha256"] for row in rows)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return []
    return rows if named else []
