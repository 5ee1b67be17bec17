"""Which characters are one letter: what Unicode or a language's writing does not tell apart.

``unified`` makes them equal, and takes away what is no letter of a word at all. It knows no
language: what one language tells apart and another does not is kept apart, except where said in
docs/text.md.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from evalkit.metrics.tokens import UNPARTED

JOINERS = "\u200c\u200d"
"""They change letters in Indic and Persian writing."""
_WORD_BREAK = re.compile(f"(?<=[{UNPARTED}])\u200b+|\u200b+(?=[{UNPARTED}])")
"""The zero-width space ends a word in Thai, Khmer and others; elsewhere it parts none."""

APOSTROPHES = dict.fromkeys(map(ord, (
    "\u2018\u2019\u201b\u2032\u02bc\u00b4\u0060\uff07"
    "\u02b9\u02bb\u02bd\u02be\u02bf\u02c8"  # Uzbek oʻ gʻ, Hawaiian ʻokina, transliterated Arabic
    "\u055a\u05f3\u07f4\u07f5\ua78b\ua78c\u1fbd\u1fbf")), "'")
"""Whatever is written for an apostrophe."""


class Table(dict[int, str]):
    """A table for str.translate that is filled as characters are met."""

    def __init__(self, replace: Callable[[str], str]) -> None:
        super().__init__()
        self.replace = replace

    def __missing__(self, code: int) -> str:
        self[code] = self.replace(chr(code))
        return self[code]


def visible(text: str) -> str:
    """``text`` without zero-width spaces, soft hyphens, direction marks, variation selectors and
    other invisible characters, which part no word; in writing that does not part words by spaces
    a zero-width space is a space."""
    return _WORD_BREAK.sub(" ", text).translate(_VISIBLE)


def _visible(character: str) -> str:
    hidden = unicodedata.category(character) == "Cf" and character not in JOINERS
    return "" if hidden or re.match(_BLANK, character) else character


_BLANK = (  # joiners of graphemes, variation selectors, fillers of Hangul, inherent vowels of Khmer
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]")
_VISIBLE = Table(_visible)

PICTURES = re.compile("[\u2122\u2120\u2139\u24c2\u3297\u3299\U0001f100-\U0001f2ff]")
"""Marks and emoji that compatibility (NFKC) would make letters of: ™, ℠, ℹ, Ⓜ, ㊗, 🈚 …"""

_IDLE_JOINERS = re.compile("(?<=[\0-\u05ff])[\u200c\u200d]+|[\u200c\u200d]+(?=[\0-\u05ff])")
"""Of writing in which they change no letter."""
_NO_LETTER = re.compile(
    "(?<=[ij])\u0307+"  # what is left of İ when its case is folded
    "|(?<=\u0435)[\u0301\u0308]+"  # Russian ё, which is mostly written е
    "|(?<=[\u0400-\u04ff])\u0301+")  # the stress of Cyrillic; ѓ and ќ are composed
_SEVERAL = {
    # Malayalam chillus and Bengali khanda ta, as they were written before Unicode had them
    "\u0d23\u0d4d\u200d": "\u0d7a", "\u0d28\u0d4d\u200d": "\u0d7b", "\u0d30\u0d4d\u200d": "\u0d7c",
    "\u0d32\u0d4d\u200d": "\u0d7d", "\u0d33\u0d4d\u200d": "\u0d7e", "\u0d15\u0d4d\u200d": "\u0d7f",
    "\u09a4\u09cd\u200d": "\u09ce",
}
_SEQUENCES = re.compile("|".join(_SEVERAL))
_ONE_FOR_ONE = {
    "\u06cc": "\u064a", "\u06a9": "\u0643",  # Persian and Arabic yeh and kaf
    "\u06c1": "\u0647", "\u06c3": "\u0629",  # Urdu and Arabic heh, teh marbuta
    "\u0451": "\u0435",  # ё
    "\u0153": "oe",
    "\u05f0": "\u05d5\u05d5", "\u05f1": "\u05d5\u05d9", "\u05f2": "\u05d9\u05d9",  # Yiddish
    "\u0219": "\u015f", "\u021b": "\u0163", "\u0326": "\u0327",  # Romanian, Latvian: comma, cedilla
}
_STRETCH = "\u0640"  # tatweel
_POINTS = (  # Arabic and Hebrew: vowels and cantillation, which most writing leaves out
    "[\u064b-\u0652\u0670\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7]")


def _one(character: str) -> str:
    """What stands for ``character``, nothing where it may be left out."""
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category == "Me" or character == _STRETCH or re.match(_POINTS, character):
        return ""
    return _ONE_FOR_ONE.get(character, character)


_LETTERS = Table(_one)


def unified(text: str) -> str:
    """``text``, which is in Unicode form NFKC and of folded case, with one character for whatever
    is one letter, and decimal digits of any script as 0 to 9. Of composed form (NFC)."""
    while (changed := _unified(text)) != text:  # what is left out may have kept marks apart
        text = changed
    return text


def _unified(text: str) -> str:
    text = _SEQUENCES.sub(lambda found: _SEVERAL[found[0]], text).translate(_LETTERS)
    return unicodedata.normalize("NFC", _NO_LETTER.sub("", _IDLE_JOINERS.sub("", text)))
