"""The tokens that an error rate counts: words where writing parts them by spaces, else characters.

Han, kana, bopomofo, Thai, Lao, Khmer, Burmese, Tibetan, Tai, Yi, Javanese and Balinese writing has
no space between words, so what is between two spaces is a phrase or a sentence there. Hangul and
the Latin letters of Vietnamese have.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

SCRIPTS: Mapping[str, str] = {
    "Han": "\u2e80-\u2fdf\u3005\u3007\u3021-\u3029\u3038-\u303b\u3400-\u4dbf\u4e00-\u9fff"
           "\uf900-\ufaff\U0001b170-\U0001b2ff\U00020000-\U0003ffff",
    "kana": "\u3031-\u3035\u3041-\u3096\u3099-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
            "\uff66-\uff9f\U0001aff0-\U0001b16f",
    "bopomofo": "\u3105-\u312f\u31a0-\u31bf",
    "Thai": "\u0e01-\u0e3a\u0e40-\u0e4e",
    "Lao": "\u0e81-\u0ecd\u0edc-\u0edf",
    "Tibetan": "\u0f00\u0f18\u0f19\u0f35\u0f37\u0f39\u0f3e-\u0f84\u0f86-\u0fbc",
    "Burmese": "\u1000-\u103f\u104c-\u108f\u109a-\u109d\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa7f",
    "Khmer": "\u1780-\u17d3\u17d7\u17dc\u17dd",
    "Tai": "\u1950-\u197f\u1980-\u19cf\u1a20-\u1a7f\u1aa7\uaa80-\uaadd",
    "Yi": "\ua000-\ua48f",
    "Javanese": "\ua980-\ua9c0",
    "Balinese": "\u1b00-\u1b4b",
}
"""Letters and marks of the scripts that do not part words by spaces, as classes of regular
expressions; digits and punctuation of theirs are none."""

UNPARTED = "".join(SCRIPTS.values())
"""All of them, as the inside of a class."""
_LETTER = re.compile(f"[{UNPARTED}]")
_TOKEN = re.compile(f"[{UNPARTED}]|[^{UNPARTED}\\s]+")
_IDLE_SPACE = re.compile(f"(?<=[{UNPARTED}])\\s+|\\s+(?=[{UNPARTED}])")


def unparted(text: str) -> str | None:
    """The script of the first letter of ``text`` whose writing does not part words by spaces, None
    where there is none."""
    found = None if text.isascii() else _LETTER.search(text)
    return found and next(name for name, letters in SCRIPTS.items()
                          if re.match(f"[{letters}]", found[0]))


def words(text: str) -> list[str]:
    """What lies between whitespace."""
    return text.split()


def mixed(text: str) -> list[str]:
    """The tokens of a mixed error rate: each character (code point) of a script of SCRIPTS, and
    words of the others."""
    return text.split() if text.isascii() else _TOKEN.findall(text)


def characters(text: str) -> str:
    """Code points, and the space between two words; beside a character of SCRIPTS a space parts no
    words, and is none."""
    return text if text.isascii() else _IDLE_SPACE.sub("", text)
