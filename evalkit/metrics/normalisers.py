"""Named, versioned text normalisers; both sides of a comparison go through the same one.

    none              words are what lies between whitespace; nothing else changes
    basic             any script: Unicode form, apostrophes and case made equal, punctuation gone
    whisper_english   Whisper's English rules: numbers, contractions, spelling, fillers

A normaliser can change the gap between two groups of speakers: compare a gap under two.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

from evalkit.core.errors import ConfigError
from evalkit.core.names import offer

CANONICAL = "canonical-1"
APOSTROPHES = dict.fromkeys(map(ord, "\u2018\u2019\u201b\u02bc\u00b4\u0060\u2032\uff07"), "'")
JOINERS = "\u200c\u200d"  # they change letters in Indic and Persian writing
ZERO_WIDTH_SPACE = "\u200b"  # ends a word in Thai, Khmer and others


@dataclass(frozen=True)
class Normaliser:
    """Text to text whose words are separated by single spaces. ``version`` changes whenever
    the result could."""

    name: str
    version: str
    function: Callable[[str], str]

    def __call__(self, text: str) -> str:
        return self.function(text)


@cache
def normaliser(name: str) -> Normaliser:
    """The normaliser of that name. Raises ConfigError, listing the names, for another."""
    if name not in _MAKERS:
        raise ConfigError(f"no text normaliser {name!r}; {offer(name, _MAKERS)}")
    return _MAKERS[name]()


def canonical(text: str) -> str:
    """``text`` in Unicode form NFKC with one kind of apostrophe and one kind of space, without
    invisible characters such as soft hyphens and direction marks."""
    text = text.translate(APOSTROPHES).translate(_VISIBLE)
    return _spaced(unicodedata.normalize("NFKC", text))


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _basic(text: str) -> str:
    """Casefolded, symbols and punctuation made spaces; apostrophes stay inside words, and marks
    stay, because vowel signs of Indic scripts are marks."""
    text = canonical(canonical(text).casefold())  # casefolding can bring back other forms
    words = (word.strip("'" + JOINERS) for word in text.translate(_WORDS).split())
    return " ".join(word for word in words if word)


class _Table(dict[int, str]):
    """A table for str.translate that is filled as characters are met."""

    def __init__(self, replace: Callable[[str], str]) -> None:
        super().__init__()
        self.replace = replace

    def __missing__(self, code: int) -> str:
        self[code] = self.replace(chr(code))
        return self[code]


def _visible(character: str) -> str:
    if character == ZERO_WIDTH_SPACE:
        return " "
    hidden = unicodedata.category(character) == "Cf" and character not in JOINERS
    return "" if hidden else character


def _word_part(character: str) -> str:
    category = unicodedata.category(character)
    separates = category[0] in "PS" or category == "Cc"
    return " " if separates and character != "'" else character


_VISIBLE, _WORDS = _Table(_visible), _Table(_word_part)


def _none() -> Normaliser:
    return Normaliser("none", "none-1", _spaced)


def _make_basic() -> Normaliser:
    unicode = f"Unicode {unicodedata.unidata_version}"
    return Normaliser("basic", f"basic-1 {CANONICAL} {unicode}", _basic)


def _whisper_english() -> Normaliser:
    from whisper_normalizer.english import EnglishTextNormalizer

    rules = EnglishTextNormalizer()
    return Normaliser(
        "whisper_english",
        f"whisper_english whisper_normalizer {version('whisper_normalizer')} + {CANONICAL}",
        lambda text: _spaced(rules(canonical(text))))


_MAKERS = {"none": _none, "basic": _make_basic, "whisper_english": _whisper_english}
