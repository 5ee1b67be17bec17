"""Recordings on other machines, fetched once into a folder of this one, by fsspec.

Keys are found by fsspec's file systems where they look for them: in the environment."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from rich.console import Console
from rich.progress import track

from evalkit.core.errors import EvalkitError, one_line
from evalkit.core.files import replacing
from evalkit.core.ledger import LeftOut, merged
from evalkit.core.plugins import packages_for
from evalkit.core.types import Utterance
from evalkit.store.remote import shown, url_of

AT_ONCE = 8
LARGEST = 1 << 31
"""Bytes of a recording."""
SILENCE, WHOLE = 60.0, 1_800.0
"""Seconds without a byte, and of a whole recording, after which fetching it is given up."""
_BLOCK = 1 << 20
_PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs",
             "abfss": "adlfs", "adl": "adlfs", "oss": "ossfs", "sftp": "paramiko"}
"""What brings a file system that the extra ``remote`` does not."""
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}")


def fetched(utterances: Sequence[Utterance], folder: Path | None
            ) -> tuple[tuple[Utterance, ...], list[LeftOut]]:
    """``utterances`` with those recordings that are URLs in ``folder``, where they are fetched to
    unless they are there; and those that could not be, whose files are not there.

    Raises PluginError for a package that is missing."""
    urls = dict.fromkeys(url for u in utterances for path in (u.audio, u.reference_audio)
                         if path is not None and (url := url_of(path)))
    if not urls or folder is None:
        return tuple(utterances), []
    places = {url: folder / name_of(url) for url in urls}
    missing = [url for url, place in places.items() if not place.is_file()]
    left_out = list(_fetch_all(missing, places)) if missing else []
    return tuple(replace(u, audio=_local(u.audio, places),
                         reference_audio=_local(u.reference_audio, places))
                 for u in utterances), merged(left_out)


def name_of(url: str) -> str:
    """The name of the file that ``url`` is fetched to, which says nothing of it but its kind."""
    suffix = Path(shown(url)).suffix
    digest = hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return digest + (suffix if _SUFFIX.fullmatch(suffix) else "")


def _local(path: Path | None, places: Mapping[str, Path]) -> Path | None:
    return places.get(url_of(path) or "", path) if path is not None else None


def _fetch_all(urls: Sequence[str], places: Mapping[str, Path]) -> Iterable[LeftOut]:
    """What could not be fetched."""
    with packages_for("reading URLs"):
        import fsspec  # noqa: F401 -- so that it is missed once, not for every recording

    console = Console(stderr=True)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        failures = pool.map(lambda url: _failure(url, places[url]), urls)
        bar = track(failures, "fetching", len(urls), console=console, transient=True,
                    disable=not console.is_terminal)
        for url, why in zip(urls, bar, strict=True):
            if why is not None:
                yield LeftOut("recording", url.partition("://")[0],
                              f"could not be fetched: {why}", names=(shown(url),))


def _failure(url: str, place: Path) -> str | None:
    """Fetches one. Why it could not be; None where it was."""
    try:
        _fetch(url, place)
    except EvalkitError:
        raise
    except ImportError as error:
        scheme = url.partition("://")[0]
        package = _PACKAGES.get(scheme, "'evalkit[remote]'")
        return f"{scheme}:// needs a package ({one_line(error, 100)}): pip install {package}"
    except Exception as error:  # every file system has errors of its own
        cause = _first_cause(error)
        if isinstance(cause, FileNotFoundError):
            return "there is none"
        said = one_line(cause).partition(", url=")[0]  # so that many of a kind are one line
        return f"{type(cause).__name__}: {shown(said)}"
    return None


def _first_cause(error: BaseException) -> BaseException:
    """What fsspec made ``error`` of: it calls all that HTTP refuses a file that is not there."""
    return _first_cause(error.__cause__) if error.__cause__ else error


def _fetch(url: str, place: Path) -> None:
    import fsspec

    with (fsspec.open(url, "rb", **_options(url)) as source, replacing(place) as temporary,
          temporary.open("wb") as target):
        _copy(source, target)
    if place.stat().st_size == 0:
        place.unlink()
        raise ValueError("it is empty")


def _options(url: str) -> dict[str, Any]:
    """How to open it: over HTTP as a stream, given up after SILENCE."""
    if not url.startswith(("http://", "https://")):
        return {}
    from aiohttp import ClientTimeout

    patience = ClientTimeout(total=WHOLE, sock_connect=SILENCE, sock_read=SILENCE)
    return {"block_size": 0, "client_kwargs": {"timeout": patience}}


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
