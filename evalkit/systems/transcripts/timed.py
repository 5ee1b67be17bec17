"""NIST's formats with times: CTM, a word a line, and STM, a segment a line.

Both name a recording and a channel. The utterance is the recording: its words, or segments, are
joined in the order of their times.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from evalkit.systems.transcripts.keys import Keys
from evalkit.systems.transcripts.lines import (
    COMMENT,
    BadLineError,
    Line,
    Reader,
    Transcript,
)

_CHANNEL, _TIME, _WHOLE = r"(?:[A-Za-z]|\d{1,2})", r"\d*\.\d+", r"\d+(?:\.\d+)?"
CTM = re.compile(rf"\S+\s+{_CHANNEL}\s+{_TIME}\s+{_TIME}\s+\S+(?:\s+\S+){{0,3}}")
CTM_IN_WHOLE_SECONDS = re.compile(rf"\S+\s+{_CHANNEL}\s+{_WHOLE}\s+{_WHOLE}\s+\S+(?:\s+{_WHOLE})?")
STM = re.compile(rf"\S+\s+\S+\s+\S+\s+{_TIME}\s+{_TIME}(?:\s+<[^<>]*>)?(?:\s.*)?")
_LABELS = re.compile(r"^<(?:[^<>]*,[^<>]*|[oO])>\s*")
_NOTHING = {"<eps>", "@"}
_NUMBER = re.compile(r"\+?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
LONGEST = 1e9
"""Seconds; no recording is as long."""


NOT_SCORED = "ignore_time_segment_in_scoring"


@dataclass(frozen=True)
class TimedPart:
    """A word of a CTM, or a segment of an STM, which says who speaks; times are in seconds."""

    recording: str
    channel: str
    start: float
    end: float
    text: str
    speaker: str = ""


def _joined(parse: Callable[[str], TimedPart]) -> Reader:
    """The reader of a format whose lines ``parse`` makes parts of."""
    def read(lines: Sequence[Line], _keys: Keys) -> Iterator[Transcript]:
        parts: dict[str, list[tuple[int, TimedPart]]] = {}
        for number, line in lines:
            if line.startswith(COMMENT):
                continue
            try:
                part = parse(line)
            except ValueError as error:
                raise BadLineError(number, str(error)) from error
            known = parts.setdefault(part.recording, [])
            if known and known[0][1].channel != part.channel:
                raise BadLineError(number, f"{part.recording!r} has channels "
                                   f"{known[0][1].channel} and {part.channel}; an utterance has "
                                   "one: give each a recording's name of its own")
            known.append((number, part))
        for recording, found in parts.items():
            ordered = sorted((part for _, part in found), key=lambda part: part.start)
            text = " ".join(part.text for part in ordered if part.text)
            yield Transcript(recording, text, found[0][0])
    return read


def _ctm(line: str) -> TimedPart:
    """u1 1 0.00 0.20 turn 0.98"""
    fields = line.split()
    if len(fields) < 5:
        raise ValueError("expected recording, channel, start, duration and word")
    recording, channel, start, duration, word = fields[:5]
    if word.upper().startswith("<ALT"):
        raise ValueError("alternatives (<ALT>) are not read; write one of them")
    begin = _seconds(start)
    return TimedPart(recording, channel, begin, begin + _seconds(duration),
                     "" if word in _NOTHING else word)


def parse_stm(line: str) -> TimedPart:
    """u1 1 speaker 0.00 2.50 <o,f0,female> turn on the light

    Raises ValueError."""
    fields = line.split(maxsplit=5)
    if len(fields) < 5:
        raise ValueError("expected recording, channel, speaker, start, end and text")
    recording, channel, speaker, start, end = fields[:5]
    if _seconds(end) < _seconds(start):
        raise ValueError(f"ends at {end}, before it starts at {start}")
    text = _LABELS.sub("", fields[5].strip() if len(fields) > 5 else "")
    return TimedPart(recording, channel, _seconds(start), _seconds(end), text, speaker)


def _stm(line: str) -> TimedPart:
    """The segment of a hypothesis."""
    part = parse_stm(line)
    if part.text.lower() == NOT_SCORED:
        raise ValueError("a segment that is not to be scored is no hypothesis; leave it out")
    return part


def _seconds(text: str) -> float:
    if not _NUMBER.fullmatch(text) or float(text) > LONGEST:
        raise ValueError(f"{text!r} is no time in seconds")
    return float(text)


read_ctm, read_stm = _joined(_ctm), _joined(_stm)
