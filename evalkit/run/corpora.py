"""A run of several corpora: a run folder for each, beside one another, so that nothing is ever
pooled over them and each has the numbers of a run of it alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from evalkit.core.config import EvalConfig
from evalkit.core.errors import EvalkitError, RunError, UtteranceError
from evalkit.core.names import listed
from evalkit.run.executors import check_answers
from evalkit.run.overlap import Work, staying
from evalkit.run.runner import Prepared, prepare
from evalkit.store.documents.begun import earlier
from evalkit.store.documents.corpora import CORPORA, Corpora
from evalkit.store.lock import locked
from evalkit.store.runfolder import RunFolder


def run_corpora(configs: Mapping[str, EvalConfig], out: Path, work: Work, *,
                say: Callable[[str], None], prune: bool = False, overwrite: bool = False
                ) -> dict[str | None, RunFolder]:
    """Runs every corpus into the folder of its name in ``out``, as evalkit.run.runner.run does,
    once all of them can begin. Raises EvalkitError, naming the corpus, for what the user can
    mend."""
    _check_folder(out)
    ready = {name: _prepared(name, config, out / name, work, say, overwrite=overwrite)
             for name, config in configs.items()}
    for line in _no_longer_there(out, ready):
        say(line)
    check_answers(work.scheduler, say)
    folders: dict[str | None, RunFolder] = {}
    with locked(out, "run"), staying(work) as kept:
        Corpora(names=list(ready)).write(out / CORPORA)
        for name, each in ready.items():
            say(f"corpus {name}:")
            with _of(name):
                folders[name] = each.carried_out(kept, say, prune=prune)
    return folders


def _prepared(name: str, config: EvalConfig, out: Path, work: Work, say: Callable[[str], None], *,
              overwrite: bool) -> Prepared:
    with _of(name):
        return prepare(config, out, command="run", say=say, left_out=(), overwrite=overwrite,
                       portion=work.portion)


@contextmanager
def _of(name: str) -> Iterator[None]:
    """Names the corpus in what is raised."""
    try:
        yield
    except UtteranceError:
        raise
    except EvalkitError as error:
        raise type(error)(f"corpus {name}: {error}") from error


def _check_folder(out: Path) -> None:
    """Raises RunError where ``out`` holds the run of one corpus."""
    if before := earlier(out):
        raise RunError(f"{out}: holds a run of the one corpus {before.corpus}; give another "
                       "folder, or move that one into it under the name of its corpus, to go on "
                       "with it")


def _no_longer_there(out: Path, ready: Mapping[str, Prepared]) -> Iterator[str]:
    """That corpora of an earlier run are none of this one; their folders stay."""
    try:
        before = Corpora.read(out / CORPORA).names
    except RunError:
        return
    if gone := [name for name in before if name not in ready]:
        yield (f"note: {out}: corpora of the run that was here are no longer part of it, and stay "
               f"beside it ({listed(gone)})")
