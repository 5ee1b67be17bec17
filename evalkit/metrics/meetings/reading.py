"""A file of segments: STM or SegLST, as its name or its content tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from evalkit.core.errors import ManifestError, one_line
from evalkit.core.ledger import LeftOut
from evalkit.metrics.meetings.seglst import read_seglst
from evalkit.metrics.meetings.segments import Segment, Segments
from evalkit.systems.transcripts.file import ALTERNATIVES, text_lines
from evalkit.systems.transcripts.lines import COMMENT, BadLineError, Line
from evalkit.systems.transcripts.timed import NOT_SCORED, parse_stm

Read = Callable[[Sequence[Line]], Iterator[tuple[int, Segment]]]


def read_segments(path: Path) -> Segments:
    """The segments of ``path``. Raises ManifestError naming the file and the first bad row. What
    STM says is not to be scored is left out and counted."""
    if not path.exists():
        raise ManifestError(f"{path}: there is no such file; give one of STM or SegLST (JSON)")
    lines = text_lines(path, ("segment", "segments"), ["STM", "SegLST (JSON)"])
    form = _format(path, lines)
    try:
        found = [(number, _readable(number, each)) for number, each in FORMATS[form](lines)]
    except BadLineError as error:
        where = f"{path}:{error.line}" if error.line else path
        raise ManifestError(f"{where}: {one_line(error)} (read as {form})") from error
    if not found and form == "stm":
        raise ManifestError(f"{path}: holds no segment; an empty list, [], is a file of SegLST in "
                            "which nothing was heard")
    return _scored(path, found)


def _scored(path: Path, found: Sequence[tuple[int, Segment]]) -> Segments:
    """The segments without those that are not to be scored, which are left out."""
    ignored = [number for number, each in found if NOT_SCORED in each.text.lower()]
    kept = tuple(each for _, each in found if NOT_SCORED not in each.text.lower())
    why = f"is not to be scored ({NOT_SCORED}); what was heard there counts all the same"
    return Segments(kept, tuple(LeftOut("row", str(path), why, names=(f"line {number}",))
                                for number in ignored))


def _format(path: Path, lines: Sequence[Line]) -> str:
    """Raises ManifestError for the name of another format."""
    suffix = path.suffix.lower()
    if suffix in _OTHERS:
        raise ManifestError(f"{path}: {suffix[1:]} does not say who speaks when; give STM or "
                            "SegLST (JSON)")
    if suffix == ".stm":
        return "stm"
    return "seglst" if lines[0][1].lstrip().startswith(("[", "{")) else "stm"


def _stm(lines: Sequence[Line]) -> Iterator[tuple[int, Segment]]:
    """Channels of one recording are one session, whose speakers have names of their own."""
    for number, line in lines:
        if line.startswith(COMMENT):
            continue
        try:
            part = parse_stm(line)
        except ValueError as error:
            raise BadLineError(number, str(error)) from error
        yield number, Segment(part.recording, part.speaker, part.text, part.start, part.end)


def _readable(number: int, segment: Segment) -> Segment:
    """Raises BadLineError for { a / b }, of which there is no single text."""
    if found := ALTERNATIVES.search(segment.text):
        raise BadLineError(number, f"alternatives such as {found[0]!r} are not read here; write "
                           "one of them")
    return segment


FORMATS: Mapping[str, Read] = {"stm": _stm, "seglst": read_seglst}
_OTHERS = (".ctm", ".trn", ".csv", ".tsv", ".rttm")
