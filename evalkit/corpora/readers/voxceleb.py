"""VoxCeleb 1 and 2: ``SPEAKER/VIDEO/NUMBER.wav``, with lists of trials and a table of speakers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from evalkit.core.errors import ManifestError
from evalkit.core.ledger import LeftOut
from evalkit.core.names import instead
from evalkit.core.types import Utterance
from evalkit.corpora.readers.base import Row, gender, read_lines, read_rows

SUFFIXES = frozenset({".wav", ".flac", ".m4a", ".mp3", ".ogg"})


def voxceleb(source: Path, *, trials: Path | None = None, speakers: Path | None = None
             ) -> Iterator[Utterance | LeftOut]:
    """The recordings below ``source``; the id of an utterance is its path from there, as lists of
    trials have it, and its speaker the first folder of that.

    ``trials`` is such a list, of which only the recordings are read: lines of a label and two
    paths (VoxCeleb), or of two paths and a label (Kaldi). ``speakers`` is the corpus's table
    (``vox1_meta.csv``, ``vox2_meta.csv``): gender, and nationality where it has that."""
    people: dict[str, Row] = {}
    for row in _table(speakers) if speakers else ():
        if isinstance(row, LeftOut):
            yield row
        else:
            people[next(iter(row.values())) or ""] = row
    for name in _listed(trials) if trials else _below(source):
        speaker, _, rest = name.partition("/")
        about = people.get(speaker, {})
        yield Utterance(name, source / name, speaker, metadata={
            "gender": gender(about.get("Gender")), "nationality": about.get("Nationality"),
            "video": rest.rpartition("/")[0] or None})


def _below(source: Path) -> list[str]:
    return [str(path.relative_to(source)) for path in sorted(source.glob("*/*/*"))
            if path.suffix.lower() in SUFFIXES]


def _table(path: Path) -> Iterator[Row | LeftOut]:
    """Its cells are between tabs; vox2_meta.csv has spaces around them."""
    for row in read_rows(path, tabs=True):
        yield row if isinstance(row, LeftOut) else {
            key.strip(): value and value.strip() for key, value in row.items()}


def _listed(trials: Path) -> list[str]:
    """The recordings of a list of trials, each once, in the order of their names. Raises
    ManifestError naming the line that is no trial."""
    found: set[str] = set()
    if not trials.exists():
        raise ManifestError(f"{trials}: no such list of trials{instead(trials)}")
    for number, line in enumerate(read_lines(trials), 1):
        fields = line.split()
        if fields:
            label = fields[0] in ("0", "1")
            if len(fields) != 3:
                raise ManifestError(f"{trials}:{number}: not a trial, `LABEL PATH PATH` or "
                                    "`PATH PATH LABEL`")
            found.update(fields[1:] if label else fields[:2])
    return sorted(found)
