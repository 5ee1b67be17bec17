"""A Common Voice release: a TSV beside ``clips/``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from evalkit.core.ledger import LeftOut
from evalkit.core.types import Utterance
from evalkit.corpora.readers.base import gender, read_rows


def common_voice(source: Path) -> Iterator[Utterance | LeftOut]:
    """The clips of the TSV ``source``, or of validated.tsv where it is a folder. The speaker is
    the client id."""
    path = source / "validated.tsv" if source.is_dir() else source
    for row in read_rows(path, tabs=True):
        if isinstance(row, LeftOut):
            yield row
            continue
        clip = row.get("path")
        if not clip:
            yield LeftOut("row", str(path), "names no clip",
                          names=(row.get("sentence") or "a line",))
            continue
        yield Utterance(Path(clip).stem, path.parent / "clips" / clip, row.get("client_id"),
                        row.get("sentence"), metadata={
                            "gender": gender(row.get("gender")), "age": row.get("age"),
                            "accent": row.get("accents") or row.get("accent"),
                            "variant": row.get("variant"), "locale": row.get("locale")})
