"""Praat's TextGrids, in the long and the short form of text.

Both are read as Praat reads them: texts in quotes, numbers and flags that stand by themselves
count, in their order, and all else ("xmin =", "intervals [1]:") is a comment.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

from evalkit.core.errors import ManifestError
from evalkit.core.files import regular
from evalkit.core.types import Word

SUFFIX = ".textgrid"
WORDS = ("words", "word")
"""Names of the tier of words, whatever their case; "SPEAKER - words" is one too."""
SILENCE = frozenset({"", "<eps>", "<sil>", "sil", "sp"})
"""Intervals that are no words."""
LARGEST = 1 << 26
"""Bytes of a file."""
_TOKEN = re.compile(r'"((?:[^"]|"")*)"(?!\S)|!.*|(\S+)')
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")
_INTERVALS, _POINTS = "IntervalTier", "TextTier"
Item = str | float
Tiers = dict[str, list[tuple[float, float, str]]]
"""Start, end and text of the intervals of each tier of intervals."""


def words_in(path: Path, tier: str | None = None) -> tuple[Word, ...]:
    """The words of the file's ``tier``, or of the only one of the names WORDS, with their times in
    seconds. Raises ValueError where the file cannot be read, or has no such tier or several."""
    tiers = parsed(_text(path))
    said = (Word(text.strip(), start, end) for start, end, text in tiers[_chosen(tiers, tier)])
    return tuple(word for word in said if word.text not in SILENCE)


def parsed(text: str) -> Tiers:
    """The tiers of intervals of a TextGrid. Raises ValueError where it is none, or not whole."""
    items = _items(text)
    try:
        if not {"ooTextFile", "ooTextFile short"} & {next(items)} or next(items) != "TextGrid":
            raise ValueError("is no TextGrid as text")
        _span(items)
        n = _count(items) if next(items) == "<exists>" else 0
        tiers: Tiers = {}
        for _ in range(n):
            _add_tier(tiers, items)
    except StopIteration:
        raise ValueError("ends too early") from None
    return tiers


def _add_tier(tiers: Tiers, items: Iterator[Item]) -> None:
    """Reads a tier, and keeps one of intervals."""
    kind, name = _quoted(items), _quoted(items)
    _span(items)
    entries = [_entry(items, kind) for _ in range(_count(items))]
    if kind == _INTERVALS and tiers.setdefault(name, entries) is not entries:
        raise ValueError(f"has two tiers called {name!r}")


def _text(path: Path) -> str:
    try:
        if (size := regular(path).stat().st_size) > LARGEST:
            raise ValueError(f"has {size:,} bytes; at most {LARGEST:,} are read")
        data = path.read_bytes()
    except (OSError, ManifestError) as error:
        raise ValueError(f"cannot be read: {error}") from error
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise ValueError("is neither UTF-8 nor UTF-16; save it as one of them in Praat") from None


def _items(text: str) -> Iterator[Item]:
    """Quoted texts, numbers, and flags as they are written, ``<exists>``."""
    for match in _TOKEN.finditer(text):
        quoted, word = match.groups()
        if quoted is not None:
            yield quoted.replace('""', '"')
        elif word and word.startswith('"'):
            raise ValueError("has a quote that is never closed")
        elif word in ("<exists>", "<absent>"):
            yield word
        elif word and _NUMBER.fullmatch(word):
            yield float(word)


def _entry(items: Iterator[Item], kind: str) -> tuple[float, float, str]:
    if kind not in (_INTERVALS, _POINTS):
        raise ValueError(f"has a tier of the unknown kind {kind[:30]!r}")
    start = _number(items)
    return start, start if kind == _POINTS else _number(items), _quoted(items)


def _span(items: Iterator[Item]) -> None:
    _number(items)
    _number(items)


def _number(items: Iterator[Item]) -> float:
    item = next(items)
    if isinstance(item, str) or not math.isfinite(item):
        raise ValueError(f"has {str(item)[:30]!r} where a number is to stand")
    return item


def _count(items: Iterator[Item]) -> int:
    number = _number(items)
    if number != int(number) or number < 0:
        raise ValueError(f"has {number} where a count is to stand")
    return int(number)


def _quoted(items: Iterator[Item]) -> str:
    item = next(items)
    if not isinstance(item, str):
        raise ValueError(f"has {item} where a text in quotes is to stand")
    return item


def _chosen(tiers: Tiers, tier: str | None) -> str:
    found = [name for name in tiers if _has_words(name, tier)]
    if len(found) == 1:
        return found[0]
    named = ", ".join(map(repr, found or tiers)) or "none"
    wanted = "called words" if tier is None else f"called {tier!r}"
    raise ValueError(f"has {len(found) or 'no'} tiers of intervals {wanted} (there: {named}); name "
                     "one with --tier")


def _has_words(name: str, tier: str | None) -> bool:
    """Whether the tier of a name is that of the words."""
    return name == tier if tier is not None else name.lower().rpartition(" - ")[2] in WORDS
