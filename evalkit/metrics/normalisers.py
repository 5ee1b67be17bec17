"""Named, versioned text normalisers; both sides of a comparison go through the same one.

    none              words are what lies between whitespace; nothing else changes
    basic             any script: Unicode form, apostrophes and case made equal, letters that
                      writing makes one made one, punctuation and marks without a letter gone
    basic_turkish     the same with the case of Turkish and Azerbaijani: I is ı, İ is i
    whisper_english   Whisper's English rules: numbers, contractions, spelling, fillers

A normaliser can change the gap between two groups of speakers: compare a gap under two.
docs/text.md has what each one does.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

from evalkit.core.errors import ConfigError
from evalkit.core.names import offer
from evalkit.metrics.letters import (
    APOSTROPHES,
    JOINERS,
    PICTURES,
    Table,
    unified,
    visible,
)

CANONICAL = "canonical-3"
_INTERPUNCT = re.compile("(?<=l)[\u00b7\u2027\u2219\u22c5](?=l)")
"""Of Catalan l·l, which is one letter."""
_OTHER_DOTS = re.compile("(?<!l)\u00b7|\u00b7(?!l)")
_KEPT = "'\u00b7"
"""Punctuation that may be part of a word."""


@dataclass(frozen=True)
class Normaliser:
    """Text to text whose words are separated by single spaces. ``version`` changes whenever
    the result could. ``by_word`` says that a word becomes the same whatever stands beside it."""

    name: str
    version: str
    function: Callable[[str], str]
    by_word: bool = True

    def __call__(self, text: str) -> str:
        return self.function(text)


@cache
def normaliser(name: str) -> Normaliser:
    """The normaliser of that name. Raises ConfigError, listing the names, for another."""
    if name not in _MAKERS:
        raise ConfigError(f"no text normaliser {name!r}; {offer(name, _MAKERS)}")
    return _MAKERS[name]()


def check_normalisers(names: Sequence[str]) -> None:
    """Raises ConfigError for a name that there is not, and for one that is given twice."""
    for index, name in enumerate(names):
        normaliser(name)
        if name in names[:index]:
            raise ConfigError(f"the text normaliser {name!r} is named twice; once is enough")


def canonical(text: str) -> str:
    """``text`` in Unicode form NFKC with one kind of apostrophe and one kind of space, without
    invisible characters such as soft hyphens, direction marks and variation selectors."""
    text = unicodedata.normalize("NFKC", visible(text.translate(APOSTROPHES)))
    return _spaced(text.translate(APOSTROPHES))


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _basic(text: str) -> str:
    """Casefolded, letters unified, symbols and punctuation made spaces; apostrophes stay inside
    words, and so do marks, because vowel signs of Indic scripts are marks."""
    if text.isascii():
        plain = text.replace("`", "'").lower()
        only_words = plain.replace(" ", "").isalnum()  # most texts are, and so soon done
        return _spaced(plain) if only_words else _words(plain)
    folded = canonical(PICTURES.sub(" ", text)).casefold()
    return _words(unified(canonical(folded)))  # folding can bring back other forms


def _turkish(text: str) -> str:
    composed = unicodedata.normalize("NFC", text)
    return _basic(composed.replace("\u0130", "i").replace("I", "\u0131"))


def _words(text: str) -> str:
    if "\u00b7" in (text := _INTERPUNCT.sub("\u00b7", text)):
        text = _OTHER_DOTS.sub(" ", text)
    words = (word.strip(_KEPT + JOINERS) for word in text.translate(_PARTS).split())
    return " ".join(word for word in words if word.isalnum() or _is_word(word))


def _is_word(text: str) -> bool:
    """Whether it has a letter or a digit."""
    return any(unicodedata.category(character)[0] in "LN" for character in text)


def _word_part(character: str) -> str:
    category = unicodedata.category(character)
    separates = category[0] in "PS" or category == "Cc"
    return " " if separates and character not in _KEPT else character


_PARTS = Table(_word_part)


def _none() -> Normaliser:
    return Normaliser("none", "none-1", _spaced)


def _make_basic() -> Normaliser:
    return Normaliser("basic", f"basic-2 {CANONICAL} {_UNICODE}", _basic)


def _make_turkish() -> Normaliser:
    return Normaliser("basic_turkish", f"basic_turkish-1 {CANONICAL} {_UNICODE}", _turkish)


_UNICODE = f"Unicode {unicodedata.unidata_version}"


def _whisper_english() -> Normaliser:
    from whisper_normalizer.english import EnglishTextNormalizer

    rules = EnglishTextNormalizer()
    return Normaliser(
        "whisper_english",
        f"whisper_english whisper_normalizer {version('whisper_normalizer')} + {CANONICAL}",
        lambda text: _spaced(rules(canonical(text))), by_word=False)


_MAKERS = {"none": _none, "basic": _make_basic, "basic_turkish": _make_turkish,
           "whisper_english": _whisper_english}
