"""What a system is made of: packages, programs and weights, named exactly."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from evalkit.core.errors import ConfigError
from evalkit.core.files import digest

Precision = Literal["float32", "float16", "bfloat16"]
"""Kinds of numbers that torch computes in."""


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


def model_folder(path: Path | str, *files: str) -> Path:
    """``path``, a folder that holds a model. Raises ConfigError where one of ``files`` is not in
    it."""
    folder = Path(path)
    if not folder.is_dir():
        raise ConfigError(f"{folder}: is no folder of a model; download one into a folder, such as "
                          "by `hf download NAME --local-dir FOLDER`, and give that as `path`")
    for name in files:
        if not (folder / name).is_file():
            raise ConfigError(f"{folder}: is no folder of a model: it has no {name}; give the "
                              "`path` of one that has been downloaded or saved")
    return folder


def model_file(path: Path | str) -> Path:
    """``path``, a file that holds a model. Raises ConfigError where there is none."""
    if not Path(path).is_file():
        raise ConfigError(f"{path}: is no file of a model; put one there, or give the `path` of "
                          "one that has been downloaded or exported")
    return Path(path)


def stamp_folder(package: str, folder: Path, weights: Path | str | None) -> str:
    """``stamp`` with all files in the folder of a model, and with the ``weights`` that are used
    instead of its own."""
    return stamp(package, [*model_files(folder), *([Path(weights)] if weights else [])])


def model_files(folder: Path) -> list[Path]:
    """All files in the folder of a model, hidden ones and caches aside."""
    return [path for path in folder.rglob("*") if path.is_file() and not any(
        part.startswith((".", "__")) for part in path.relative_to(folder).parts)]


def bytes_in(*places: Path | str) -> int:
    """Bytes of files, and of all files in folders of models."""
    return sum(file.stat().st_size for place in map(Path, places)
               for file in (model_files(place) if place.is_dir() else [place]))


def device_named(device: str) -> str:
    """torch's name of a device: for "auto", a graphics processor where there is one."""
    if device != "auto":
        return device
    from evalkit.models.tensors import best_device

    return str(best_device())


def computed(device: str, precision: Precision) -> str:
    """Where a model is computed, and in which numbers if not in those of its weights."""
    named = device_named(device)
    return named if precision == "float32" else f"{named} in {precision}"
