"""A manifest on an object store, with its recordings beside it: a copy of it on this machine names
them by URL."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path, PurePosixPath

from evalkit.core.config import EvalConfig
from evalkit.core.errors import ConfigError
from evalkit.core.files import write
from evalkit.store.objects import fetched_text
from evalkit.store.remote import shown, url_of

RECORDINGS = ("audio", "reference_audio")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def with_manifest_here(config: EvalConfig) -> EvalConfig:
    """``config`` whose manifest is on this machine, fetched anew into the folder ``remote`` where
    it is a URL. Raises ConfigError where there is no such folder, RunError where the manifest
    cannot be read."""
    url = url_of(config.corpus.path)
    if url is None:
        return config
    if config.corpus.reader is not None:
        raise ConfigError(f"corpus: {shown(url)}: a reader's corpus has to be on this machine; "
                          "`evalkit corpus` writes a manifest, which may be a URL")
    if config.remote is None:
        raise ConfigError(f"corpus: {shown(url)}: is on another machine; `remote: FOLDER` in "
                          "eval.yaml fetches it into that folder")
    place = _place(url, config.remote)
    lines = fetched_text(url).splitlines(keepends=True)
    write(place, "".join(_by_url(line, url.rpartition("/")[0]) for line in lines))
    corpus = config.corpus.model_copy(update={"path": place})
    return config.model_copy(update={"corpus": corpus})


def _place(url: str, folder: Path) -> Path:
    """The copy's, in a folder that has the name of the manifest's, which is the corpus's name."""
    path = PurePosixPath(shown(url))
    digest = hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    parent, name = (part if _NAME.fullmatch(part) else "corpus"
                    for part in (path.parent.name, path.name))
    return folder / digest / parent / name


def _by_url(line: str, folder: str) -> str:
    """A line of the manifest whose recordings, where they lie beside it, are URLs. What is no such
    line, and what leaves the folder, stays as it is: whoever reads it says so."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return line
    if not isinstance(row, dict):
        return line
    beside = {key: f"{folder}/{row[key]}" for key in RECORDINGS
              if isinstance(row.get(key), str) and _lies_beside(row[key])}
    return json.dumps(row | beside, ensure_ascii=False) + "\n" if beside else line


def _lies_beside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(name) and url_of(name) is None and not path.is_absolute() and (
        ".." not in path.parts)
