"""Recordings that a manifest names by a URL: they are on other machines until somebody who may has
allowed them to be fetched. A manifest is untrusted input, and a URL may hold a key."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

SCHEMES = {"http", "https", "ftp", "sftp", "s3", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss",
           "hf", "webhdfs"}
"""File systems of fsspec that are on another machine. Those of this machine (``file``), and those
that are made of others (``simplecache::``, ``zip::``), would lead round what is allowed."""
_URL = re.compile(r"(?:^|/)([A-Za-z][A-Za-z0-9+.-]+(?:::[^/]*)?):/+([^/].*|$)", re.DOTALL)
_ADDRESS = re.compile(r"^(https?://(?:[^/@]*@)?)\[[0-9A-Fa-f:.]*\]")
"""Of a server by the numbers of IPv6."""
_USER = re.compile(r"(?<=://)[^/\s@]*@")
_QUERY = re.compile(r"[?#][^\s'\"()]*")


def url_of(path: Path | str) -> str | None:
    """The URL that ``path`` is, even behind a folder that a reader has put before it; None for a
    file. Of a path ``s3://`` is left as ``s3:``."""
    if (scheme := str(path).removesuffix(":")) in SCHEMES and scheme != str(path):
        return f"{scheme}://"
    found = _URL.search(str(path))
    return f"{found[1].lower()}://{found[2]}" if found else None


def refusal(url: str, *, allowed: bool) -> str | None:
    """Why ``url`` is not fetched, wherever that is ``allowed`` or not; None where it may be. The
    same words for many of a kind: who asks knows which it is."""
    try:
        scheme, server = url.partition("://")[0], urlsplit(url).netloc
    except ValueError as error:
        return f"is no URL ({error})"
    if "::" in _ADDRESS.sub(r"\1", url):
        return "chains file systems (::); give the URL of the recording itself"
    if scheme not in SCHEMES:
        return f"{scheme}:// is no file system of another machine; there are {_listed()}"
    if not server:
        return f"a URL that names no server; write {scheme}://SERVER/PATH"
    return None if allowed else ("is on another machine; `remote: FOLDER` in eval.yaml fetches it "
                                 "into that folder")


def named(path: Path | str) -> str:
    """A file or a URL as it may be said."""
    return shown(url_of(path) or str(path))


def _listed() -> str:
    return ", ".join(sorted(SCHEMES))


def shown(text: str) -> str:
    """``text`` without what its URLs may hold of keys: users, passwords, queries."""
    return _QUERY.sub("", _USER.sub("", text))


def without_keys(text: str, url: str) -> str:
    """``text`` without the user, password and query of ``url``, however it names them."""
    server, _, rest = url.partition("://")[2].partition("/")
    user = server.rpartition("@")[0]
    keys = [user, *user.split(":")[1:], *re.split("[?#]", rest)[1:]]
    for key in filter(None, [*keys, *map(unquote, keys)]):
        text = text.replace(f"{key}@", "").replace(key, "***")
    return text
