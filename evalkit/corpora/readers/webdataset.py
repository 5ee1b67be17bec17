"""WebDataset: tar files whose members are of one utterance where their names are alike up to the
first dot, such as ``a/0001.flac``, ``a/0001.json`` and ``a/0001.txt``."""

from __future__ import annotations

import tarfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalkit.core.errors import ManifestError, one_line
from evalkit.core.files import regular
from evalkit.core.ledger import LeftOut, merged
from evalkit.core.names import instead
from evalkit.core.types import Utterance
from evalkit.corpora.readers.embedded import written
from evalkit.corpora.readers.jsonl import utterances
from evalkit.corpora.readers.naming import check_fields, chosen
from evalkit.store.json_lines import json_object

AUDIO = ("wav", "flac", "mp3", "ogg", "oga", "opus", "aiff", "aif", "au", "sph")
LARGEST, LONGEST = 1 << 30, 1 << 24
"""Bytes of a recording, and of any other member."""
MOST = 10_000_000
"""Members of one tar."""
_BROKEN = (tarfile.TarError, EOFError, zlib.error, OSError)


@dataclass
class _Sample:
    """What the members of one name hold."""

    key: str
    audio: Path | None = None
    text: str | None = None
    label: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    members: dict[str, str] = field(default_factory=dict)
    """By kind (``audio``, ``json``, ``txt``, ``cls``) the name of the one that is used."""

    def take(self, other: _Sample) -> None:
        """What ``other`` holds, which has no member of a kind that this one has."""
        self.audio, self.text = self.audio or other.audio, self.text or other.text
        self.label = self.label or other.label
        self.fields |= other.fields
        self.members |= other.members


def webdataset(source: Path, *, audio: Path | None = None, alternatives: bool = False,
               **columns: str) -> Iterator[Utterance | LeftOut]:
    """The utterances of the tar ``source`` (perhaps compressed), or of all tars in that folder.

    Recordings are written into the folder ``audio``, named by their content; nothing is unpacked
    under a name of the tar's. ``.txt`` is the text, before one in ``.json``; ``.cls`` is the
    label ``cls``; what ``.json`` holds is found by ``columns`` as for ``jsonl``, and so are
    ``alternatives``. Of two members of one kind the first is used. Members of one utterance need
    not stand side by side; those that come back with a kind that was there are left out."""
    check_fields(columns)
    return _read(source, audio, columns, alternatives=alternatives)


def _read(source: Path, folder: Path | None, columns: Mapping[str, str], *, alternatives: bool
          ) -> Iterator[Utterance | LeftOut]:
    samples: list[tuple[Path, _Sample]] = []
    left_out: list[LeftOut] = []
    files = _files(source)
    for file in files:
        for item in _joined(_samples(file, folder), file):
            if isinstance(item, LeftOut):
                left_out.append(item)
            else:
                samples.append((file, item))
    used = chosen(dict.fromkeys(key for _, s in samples for key in s.fields), columns)
    yield from merged([*left_out, *_other_texts(samples, used["text"])])
    yield from utterances(files[0], _rows(samples, used), columns, alternatives=alternatives)


def _files(source: Path) -> list[Path]:
    """Raises ManifestError where there are none."""
    if not source.is_dir():
        return [source]
    files = sorted(source.rglob("*.tar*"))
    if not files:
        raise ManifestError(f"{source}: no *.tar in it")
    return files


def _samples(file: Path, folder: Path | None) -> Iterator[_Sample | LeftOut]:
    """Of one tar, as far as it can be read."""
    try:
        regular(file)
        with tarfile.open(file, "r|*") as tar:
            yield from _grouped(tar, file, folder)
    except FileNotFoundError as error:
        raise ManifestError(f"{file}: cannot be read: {error.strerror}{instead(file)}") from error
    except _BROKEN as error:
        yield LeftOut("recording", str(file), "its tar cannot be read from here on: "
                      f"{one_line(error)}", names=(file.name,))


