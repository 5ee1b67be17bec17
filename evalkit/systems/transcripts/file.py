"""A file of transcripts: what it is, in which format, and its text by utterance."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.core.collecting import uncollected
from evalkit.core.errors import ManifestError, one_line
from evalkit.core.ledger import NAMED, LeftOut
from evalkit.core.types import Hypothesis
from evalkit.systems.transcripts.keys import Keys
from evalkit.systems.transcripts.lines import (
    COMMENT,
    TRN,
    BadLineError,
    Line,
    Reader,
    Transcript,
    each,
    parse_json,
    parse_kaldi,
    parse_trn,
)
from evalkit.systems.transcripts.tables import delimiter_of, read_csv, read_tsv
from evalkit.systems.transcripts.timed import CTM, CTM_IN_WHOLE_SECONDS, STM, read_ctm, read_stm

FORMATS: Mapping[str, Reader] = {
    "jsonl": each(parse_json), "tsv": read_tsv, "csv": read_csv, "kaldi": each(parse_kaldi),
    "trn": each(parse_trn), "ctm": read_ctm, "stm": read_stm}
KEYED = ("jsonl", "tsv", "csv")
"""Formats whose rows have keys."""

_SUFFIXES = {".jsonl": "jsonl", ".json": "jsonl", ".tsv": "tsv", ".csv": "csv", ".trn": "trn",
             ".ctm": "ctm", ".stm": "stm"}
NIST = ("trn", "stm")
"""Formats in which { a / b } are alternatives."""
ALTERNATIVES = re.compile(r"\{[^{}]*/[^{}]*\}")
_LOOKED_AT = 50
"""Lines that tell the format."""

HEAD = 65_536
"""Bytes that tell what a file is."""
_BINARY = {
    b"PAR1": "Parquet", b"PK\x03\x04": "a zip archive, such as .npz or .xlsx", b"\x1f\x8b": "gzip",
    b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"7z\xbc\xaf": "7z",
    b"RIFF": "audio (RIFF, WAV)", b"fLaC": "audio (FLAC)", b"OggS": "audio (Ogg)",
    b"ID3": "audio (MP3)", b"\xff\xfb": "audio (MP3)", b"\xff\xf3": "audio (MP3)",
    b"\x93NUMPY": "a NumPy array", b"\x80\x04": "a pickle", b"\x80\x05": "a pickle",
    b"ARROW1": "Arrow", b"\x89HDF": "HDF5", b"SQLite format 3": "an SQLite database",
    b"%PDF": "PDF", b"\x89PNG": "a PNG image",
    b"\xff\xfe": "UTF-16 text", b"\xfe\xff": "UTF-16 text"}


@dataclass(frozen=True)
class Transcripts:
    """Texts by id, in the file's order, the ``format`` they were read in, the lines that say
    again what an earlier one said, and by id, where the recognizer gave them, the next best
    guesses and its own scores of the texts."""

    texts: Mapping[str, str]
    format: str
    left_out: tuple[LeftOut, ...]
    others: Mapping[str, tuple[Hypothesis, ...]]
    scores: Mapping[str, float]


@uncollected()
def read_transcripts(path: Path, form: str | None, keys: Keys, *, alternatives: bool = False
                     ) -> Transcripts:
    """Reads the file in the format ``form`` of FORMATS, which the suffix or else the content tells
    where it is None. References may have sclite's ``alternatives``. Raises
    ManifestError for what is not text, and naming the first bad line."""
    lines = text_lines(path)
    found = form or _detected(path, lines)
    if keys != Keys() and found not in KEYED:
        raise ManifestError(f"{path}: {found} has no keys; --id-key and --text-key are for "
                            f"{', '.join(KEYED)}: say --format if it is one of them")
    try:
        read = FORMATS[found](lines, keys)
        one_text_each = found not in NIST or alternatives
        return _unique(path, read if one_text_each else map(_without_alternatives, read), found)
    except BadLineError as error:
        said = "" if form else f" (read as {found}; --format says another)"
        raise ManifestError(f"{path}:{error.line}: {one_line(error)}{said}") from error


def text_lines(path: Path, what: tuple[str, str] = ("hypothesis", "hypotheses"),
               forms: Sequence[str] = tuple(FORMATS)) -> list[Line]:
    """The lines that are not empty, without their ends and the file's byte order mark. ``what`` it
    holds, one of it and several, and in which ``forms``, is for errors."""
    with path.open("rb") as file:
        _check_text(path, file.read(HEAD), what[1], forms)
        file.seek(0)
        lines = [(number, _text_line(path, number, line))
                 for number, line in enumerate(file, 1) if line.strip()]
    if not lines:
        raise ManifestError(f"{path}: holds no {what[0]}")
    return lines


def _text_line(path: Path, number: int, line: bytes) -> str:
    """A line without its end. Raises ManifestError for one that is no line of text."""
    try:
        text = line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path}:{number}: is not UTF-8 ({error.reason}); save the file as "
                            "UTF-8") from error
    text = text.removesuffix("\n").removesuffix("\r")
    if "\r" in text and "\r" in text.strip():
        raise ManifestError(f"{path}:{number}: holds a carriage return; end every line with a line "
                            "feed")
    return text


def _check_text(path: Path, head: bytes, what: str, forms: Sequence[str]) -> None:
    """Raises ManifestError, saying what the file is, where it is not text."""
    if kind := binary_kind(head):
        raise ManifestError(f"{path}: is {kind}, and {what} are text in UTF-8; "
                            f"give them as one of {', '.join(forms)}")


def binary_kind(head: bytes) -> str:
    """What a file that begins with the bytes ``head`` is, "" where that is text."""
    try:
        head.decode()
    except UnicodeDecodeError as error:
        broken = error.end < len(head)  # and not a character that the head cuts in two
    else:
        broken = False
    kind = next((kind for magic, kind in _BINARY.items() if head.startswith(magic)), "")
    return (kind or "binary") if b"\0" in head or (broken and kind) else ""


def _detected(path: Path, lines: Sequence[Line]) -> str:
    """The format that the suffix or the first lines tell. Raises ManifestError where they may be
    of two."""
    if path.suffix.lower() in _SUFFIXES:
        return _SUFFIXES[path.suffix.lower()]
    looked_at = [line.strip() for _, line in lines if not line.startswith(COMMENT)][:_LOOKED_AT]
    for form, tells in _TELL.items():
        if looked_at and tells(looked_at):
            return form
    if all(CTM_IN_WHOLE_SECONDS.fullmatch(line) for line in looked_at):
        raise ManifestError(f"{path}: may be ctm, or kaldi with numbers; say --format")
    return "kaldi"


def _is_csv(lines: Sequence[str]) -> bool:
    try:
        return bool(delimiter_of(lines[0], Keys()))
    except ValueError:
        return False


def _is_trn(lines: Sequence[str]) -> bool:
    """Whether all end with an id of their own; what words in parentheses do not."""
    ids = [found[2] for line in lines if (found := TRN.fullmatch(line))]
    return len(ids) == len(lines) == len(set(ids))


_TELL: Mapping[str, Callable[[Sequence[str]], bool]] = {
    "jsonl": lambda lines: lines[0].startswith(("{", "[")),
    "ctm": lambda lines: all(CTM.fullmatch(line) for line in lines),
    "stm": lambda lines: all(STM.fullmatch(line) for line in lines),
    "tsv": lambda lines: "\t" in lines[0],
    "csv": _is_csv,
    "trn": _is_trn}
"""What the first lines of each format look like, in the order of trying."""


def _unique(path: Path, found: Iterable[Transcript], form: str) -> Transcripts:
    """Raises BadLineError where an id has two texts."""
    texts: dict[str, str] = {}
    lines: list[int] = []  # of the texts, in their order
    others: dict[str, tuple[Hypothesis, ...]] = {}
    scores: dict[str, float] = {}
    again = []
    for item in found:
        known = texts.setdefault(item.id, item.text)
        if known != item.text:
            line = lines[list(texts).index(item.id)]
            raise BadLineError(item.line, f"id {item.id!r} is that of {path.name}:{line} too, with "
                                          "another text; keep one of them")
        if len(texts) == len(lines):
            again.append(item.id)
        else:
            _check_writable(item)
            lines.append(item.line)
            others.update({item.id: item.others} if item.others else {})
            scores.update({} if item.score is None else {item.id: item.score})
    left_out = (LeftOut("hypothesis", str(path), "the same id and text again", len(again),
                        tuple(again[:NAMED])),) if again else ()
    if not texts:
        raise ManifestError(f"{path}: holds no hypothesis")
    return Transcripts(texts, form, left_out, others, scores)


def _without_alternatives(item: Transcript) -> Transcript:
    """Raises BadLineError for { a / b }, of which a hypothesis has no single text."""
    if found := ALTERNATIVES.search(item.text):
        raise BadLineError(item.line, f"alternatives such as {found[0]!r} are not read in "
                           "hypotheses; write one of them (--alternatives is for references)")
    return item


def _check_writable(item: Transcript) -> None:
    """Raises BadLineError for half a character (a lone surrogate), which JSON can hold."""
    try:
        (item.id + item.text).encode()
    except UnicodeEncodeError as error:
        raise BadLineError(item.line, "holds half a character (a lone surrogate)") from error
