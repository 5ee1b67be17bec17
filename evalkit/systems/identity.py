"""What a pipeline's part is made of: packages, programs and weights, named exactly."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from evalkit.core.files import digest


def require(*packages: str) -> None:
    """Raises ModuleNotFoundError for the first of ``packages`` that is not installed, without
    importing any: models load late, but what is missing should be said at once."""
    for package in packages:
        if find_spec(package) is None:
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)


def folder_of(package: str) -> Path:
    """Where an installed package lies; it is not imported."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    return Path(spec.submodule_search_locations[0])


def stamp(package: str, weights: Iterable[Path] = ()) -> str:
    """Name and version of an installed package, and the digest of its weights if it has any."""
    digests = [digest(path) for path in sorted(weights)]
    words = [package, version(package)]
    if digests:
        words.append("sha256:" + hashlib.sha256("".join(digests).encode()).hexdigest())
    return " ".join(words)
