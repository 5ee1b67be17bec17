"""A user's folder of recordings that a condition draws from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import soundfile

from evalkit.core.errors import ConfigError, UtteranceError

OTHER_SUFFIXES = {".opus", ".oga", ".aif", ".aifc", ".sph", ".snd"}


def recordings_in(folder: Path, who: str, check: Callable[[Path], None]) -> tuple[Path, ...]:
    """Every recording under ``folder``, sorted, for the condition ``who``. Raises ConfigError
    where there is none, and for one of which ``check`` raises UtteranceError."""
    if not folder.is_dir():
        raise ConfigError(f"{who}: no folder {folder}; folder names where your recordings lie")
    found = tuple(_checked(folder, who, check))
    if not found:
        raise ConfigError(f"{who}: {folder} holds no recordings that can be read (WAV, FLAC, "
                          "MP3, Ogg)")
    return found


def _checked(folder: Path, who: str, check: Callable[[Path], None]) -> Iterator[Path]:
    suffixes = {f".{name.lower()}" for name in soundfile.available_formats()} | OTHER_SUFFIXES
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in suffixes and not path.is_dir():
            try:
                check(path)
            except UtteranceError as error:
                raise ConfigError(f"{who}: {error.reason}; repair or remove it") from error
            yield path
