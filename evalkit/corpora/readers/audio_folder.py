"""A folder of recordings, of which nothing else is known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from evalkit.core.errors import ManifestError
from evalkit.core.types import Utterance
from evalkit.corpora.readers.base import read_lines
from evalkit.store.runfolder import AUDIO_SUFFIXES

TEXTS = (".txt", ".lab")


def audio_folder(source: Path) -> Iterator[Utterance]:
    """The recordings in ``source`` and below. The id is the path without its suffix, the speaker
    the folder, where there are several, the text what stands in a file of the same name that ends
    in one of TEXTS."""
    paths = sorted(path for path in source.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES)
    folders = {path.parent for path in paths}
    if not paths:
        raise ManifestError(f"{source}: holds no recording ({', '.join(sorted(AUDIO_SUFFIXES))})")
    for path in paths:
        speaker = path.parent.relative_to(source).as_posix() if len(folders) > 1 else None
        yield Utterance(path.relative_to(source).with_suffix("").as_posix(), path, speaker,
                        _text(path))


def _text(audio: Path) -> str | None:
    for suffix in TEXTS:
        if (path := audio.with_suffix(suffix)).is_file():
            return " ".join("".join(read_lines(path)).split())
    return None
