"""Recordings on other machines, fetched once into a folder of this one, by fsspec.

Keys are found by fsspec's file systems where they look for them: in the environment."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from rich.console import Console
from rich.progress import track

from evalkit.core.errors import EvalkitError, one_line
from evalkit.core.files import replacing
from evalkit.core.ledger import LeftOut, merged
from evalkit.core.plugins import packages_for
from evalkit.core.text import count
from evalkit.core.types import Utterance
from evalkit.store.remote import shown, url_of

AT_ONCE = 8
LARGEST = 1 << 31
"""Bytes of a recording."""
CONNECTING, SILENCE, WHOLE = 20.0, 30.0, 1_800.0
"""Seconds without a connection, without a byte, and of a whole recording, after which fetching it
is given up."""
TOLD = 30.0
"""Seconds from one line of progress to the next, where no bar is shown."""
_BLOCK = 1 << 20
_PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs",
             "abfss": "adlfs", "adl": "adlfs", "oss": "ossfs", "sftp": "paramiko"}
"""What brings a file system that the extra ``remote`` does not."""
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}")
_BYTES = re.compile(r":?\s*\bb(['\"]).*", re.DOTALL)
"""What a server sent, as an error of aiohttp shows it."""


def fetched(utterances: Sequence[Utterance], folder: Path | None, where: str,
            say: Callable[[str], None]) -> tuple[tuple[Utterance, ...], list[LeftOut]]:
    """``utterances`` of ``where`` with those recordings that are URLs in ``folder``, where they are
    fetched to unless they are there; and those that could not be, whose files are not there.
    ``say`` receives lines of progress.

    Raises PluginError for a package that is missing."""
    urls = _urls(utterances)
    if not urls or folder is None:
        return tuple(utterances), []
    places = {url: folder / name_of(url) for url in urls}
    missing = [url for url, place in places.items() if not place.is_file()]
    failures = _fetch_all(missing, places, say) if missing else ()
    left_out = [LeftOut("recording", where, f"could not be fetched: {why}",
                        names=(f"{urls[url]} at {shown(url)}",)) for url, why in failures]
    return tuple(replace(u, audio=_local(u.audio, places),
                         reference_audio=_local(u.reference_audio, places))
                 for u in utterances), merged(left_out)


def _urls(utterances: Sequence[Utterance]) -> dict[str, str]:
    """The URLs of recordings, and the id of the first utterance that each is of."""
    found: dict[str, str] = {}
    for utterance in utterances:
        for path in (utterance.audio, utterance.reference_audio):
            if path is not None and (url := url_of(path)):
                found.setdefault(url, utterance.id)
    return found


def name_of(url: str) -> str:
    """The name of the file that ``url`` is fetched to, which says nothing of it but its kind."""
    suffix = Path(shown(url)).suffix
    digest = hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return digest + (suffix if _SUFFIX.fullmatch(suffix) else "")


def _local(path: Path | None, places: Mapping[str, Path]) -> Path | None:
    return places.get(url_of(path) or "", path) if path is not None else None


@dataclass(frozen=True)
class _Servers:
    """Those that have answered, and those that have not in time. Where thousands of recordings are
    on one that is down, it is waited for once."""

    answered: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)

    def heard(self, url: str, *, in_time: bool) -> None:
        (self.answered if in_time else self.silent).add(urlsplit(url).netloc)

    def is_down(self, url: str) -> bool:
        """Whether the server of ``url`` has never answered, and not in time when it was asked."""
        return urlsplit(url).netloc in self.silent - self.answered


def _fetch_all(urls: Sequence[str], places: Mapping[str, Path], say: Callable[[str], None]
               ) -> Iterable[tuple[str, str]]:
    """What could not be fetched, and why."""
    with packages_for("reading URLs"):
        import fsspec  # noqa: F401 -- so that it is missed once, not for every recording

    console, servers, told = Console(stderr=True), _Servers(), time.monotonic()
    say(f"fetching {count(len(urls), 'recording')} into {places[urls[0]].parent}")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        failures = pool.map(lambda url: _failure(url, places[url], servers), urls)
        bar = track(failures, "fetching", len(urls), console=console, transient=True,
                    disable=not console.is_terminal)
        for number, (url, why) in enumerate(zip(urls, bar, strict=True), 1):
            if not console.is_terminal and time.monotonic() - told > TOLD:
                told = time.monotonic()
                say(f"{number:,} of {count(len(urls), 'recording')} asked for")
            if why is not None:
                yield url, why


def _failure(url: str, place: Path, servers: _Servers) -> str | None:
    """Fetches one. Why it could not be; None where it was."""
    if servers.is_down(url):
        return "its server did not answer in time for another, and was not asked again"
    try:
        _fetch(url, place, servers)
    except EvalkitError:
        raise
    except ImportError as error:
        scheme = url.partition("://")[0]
        package = _PACKAGES.get(scheme, "'evalkit[remote]'")
        return f"{scheme}:// needs a package ({one_line(error, 100)}): pip install {package}"
    except Exception as error:  # every file system has errors of its own
        cause = _first_cause(error)
        servers.heard(url, in_time=not isinstance(cause, TimeoutError))
        return _said(cause)
    return None


def _said(cause: BaseException) -> str:
    """What went wrong, so that many of a kind are one line: without the URL, and without the bytes
    of what is no HTTP."""
    if isinstance(cause, TimeoutError):
        return "its server does not answer in time"
    if isinstance(cause, FileNotFoundError):
        return "there is none"
    said = _BYTES.sub("", one_line(cause).partition(", url=")[0])
    return f"{type(cause).__name__}: {shown(said)}"


def _first_cause(error: BaseException) -> BaseException:
    """What fsspec made ``error`` of; what ran out of time says so."""
    if error.__cause__ is None or isinstance(error, TimeoutError):
        return error
    return _first_cause(error.__cause__)


def _fetch(url: str, place: Path, servers: _Servers) -> None:
    with _opened(url) as source, replacing(place) as temporary, temporary.open("wb") as target:
        servers.heard(url, in_time=True)
        _copy(source, target)
    if place.stat().st_size == 0:
        place.unlink()
        raise ValueError("it is empty")


def _opened(url: str) -> AbstractContextManager[BinaryIO]:
    """The recording; over HTTP as a stream, asked for once: of a ``size`` that is said fsspec does
    not ask beforehand."""
    import fsspec

    if not url.startswith(("http://", "https://")):
        return fsspec.open(url, "rb")
    from aiohttp import ClientTimeout

    patience = ClientTimeout(total=WHOLE, connect=CONNECTING, sock_read=SILENCE)
    system = fsspec.filesystem("http", client_kwargs={"timeout": patience})
    return system.open(url, "rb", block_size=0, size=1)


def _copy(source: BinaryIO, target: BinaryIO) -> None:
    """Raises ValueError for what is too large or takes too long."""
    started, size = time.monotonic(), 0
    for block in iter(partial(source.read, _BLOCK), b""):
        size += len(block)
        if size > LARGEST:
            raise ValueError(f"it has more than {LARGEST:,} bytes")
        if time.monotonic() - started > WHOLE:
            raise ValueError(f"it takes more than {WHOLE:g} s")
        target.write(block)
