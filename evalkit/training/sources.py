"""Folders of recordings to train on, and what an enhancer makes of those that are not clean."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, field_validator

from evalkit.audio import align, resample, save
from evalkit.core.config import PluginSpec
from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.files import replacing
from evalkit.core.ledger import LeftOut, merged
from evalkit.core.protocols import Enhancer
from evalkit.core.strict import Strict
from evalkit.recordings.reading import extent, load, seconds
from evalkit.run.batches import ask
from evalkit.run.exchange import taken_enhanced
from evalkit.run.pipeline import build_part

END = 0.1
"""Seconds of a recording's end that are read to know that a stretch there can be."""
SILENCE = 2**-16
"""By how much the samples of a recording differ at least, of 1 for full scale: half a step of
16 bits."""
LOUDEST = 1_000_000
"""By how much they differ at most: integers of 16 bits that stand in a file of floats do not."""


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
            if ".." in Path(pattern).parts:
                raise ValueError(f"{pattern!r} leads out of the folder; name the other folder as a "
                                 "source of its own")
            try:
                next(iter(Path().glob(pattern)), None)
            except (ValueError, NotImplementedError) as error:
                raise ValueError(f"{pattern!r} is no pattern of files in the folder ({error}); "
                                 "such as *.wav, or **/*.wav") from error
        return patterns


@dataclass(frozen=True)
class Recordings:
    """Of one source: its recordings in the order of their names, how long each is in seconds, and
    those that cannot be used."""

    lengths: Mapping[Path, float]
    left_out: list[LeftOut]

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where they are."""
        return tuple(self.lengths)

    @property
    def seconds(self) -> float:
        """How long they are together."""
        return sum(self.lengths.values())


def find(source: Source) -> Recordings:
    """Reads every recording of ``source`` once, whole. Raises ConfigError where none can be
    used."""
    folder, lengths, left_out = source.folder, {}, []
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder of recordings; correct it in the recipe")
    for path in sorted(_matching(folder, source.files) - _matching(folder, source.without)):
        try:
            lengths[path] = length(path)
        except UtteranceError as error:
            left_out.append(_unused(source, path, error))
    return _some(source, Recordings(lengths, merged(left_out)))


def length(path: Path) -> float:
    """In seconds, of a recording that can be read to its end and has sound in it. Raises
    UtteranceError."""
    reach = extent(path)
    if reach < SILENCE:
        raise UtteranceError("Silent", f"{path}: has no sound in it")
    if reach > LOUDEST:
        raise UtteranceError("TooLoud", f"{path}: goes beyond {LOUDEST:,} times full scale")
    lasts = seconds(path)
    load(path, offset=max(0.0, lasts - END), duration=min(lasts, END))
    return lasts


def _unused(source: Source, path: Path, error: UtteranceError) -> LeftOut:
    """The reason without the name, so that many of one reason are one record."""
    kind, reason = error.kind, error.reason.rpartition(f"{path.name}: ")[2]
    return LeftOut("recording", str(source.folder), f"{kind}: {reason}",
                   names=(str(path.relative_to(source.folder)),))


def _some(source: Source, found: Recordings) -> Recordings:
    """``found``. Raises ConfigError, with the reasons, where no recording is left."""
    if found.lengths:
        return found
    why = "".join(f"; {item}" for item in found.left_out)
    but = f" and none of {source.without}" if source.without else ""
    raise ConfigError(f"{source.folder}: no recording that can be used matches {source.files}{but}"
                      f"{why}; correct folder or files in the recipe")


def _matching(folder: Path, patterns: Sequence[str]) -> set[Path]:
    return {path for pattern in patterns for path in folder.glob(pattern) if not path.is_dir()}


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


def teacher(source: Source) -> Enhancer | None:
    """The enhancer that cleans the source's recordings, None where they are clean. Raises
    PluginError and ConfigError where it cannot be made."""
    if source.cleaned_by is None:
        return None
    made: Enhancer = build_part("enhancers", source.cleaned_by)
    return made


def cleaned(source: Source, found: Recordings, rate: int, out: Path,
            progress: Callable[[int, int], None]) -> Recordings:
    """What the source's enhancer makes of the recordings ``found``, at ``rate`` Hz, under ``out``;
    what is there from an earlier start is used. Those that it cannot clean are left out.
    ``progress`` hears how many of how many are done. Raises ConfigError where none is left."""
    enhancer = teacher(source)
    if enhancer is None:
        return found
    made, left_out = {}, list(found.left_out)
    of = hashlib.sha256(f"{source.folder} {enhancer.identity}".encode()).hexdigest()
    copies = _copies(source, found.paths, out / f"{source.folder.name}-{of[:8]}")
    for done, (path, copy) in enumerate(copies, 1):
        try:
            made[copy] = _clean(enhancer, path, copy, rate)
        except UtteranceError as error:
            left_out.append(_unused(source, path, error))
        progress(done, len(found.paths))
    return _some(source, Recordings(made, merged(left_out)))


def _copies(source: Source, paths: Sequence[Path], out: Path) -> Iterator[tuple[Path, Path]]:
    named = Counter(path.with_suffix("") for path in paths)
    for path in paths:
        alone = named[path.with_suffix("")] == 1
        name = f"{path.stem if alone else path.name}.flac"
        yield path, (out / path.relative_to(source.folder)).with_name(name)


def _clean(enhancer: Enhancer, path: Path, copy: Path, rate: int) -> float:
    """How long the ``copy`` is in seconds. Raises UtteranceError where there can be none, or it is
    silent."""
    if not copy.exists():
        loaded = load(path)
        heard = loaded if enhancer.rate is None else resample(loaded, enhancer.rate)
        [made] = ask(enhancer.enhance, enhancer.rate, [heard],
                     lambda made, given: taken_enhanced(made, given, enhancer.delay))
        if isinstance(made.value, UtteranceError):
            raise made.value
        speech, _ = align(made.value, heard, enhancer.delay)
        with replacing(copy) as temporary:
            save(temporary, resample(speech, rate))
    return length(copy)
