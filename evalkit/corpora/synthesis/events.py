"""espeak-ng's events: where in its samples each word and each phoneme begins.

An unstressed word is often said as one with its neighbour, and one event stands for both: "on the"
is a single word of four phonemes. Such words stay together, since nobody knows their border.
"""

from __future__ import annotations

import ctypes
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from evalkit.core.types import Word

# Names and values of espeak-ng's speak_lib.h.
_END, _WORD, _PHONEME = 0, 1, 7
PHONEME_EVENTS = 1
"""Of espeak_Initialize: that phonemes have events too, without which no word has an end."""
PAUSE = b"_"
"""What names of pauses begin with; that of the last, ``_:``, ends the last word."""
_DIGITS = 3
"""Of seconds: milliseconds."""


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class EspeakEvent(ctypes.Structure):
    """espeak_EVENT. ``sample`` counts from the beginning of what is said, ``text_position`` in
    characters from 1."""

    _fields_ = (("type", ctypes.c_int), ("unique_identifier", ctypes.c_uint),
                ("text_position", ctypes.c_int), ("length", ctypes.c_int),
                ("audio_position", ctypes.c_int), ("sample", ctypes.c_int),
                ("user_data", ctypes.c_void_p), ("id", _Id))


class Mark(NamedTuple):
    """Where something begins: in samples, a word at a character of the text from 0, or, where
    ``character`` is None, a pause or another phoneme."""

    sample: int
    character: int | None
    pause: bool = False


def marks(events: Any) -> Iterator[Mark]:
    """Words and phonemes of the array that the callback of the synthesis is given."""
    number = 0
    while events and (event := events[number]).type != _END:
        number += 1
        if event.type == _WORD:
            yield Mark(event.sample, event.text_position - 1)
        elif event.type == _PHONEME:
            yield Mark(event.sample, None, event.id.string.startswith(PAUSE))


def words(text: str, said: Sequence[Mark], samples: int, rate: int) -> tuple[Word, ...]:
    """The words of ``text`` between blanks, those of one event as one, with their times in seconds
    of the ``samples`` at ``rate`` Hz, to the millisecond. A word lasts until the pause behind it,
    or else until the next one begins."""
    tokens = list(re.finditer(r"\S+", text))
    groups = _groups([token.start() for token in tokens], _spans(said, samples))
    behind = [*(token for token, _, _ in groups), len(tokens)][1:]
    return tuple(Word(" ".join(token[0] for token in tokens[first:following]),
                      round(begin / rate, _DIGITS), round(end / rate, _DIGITS))
                 for (first, begin, end), following in zip(groups, behind, strict=True))


def _groups(starts: Sequence[int], spans: Iterable[tuple[tuple[int, int], int]]
            ) -> list[tuple[int, int, int]]:
    """The first token, which ``starts`` at a character, of every span of samples, and the span.
    Spans of one token, of "25" for instance, are one."""
    groups: list[tuple[int, int, int]] = []
    for (begin, character), end in spans:
        token = max(0, bisect_right(starts, character) - 1)
        if groups and token <= groups[-1][0]:
            groups[-1] = (*groups[-1][:2], end)
        else:
            groups.append((token if groups else 0, begin, end))
    return groups


def _spans(said: Sequence[Mark], samples: int) -> Iterator[tuple[tuple[int, int], int]]:
    """Sample and character at which each word begins, and the sample at which it ends."""
    word: tuple[int, int] | None = None
    paused: int | None = None
    for mark in said:
        if mark.character is not None:
            if word:
                yield word, mark.sample if paused is None else paused
            word, paused = (mark.sample, mark.character), None
        elif not mark.pause:
            paused = None
        elif paused is None:
            paused = mark.sample
    if word:
        yield word, samples if paused is None else paused