def _joined(items: Iterable[_Sample | LeftOut], file: Path) -> Iterator[_Sample | LeftOut]:
    """One sample for every name in a tar, whose members may stand apart; what comes back with a
    member of a kind that was there is another utterance, and left out."""
    known: dict[str, _Sample] = {}
    for item in items:
        if isinstance(item, LeftOut):
            yield item
        elif (first := known.setdefault(item.key, item)) is item:
            continue
        elif first.members.keys() & item.members.keys():
            yield LeftOut("utterance", str(file), "its name comes back in the tar with a member "
                          "of a kind that it had; the first is used",
                          names=(next(iter(item.members.values())),))
        else:
            first.take(item)
    yield from known.values()


def _grouped(tar: tarfile.TarFile, file: Path, folder: Path | None) -> Iterator[_Sample | LeftOut]:
    sample = None
    for number, member in enumerate(tar):
        if number >= MOST:
            raise tarfile.TarError(f"more than {MOST:,} members")
        if member.isdir():
            continue
        place, _, name = member.name.rpartition("/")
        stem, _, kind = name.partition(".")
        key = f"{place}/{stem}".strip("/")
        if sample is None or key != sample.key:
            if sample is not None:
                yield sample
            sample = _Sample(key)
        kind = kind.lower()
        why = (_refused(member, kind, sample)
               or _taken(sample, kind, _content(tar, member), file, folder))
        if why:
            yield LeftOut("cell", str(file), why, names=(member.name,))
        else:
            sample.members["audio" if kind in AUDIO else kind] = member.name
    if sample is not None:
        yield sample


def _refused(member: tarfile.TarInfo, kind: str, sample: _Sample) -> str | None:
    """Why a member is not used."""
    one = "audio" if kind in AUDIO else kind
    if not member.isfile():
        return "is a link, a device or a pipe"
    if kind not in (*AUDIO, "json", "txt", "cls"):
        return "is neither audio, .json, .txt nor .cls"
    if one in sample.members:
        what = "recording" if one == "audio" else f".{kind}"
        return f"is a second {what} of one utterance; the first is used"
    most = LARGEST if kind in AUDIO else LONGEST
    return f"has more than {most:,} bytes" if member.size > most else None


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    """Raises EOFError where the tar ends within it."""
    file = tar.extractfile(member)
    data = file.read() if file else b""
    if len(data) < member.size:
        raise EOFError("it ends within a member")
    return data


def _taken(sample: _Sample, kind: str, data: bytes, file: Path, folder: Path | None
           ) -> str | None:
    """Puts what a member holds to its sample. Why it could not be."""
    if kind in AUDIO:
        sample.audio = written(data, folder, file)
        return None
    try:
        text = data.decode("utf-8-sig")
        if kind == "json":
            sample.fields |= json_object(text)
    except ValueError as error:
        return f"is not what .{kind} says: {one_line(error)}"
    if kind == "txt":
        sample.text = " ".join(text.split())
    if kind == "cls":
        sample.label = text.strip()
    return None


def _other_texts(samples: list[tuple[Path, _Sample]], key: str) -> Iterator[LeftOut]:
    """The texts under ``key`` in .json beside which there is a .txt that says something else."""
    for file, sample in samples:
        said = sample.fields.get(key)
        said = " ".join(said.split()) if isinstance(said, str) else said
        if sample.text is not None and said not in (None, "", sample.text):
            yield LeftOut("cell", str(file), f"its {key} is another than that of the .txt, which "
                          "is used", names=(sample.members["json"],))


def _rows(samples: list[tuple[Path, _Sample]], used: Mapping[str, str]
          ) -> dict[str, Mapping[str, Any]]:
    """By what each is called; an id that several tars have is told apart by the tar's name."""
    times = Counter(sample.key for _, sample in samples)
    rows: dict[str, Mapping[str, Any]] = {}
    for file, sample in samples:
        tar = "" if times[sample.key] == 1 else file.name.partition(".")[0] + "/"
        own = {used["audio"]: sample.audio and str(sample.audio), used["text"]: sample.text,
               "cls": sample.label}
        rows[f"{file}:{sample.key}"] = {used["id"]: tar + sample.key} | sample.fields | {
            key: value for key, value in own.items() if value is not None}
    return rows
