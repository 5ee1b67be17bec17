"""Folders of recordings to train on, and what an enhancer makes of those that are not clean."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, field_validator

from evalkit.audio import align, resample, save
from evalkit.core.config import PluginSpec
from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.files import replacing
from evalkit.core.ledger import LeftOut, merged
from evalkit.core.plugins import create
from evalkit.core.protocols import Enhancer
from evalkit.core.strict import Strict
from evalkit.recordings.reading import load, seconds

END = 0.1
"""Seconds of a recording that are read to know that it is whole."""


class Source(Strict):
    """The recordings in ``folder`` that match one of the patterns ``files`` and none of
    ``without`` (as of pathlib's glob, from the folder). Where they are noisy, the enhancer
    ``cleaned_by`` makes of them the speech that is to be learnt."""

    folder: Path
    files: list[str] = Field(default=["**/*"], min_length=1)
    without: list[str] = Field(default_factory=list)
    cleaned_by: PluginSpec | None = None

    @field_validator("files", "without")
    @classmethod
    def _within(cls, patterns: list[str]) -> list[str]:
        for pattern in patterns:
            try:
                next(iter(Path().glob(pattern)), None)
            except (ValueError, NotImplementedError) as error:
                raise ValueError(f"{pattern!r} is no pattern of files in the folder ({error}); "
                                 "such as *.wav, or **/*.wav") from error
        return patterns


@dataclass(frozen=True)
class Recordings:
    """Of one source: paths in the order of their names, how long they are together, and what is
    no recording that can be read."""

    paths: tuple[Path, ...]
    seconds: float
    left_out: list[LeftOut]


def find(source: Source) -> Recordings:
    """Raises ConfigError where there are none."""
    folder, lengths, left_out = source.folder, {}, []
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder of recordings; correct it in the recipe")
    for path in sorted(_matching(folder, source.files) - _matching(folder, source.without)):
        try:
            lengths[path] = _length(path)
        except UtteranceError as error:
            left_out.append(LeftOut("recording", str(folder), str(error),
                                    names=(str(path.relative_to(folder)),)))
    if not lengths:
        raise ConfigError(f"{folder}: no recording that can be read matches {source.files}; "
                          "correct folder or files in the recipe")
    return Recordings(tuple(lengths), sum(lengths.values()), merged(left_out))


def _length(path: Path) -> float:
    """In seconds, of a recording whose end can be read: one that is cut has none. Raises
    UtteranceError."""
    length = seconds(path)
    load(path, offset=max(0.0, length - END), duration=min(length, END))
    return length


def _matching(folder: Path, patterns: Sequence[str]) -> set[Path]:
    return {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}


def split(paths: Sequence[Path], every: int, *, by_folder: bool = False
          ) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """``paths`` to train on, and those kept out: every ``every``-th file; or, ``by_folder``, the
    files in every ``every``-th folder, where there are so many, so that a speaker with a folder
    is on one side."""
    folders = sorted({path.parent for path in paths})
    units: Sequence[Path] = folders if by_folder and len(folders) >= every else paths
    kept = set(units[every - 1::every])
    kept_out = tuple(path for path in paths if path in kept or path.parent in kept)
    return tuple(path for path in paths if path not in set(kept_out)), kept_out


def cleaned(source: Source, paths: Sequence[Path], rate: int, out: Path,
            progress: Callable[[int, int], None]) -> tuple[Path, ...]:
    """What the source's enhancer makes of its recordings, at ``rate`` Hz, under ``out``; those
    that are there from an earlier start are used. ``progress`` hears how many of how many are
    done."""
    if source.cleaned_by is None:
        return tuple(paths)
    enhancer = create("enhancers", source.cleaned_by.name, source.cleaned_by.options)
    made, of = [], hashlib.sha256(f"{source.folder} {enhancer.identity}".encode()).hexdigest()
    for path, copy in _copies(source, paths, out / f"{source.folder.name}-{of[:8]}"):
        if not copy.exists():
            _clean(enhancer, path, copy, rate)
        made.append(copy)
        progress(len(made), len(paths))
    return tuple(made)


def _copies(source: Source, paths: Sequence[Path], out: Path) -> Iterator[tuple[Path, Path]]:
    named = Counter(path.with_suffix("") for path in paths)
    for path in paths:
        alone = named[path.with_suffix("")] == 1
        name = f"{path.stem if alone else path.name}.flac"
        yield path, (out / path.relative_to(source.folder)).with_name(name)


def _clean(enhancer: Enhancer, path: Path, copy: Path, rate: int) -> None:
    try:
        heard = resample(load(path), enhancer.rate)
        [made] = enhancer.enhance([heard])
    except UtteranceError as error:
        raise ConfigError(f"{path}: cannot be cleaned: {error}; repair it, or take it out of the "
                          "folder") from error
    speech, _ = align(made, heard, enhancer.delay)
    copy.parent.mkdir(parents=True, exist_ok=True)
    with replacing(copy) as temporary:
        save(temporary, resample(speech, rate))
