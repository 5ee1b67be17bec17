"""Recordings within the files of a corpus: written into a folder, named by their content."""

from __future__ import annotations

import hashlib
from pathlib import Path

from evalkit.core.errors import ManifestError
from evalkit.core.files import write

_SIGNS = {b"RIFF": ".wav", b"fLaC": ".flac", b"OggS": ".ogg"}


def written(data: bytes, folder: Path | None, source: Path) -> Path:
    """Where the bytes of a recording of ``source`` are in ``folder``, and from now on stay. Raises
    ManifestError where that is None."""
    if folder is None:
        raise ManifestError(f"{source}: its recordings are within it; name a folder that they are "
                            "to be written into: the reader's option audio")
    suffix = _SIGNS.get(data[:4], ".mp3") if data else ""
    path = folder / (hashlib.sha256(data).hexdigest()[:32] + suffix)
    if not path.exists():
        write(path, data)
    return path
