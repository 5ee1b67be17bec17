"""The files of a finished run, and the seals of them that ``run.json`` has."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evalkit.core.files import digest
from evalkit.store.events import STREAMED
from evalkit.store.outputs import INDEX_TABLE
from evalkit.store.scores import score_tables
from evalkit.store.sealed import AGAIN, DamageError, seal, undamaged

SCORES, OUTPUTS_TABLE, SUMMARY = "scores", "outputs.parquet", "summary.json"
FOUND_IN = ("utterances.parquet", "embeddings.parquet", "trials.parquet")
"""What findings are computed from, beside the scores."""
WRITTEN = (*FOUND_IN, OUTPUTS_TABLE, INDEX_TABLE, SUMMARY)
"""The files of a finished run whose seals or digests ``run.json`` has, beside the scores; and
STREAMED, where anything was streamed."""


def seals(run: Path) -> dict[str, str]:
    """Of the run's tables and its summary, for ``run.json``."""
    streamed = [name for name in STREAMED if (run / name).exists()]
    return {SCORES: seal_of_scores(run)} | {name: seal_of(run / name)
                                            for name in (*WRITTEN, *streamed)}


def seal_of(path: Path) -> str:
    """Of a table its seal, of another file its digest. Raises DamageError."""
    with undamaged(path):
        return seal(path) if path.suffix == ".parquet" else digest(path)


def seal_of_scores(run: Path) -> str:
    """Of all tables of scores together. Raises RunError naming one that is not whole."""
    names = [f"{path.name} {seal(path)}\n" for path in score_tables(run)]
    return hashlib.sha256("".join(names).encode()).hexdigest()


@contextmanager
def run_again() -> Iterator[None]:
    """What mends a damage, at the end of its line."""
    try:
        yield
    except DamageError as error:
        raise DamageError(f"{error}; {AGAIN}") from error
