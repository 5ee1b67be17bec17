"""Lhotse's cuts: ``cuts.jsonl`` or ``cuts.jsonl.gz``, which the package ``lhotse`` reads."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalkit.core.errors import ManifestError, one_line
from evalkit.core.files import regular
from evalkit.core.ledger import LeftOut
from evalkit.core.names import instead
from evalkit.core.types import Utterance
from evalkit.corpora.readers.base import gender
from evalkit.store.json_lines import json_object


def lhotse(source: Path) -> Iterator[Utterance | LeftOut]:
    """The cuts of the file ``source``: one utterance for a cut with at most one supervision, under
    the cut's id, else one for each supervision, under its own. Paths are relative to the file.

    Left out are cuts that are mixed or padded, of which a recording is a command or an address, or
    is changed by transforms, and those of another channel than the first."""
    from lhotse.serialization import deserialize_item

    for number, line in enumerate(_lines(source), 1):
        try:
            yield from _utterances(source, deserialize_item(json_object(line)))
        except ValueError as error:
            yield LeftOut("row", str(source), one_line(error), names=(f"line {number}",))
        except Exception as error:  # lhotse raises anything for a line that is no cut
            yield LeftOut("row", str(source), f"is no cut: {type(error).__name__}: "
                          f"{one_line(error)}", names=(f"line {number}",))


def _lines(source: Path) -> Iterator[str]:
    try:
        regular(source)
        opened = gzip.open if source.suffix == ".gz" else open
        with opened(source, "rt", encoding="utf-8") as file:
            yield from filter(str.strip, file)
    except OSError as error:
        raise ManifestError(f"{source}: cannot be read: {error.strerror or one_line(error)}"
                            f"{instead(source)}") from error
    except (EOFError, UnicodeDecodeError, zlib.error) as error:
        raise ManifestError(f"{source}: cannot be read: {one_line(error)}") from error


def _utterances(source: Path, cut: Any) -> Iterator[Utterance]:
    """Of one cut. Raises ValueError where it cannot be used."""
    from lhotse import MonoCut

    if not isinstance(cut, MonoCut):
        raise ValueError(f"a {type(cut).__name__} is no part of one recording")
    audio = source.parent / _recording(cut)
    if len(cut.supervisions) > 1:
        for part in cut.supervisions:
            start = max(0.0, part.start)
            yield Utterance(part.id, audio, part.speaker, part.text, None,
                            round(cut.start + start, 6),
                            round(min(part.end, cut.duration) - start, 6), _metadata(part))
        return
    said = cut.supervisions[0] if cut.supervisions else None
    yield Utterance(cut.id, audio, said and said.speaker, said and said.text, None, cut.start,
                    cut.duration, _metadata(said) if said else {})


def _recording(cut: Any) -> str:
    """The path of its only file. Raises ValueError."""
    if cut.recording is None:
        raise ValueError("has features and no recording")
    if cut.channel != 0:
        raise ValueError("is of another channel than the first, which alone is heard")
    if cut.recording.transforms:
        raise ValueError("its recording is changed by transforms, which are not applied")
    sources = cut.recording.sources
    if len(sources) != 1 or sources[0].type != "file":
        kinds = ", ".join(sorted({each.type for each in sources}))
        raise ValueError(f"its recording is not one file ({kinds or 'nothing'}), and nothing else "
                         "is opened")
    return str(sources[0].source)


def _metadata(said: Any) -> dict[str, Any]:
    further = {key: value for key, value in (said.custom or {}).items()
               if isinstance(value, str | int | float)}
    return {"gender": gender(said.gender), "language": said.language} | further
