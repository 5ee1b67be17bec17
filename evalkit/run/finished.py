"""Finished runs of texts that are asked for again: where no byte of what decided one has changed,
nothing is read that it has read before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

from evalkit import __version__
from evalkit.core.config import EvalConfig
from evalkit.core.deadlines import planning
from evalkit.core.errors import EvalkitError, RunError
from evalkit.core.files import digest, regular
from evalkit.core.text import count
from evalkit.run.keys import fingerprint
from evalkit.run.measured import metrics_of
from evalkit.store.documents.finished import FINISHED, Finished
from evalkit.store.lock import check_free
from evalkit.store.manifest import Manifest
from evalkit.store.runfolder import RunFolder
from evalkit.store.sealed import DamageError, seal


@dataclass(frozen=True)
class Request:
    """A run of texts that is asked for: its configuration, what else decides it, and as ``key`` a
    digest of these, of what is in the files that they name, of the versions of metrics and of
    evalkit's own modules; None where that cannot be known: a folder, a file that is not read."""

    config: EvalConfig
    others: Sequence[Any]
    key: str | None

    @classmethod
    def of(cls, config: EvalConfig, others: Sequence[Any]) -> Self:
        """What is asked for by ``config`` and ``others``, which are JSON."""
        tree, card = config.model_dump(mode="json"), config.corpus.root / "card.md"
        try:
            files = [f"{path} {digest(Path(path))}" for path in _files([tree, str(card)])]
            with planning(config.time_limit):
                metrics = [[each.name, each.metric.version, {**each.facts}]
                           for pipeline in config.pipelines
                           for each in metrics_of(pipeline, config)]
        except (OSError, EvalkitError):  # whoever reads it says what is wrong
            return cls(config, others, None)
        return cls(config, others, fingerprint([_modules(), tree, others, files, metrics]))

    def holds_in(self, out: Path, say: Callable[[str], None]) -> bool:
        """Whether ``out`` has the finished run of just this, and all of it is as it was written;
        then ``say`` is told. Raises RunError where somebody works there."""
        check_free(out)
        try:
            known, run = Finished.read(out / FINISHED), RunFolder(out)
            if known.asked != self.key or run.damages() or known.left != _left(out):
                return False
            size, shards = run.record().corpus.utterances, run.record().timings.shards
        except (OSError, RunError):
            return False
        say(unchanged_since(size, shards))
        return True

    def note(self, out: Path, corpus: Manifest) -> None:
        """For ``holds_in``, of the run that ``out`` has just become: not where files were changed
        meanwhile, nor where the ``corpus`` has recordings, for which its folder is looked into."""
        # Another program's table may lie there, or something else under the name; a share of a
        # run has no record.
        with suppress(DamageError, OSError):
            record = digest(out / "run.json")
            silent = not corpus.silenced and all(
                u.audio is u.reference_audio is None for u in corpus.utterances)
            still = Request.of(self.config, self.others).key
            if still is None or still != self.key or not (silent or self.config.outside):
                return
            finished, path = Finished(asked=still, left=_left(out)), out / FINISHED
            # A folder cannot be replaced, and another run may have been made here since.
            if not path.is_dir() and record == digest(out / "run.json"):
                finished.write(path)


def unchanged_since(utterances: int, shards: int) -> str:
    """What is said of a finished run of so many that is asked for again."""
    return (f"nothing has changed since {count(utterances, 'utterance')} were scored here: "
            f"0 shards to do, {shards:,} done before")


def _files(tree: Any) -> Iterator[str]:
    """The absolute paths in a tree of JSON at which anything is."""
    if isinstance(tree, Mapping | list):
        for each in tree.values() if isinstance(tree, Mapping) else tree:
            yield from _files(each)
    elif isinstance(tree, str) and tree.startswith("/") and Path(tree).exists():
        yield tree


@cache
def _modules() -> list[str]:
    """Evalkit's version and the digests of its modules, which a checkout changes without one."""
    root = Path(__file__).parents[1]
    return [__version__, *(f"{path.relative_to(root)} {digest(path)}"
                           for path in sorted(root.rglob("*.py")))]


def _left(out: Path) -> str:
    """A digest of ``run.json``, which has the seals of the run's own tables, and of those of all
    shards. Raises DamageError for a table that is not whole and for a link, behind which tables
    are not looked for, OSError for what is no file and where there is no record."""
    found = [path for folder in ("scores", "shards", "outputs")
             for path in (out / folder).rglob("*")]
    for path in found:
        if path.is_symlink() and path.is_dir():
            raise DamageError(f"{path}: is a link")
    tables = sorted(regular(path) for path in found if path.suffix == ".parquet")
    with ThreadPoolExecutor() as pool:
        seals = [f"{path.relative_to(out)} {whole}"
                 for path, whole in zip(tables, pool.map(seal, tables), strict=True)]
    return fingerprint([digest(out / "run.json"), seals])
