"""Run folders on object stores, by fsspec: a copy on this machine is worked on or read, and what
was made is brought there when it is whole. Keys are found by fsspec's file systems where they look
for them, in the environment; nothing of them is written or said."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, Self

from evalkit.core.errors import EvalkitError, RunError, one_line
from evalkit.core.files import replacing
from evalkit.core.folders import is_copy
from evalkit.core.plugins import packages_for
from evalkit.core.text import printed
from evalkit.store.documents.begun import RECORDS, earlier, told_by
from evalkit.store.documents.portion import PORTION, held
from evalkit.store.lock import check_free
from evalkit.store.remote import refusal, shown, url_of, without_keys

COPIES = "EVALKIT_COPIES"
"""Environment variable with the folder of copies; ~/.cache/evalkit where it has none."""
LAST = ("run.json", "corpora.json")
"""What says that a run is whole: removed first, and brought last."""
FOR_GOING_ON = ("shards/", "outputs/")
"""What only a run that goes on reads; of the outputs but what lies in no folder of its own."""
_KEYS = ("keys are taken from where its tools look for them, such as AWS_ACCESS_KEY_ID and "
         "AWS_SECRET_ACCESS_KEY in the environment")


def copy_of(url: str) -> Path:
    """Where the copy of the folder at ``url`` is."""
    folder = Path(os.environ.get(COPIES) or Path.home() / ".cache" / "evalkit")
    digest = hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    place = folder / digest / (PurePosixPath(shown(url)).name or "run")
    is_copy(place, shown(url).rstrip("/"))
    return place


def here(run: Path | str) -> Path:
    """``run``, or where that is a URL a copy of the finished run that is there now. Raises RunError
    where there is none, or it cannot be read."""
    url = url_of(run)
    if url is None:
        return Path(run)
    with said(url):
        store = Store.at(url)
        if not store.ends and store.portions:
            name = store.portions[0]
            _fetch(store.system, f"{store.root}/{name}", store.place / name)
            raise RunError(f"{shown(url)}: {held((store.place / name).parent)}")
        if not store.ends:
            raise RunError(f"{shown(url)}: holds no finished run; `evalkit run --out` brings one")
        store.copy(store.ends, _is_read)
    return store.place


def share_here(folder: Path | str) -> Path:
    """``folder``, or where that is a URL a copy of the shard of a run that is there now, with all
    that `evalkit merge` reads. Raises RunError where there is none, or it cannot be read."""
    url = url_of(folder)
    if url is None:
        return Path(folder)
    with said(url):
        store = Store.at(url)
        if store.ends and not store.portions:
            raise RunError(f"{shown(url)}: holds a whole run, no shard of one")
        if not store.portions:
            raise RunError(f"{shown(url)}: holds no shard of a run; `evalkit run --shard I/N` and "
                           "`evalkit score --shard I/N` bring one")
        store.copy(store.portions, is_inside)
    return store.place


def fetched_text(url: str) -> str:
    """The text at ``url``. Raises RunError."""
    with said(url):
        system, path = system_of(url)
        return bytes(system.cat_file(path)).decode("utf-8", "replace")


class Store(NamedTuple):
    """A folder on an object store, the files ``found`` in it with their sizes, and the ``place`` of
    its copy here."""

    system: Any
    root: str
    found: dict[str, int]
    place: Path

    @classmethod
    def at(cls, url: str) -> Self:
        """The folder at ``url`` now."""
        system, root = system_of(url)
        return cls(system, root, files_at(system, root), copy_of(url))

    @property
    def ends(self) -> list[str]:
        """The files that say that a run is there, and whole."""
        return [name for name in LAST if name in self.found]

    @property
    def portions(self) -> list[str]:
        """The files that say that a shard is there, one a corpus."""
        return [name for name in self.found
                if PurePosixPath(name).name == PORTION and is_inside(name)]

    def copy(self, ends: Sequence[str], wanted: Callable[[str], bool]) -> None:
        """Fetches the files that are ``wanted``; where the ``ends`` here are those that are there,
        only what is of another size, or damaged. What the run there has no longer goes. Raises
        RunError where somebody works in the copy."""
        check_free(self.place)
        same = self._has(ends)
        self._clear(() if same else ends)
        known = files_in(self.place) if same else {}
        for name in sorted(filter(wanted, self.found), key=lambda name: name in LAST):
            if known.get(name) != self.found[name] or _is_damaged(self.place / name):
                _fetch(self.system, f"{self.root}/{name}", self.place / name)

    def _has(self, ends: Sequence[str]) -> bool:
        """Whether ``ends`` in the copy are those that are there."""
        return all(_content(self.place / name) == self.system.cat_file(f"{self.root}/{name}")
                   for name in ends)

    def _clear(self, ends: Sequence[str]) -> None:
        """Removes ``ends`` from the copy, and what of a run is no longer there."""
        for name in filter(_is_written, files_in(self.place)):
            if name in ends or name not in self.found:
                (self.place / name).unlink(missing_ok=True)

    def is_of_another(self) -> bool:
        """Whether the copy holds the run of another corpus or command than is there, or none."""
        parts = {name.removesuffix(end) for name in self.found for end in RECORDS
                 if f"/{name}".endswith(f"/{end}") and is_inside(name)}
        return any(told_by(lambda name, part=part: self.system.cat_file(  # type: ignore[misc]
            f"{self.root}/{part}{name}")) != earlier(self.place / part) for part in parts)


def files_in(place: Path) -> dict[str, int]:
    """The same of a folder of this machine; what begins with a dot is for it alone."""
    return {path.relative_to(place).as_posix(): path.stat().st_size for path in place.rglob("*")
            if path.is_file() and not path.name.startswith(".")}


def system_of(url: str) -> tuple[Any, str]:
    """The file system, and the path in it. Raises RunError for a URL that is none of another
    machine."""
    if (why := refusal(url, allowed=True)) is not None:
        raise RunError(f"{shown(url)}: {why}")
    with packages_for("an object store"):
        from fsspec.core import url_to_fs

    system, root = url_to_fs(url)
    system.invalidate_cache()
    return system, root.rstrip("/")


def files_at(system: Any, root: str) -> dict[str, int]:
    """The files in a folder, by their names in it, and their sizes; none where there is none."""
    found = system.find(root, detail=True)
    return {path.removeprefix(f"{root}/"): int(about["size"]) for path, about in found.items()
            if path.startswith(f"{root}/") and not PurePosixPath(path).name.startswith(".")}


def _is_read(name: str) -> bool:
    """Whether a finished run is read from this file too."""
    if not is_inside(name):
        return False
    parts = PurePosixPath(name).parts
    return not name.startswith(FOR_GOING_ON) or (parts[0] == "outputs" and len(parts) == 2)


def _is_written(name: str) -> bool:
    """Whether a finished run wrote this file and reads it, so that nothing is lost with it which
    was made on this machine alone: outputs by stage, audio, findings, experiments."""
    from evalkit.store.events import STREAMED
    from evalkit.store.seals import SCORES, WRITTEN

    parts = PurePosixPath(name).parts
    return "outputs" not in parts and (SCORES in parts[:-1] or parts[-1] in {
        *LAST, *WRITTEN, *STREAMED})


def _is_damaged(path: Path) -> bool:
    """Whether a table is not as it was written. Nobody can say of the small summary alone."""
    from evalkit.store.sealed import DamageError, check
    from evalkit.store.seals import SUMMARY

    try:
        if path.suffix == ".parquet":
            check(path)
    except DamageError:
        return True
    return path.name == SUMMARY


def is_inside(name: str) -> bool:
    """Whether a file stays in its folder: a key may be anything, "..", or absolute behind two
    slashes."""
    parts = PurePosixPath(name).parts
    return ".." not in parts and "/".join(parts) == name


def _fetch(system: Any, path: str, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with replacing(place) as temporary:
        system.get_file(path, str(temporary))


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


@contextmanager
def said(url: str, when: str = "") -> Iterator[None]:
    """Says in one line what an object store answers, and ``when``."""
    try:
        yield
    except EvalkitError:
        raise
    except ImportError as error:
        raise RunError(f"{shown(url)}: needs a package ({one_line(error, 100)}); pip install s3fs "
                       "for s3://, gcsfs for gs://, adlfs for az://") from error
    except FileNotFoundError as error:
        raise RunError(f"{shown(url)}: there is no such bucket or file; make the bucket, or give "
                       "another name") from error
    except Exception as error:  # every file system has errors of its own
        text = shown(without_keys(one_line(error, 1_000), url))
        raise RunError(f"{shown(url)}: {when}{_why(error)} ({type(error).__name__}: "
                       f"{printed(text, 200)})") from error


def _why(error: Exception) -> str:
    refused = isinstance(error, PermissionError) or "redential" in type(error).__name__
    return f"access is refused; {_KEYS}" if refused else "it could not be used; try it again"
