"""What a folder holds before a run goes into it, and whether that may be overwritten."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from evalkit.core.errors import RunError
from evalkit.core.ledger import LINE, NAMED
from evalkit.core.text import count, printed
from evalkit.run.plan import Plan
from evalkit.run.portions import Portion, check_place
from evalkit.run.utterances import utterance_table
from evalkit.store.documents.begun import RECORDS, Earlier, earlier
from evalkit.store.documents.corpora import CORPORA
from evalkit.store.lock import check_free
from evalkit.store.manifest import Manifest
from evalkit.store.outputs import OutputStore
from evalkit.store.runfolder import RunFolder
from evalkit.store.scores import read_columns
from evalkit.store.sealed import is_whole, seal

SAME = 0.5
"""So large a share of the utterances of the smaller of two corpora in common makes them one."""


def check_folder(out: Path, command: str, manifest: Manifest, portion: Portion | None = None, *,
                 overwrite: bool) -> None:
    """Raises RunError in one line where somebody works in ``out``, or, unless it is to
    ``overwrite``, where it holds the run of another corpus or another command, another share of it
    than ``portion``, or tables that no run has made.

    The same manifest is the same corpus, whatever was changed in it; so is one elsewhere that has
    half of the utterances in common."""
    check_free(out)
    check_contents(out, command, manifest, portion, overwrite=overwrite)


def check_contents(out: Path, command: str, manifest: Manifest, portion: Portion | None = None, *,
                   overwrite: bool) -> None:
    """As ``check_folder``, for who works in ``out`` already."""
    if (out / CORPORA).exists():
        raise RunError(f"{out}: holds a run of several corpora; give another folder, or that of "
                       "one of them in it")
    if overwrite:
        return
    before = earlier(out)
    if before is None:
        _check_foreign(out)
    elif before.command != command or not _same_corpus(before, out, manifest):
        raise RunError(f"{out}: holds {_described(before)}; give another folder, or --overwrite")
    check_place(out, portion)


def replaced(out: Path, manifest: Manifest, plan: Plan) -> Iterator[str]:
    """A line for every kind of what the run in ``out`` has and the run of ``plan`` has not:
    utterances, pipelines, conditions. Where nobody can say which utterances they are, that there
    were more."""
    before = earlier(out)
    try:
        cells = OutputStore(out).index()
        old = _utterances(out)
    except (RunError, OSError, pa.ArrowException):
        if before is not None and before.utterances > len(manifest.utterances):
            yield (f"note: {out}: held {_described(before)}; there are "
                   f"{len(manifest.utterances):,} now")
        return
    yield from _gone(out, "utterance", old, {u.id for u in manifest.utterances})
    yield from _gone(out, "pipeline", [cell["pipeline"] for cell in cells], plan.pipelines)
    yield from _gone(out, "condition", [cell["condition"] for cell in cells], plan.conditions)


def _utterances(out: Path) -> list[str]:
    """The ids of the run's."""
    path = out / "utterances.parquet"
    seal(path)
    ids: list[str] = read_columns(path, ["utterance_id"], alone=True)["utterance_id"].to_pylist()
    return ids


def _gone(out: Path, kind: str, old: Iterable[str], new: Container[str]) -> Iterator[str]:
    gone = [name for name in dict.fromkeys(old) if name not in new]
    if gone:
        more = ", …" if len(gone) > NAMED else ""
        are = "are" if len(gone) > 1 else "is"
        yield printed(f"note: {out}: {count(len(gone), kind)} of the run that was here {are} no "
                      f"longer part of it ({', '.join(gone[:NAMED])}{more})", LINE)


def _described(before: Earlier) -> str:
    """Such as "a run of corpus accents (320 utterances) by `evalkit score`"."""
    size = count(before.utterances, "utterance")
    return f"a run of corpus {before.corpus} ({size}) by `evalkit {before.command}`"


def _check_foreign(out: Path) -> None:
    """Nobody else's tables are to be mixed with a run's, or removed. Those of a run that worked on
    while its folder was removed are known by their seals."""
    if any((out / name).is_file() for name in RECORDS):
        return  # damaged: made again
    for folder in ("scores", "shards"):
        for path in sorted((out / folder).glob("[!.]*")):
            if is_whole(path):
                continue
            raise RunError(f"{path}: was made by no run of this folder; give another folder, or "
                           "--overwrite")


def _same_corpus(before: Earlier, out: Path, manifest: Manifest) -> bool:
    if before.manifest == manifest.root.resolve() / manifest.path.name:
        return True
    try:
        old = _contents(RunFolder(out).utterances().to_dict("records"))
    except RunError:
        return False
    new = _contents(utterance_table(manifest.utterances, manifest.root).to_pylist())
    shared = sum(any(a is not None and a == b for a, b in zip(old[name], new[name], strict=True))
                 for name in old.keys() & new.keys())
    return shared >= SAME * min(len(old), len(new))


def _contents(rows: list[dict[Any, Any]]) -> dict[str, tuple[Any, Any]]:
    """Text and recording of every utterance."""
    return {row["utterance_id"]: (row.get("text"), row.get("audio")) for row in rows}
