"""Pronunciations in the phonemes of the CMU dictionary, which pocketsphinx's models know, of words
that the dictionary has not: as espeak-ng says them in General American."""

from __future__ import annotations

import re

from evalkit.core.errors import UtteranceError

ARPABET = {
    "aɪɚ": "AY ER", "aɪə": "AY AH", "ɑːɹ": "AA R", "ɔːɹ": "AO R", "oːɹ": "AO R", "ɛɹ": "EH R",
    "ɪɹ": "IH R", "ʊɹ": "UH R", "tʃ": "CH", "dʒ": "JH", "eɪ": "EY", "aɪ": "AY", "aʊ": "AW",
    "ɔɪ": "OY", "oʊ": "OW", "iː": "IY", "uː": "UW", "ɑː": "AA", "ɔː": "AO", "ɜː": "ER", "oː": "AO",
    "i": "IY", "ɪ": "IH", "ᵻ": "IH", "e": "EH", "ɛ": "EH", "æ": "AE", "a": "AE", "ɑ": "AA",
    "ɔ": "AO", "o": "OW", "ʊ": "UH", "u": "UW", "ʌ": "AH", "ə": "AH", "ɐ": "AH", "ɚ": "ER",
    "ɜ": "ER", "p": "P", "b": "B", "t": "T", "d": "D", "k": "K", "ɡ": "G", "f": "F", "v": "V",
    "θ": "TH", "ð": "DH", "s": "S", "z": "Z", "ʃ": "SH", "ʒ": "ZH", "h": "HH", "m": "M", "n": "N",
    "ŋ": "NG", "l": "L", "ɹ": "R", "r": "R", "j": "Y", "w": "W", "ɾ": "T", "ʔ": "T", "x": "K",
    "ç": "HH", "ɬ": "L", "y": "UW", "ø": "ER"}
"""Of the signs that espeak-ng writes; the longest that fits counts."""
_IGNORED = re.compile(r"[ˈˌː\u0329\u0303\u200d\s_-]|\([a-z-]+\)")
_SIGN = re.compile("|".join(sorted(map(re.escape, ARPABET), key=len, reverse=True)))


def pronunciation(word: str) -> str:
    """The phonemes of ``word``, parted by blanks. Raises UtteranceError of kind NoPronunciation
    where espeak-ng's have no counterpart, and PluginError where espeak-ng is not installed."""
    from evalkit.corpora.synthesis import espeak

    said = espeak.phonemes(word)
    found = _SIGN.findall(said)
    strange = _IGNORED.sub("", _SIGN.sub("", said))
    if strange or not found:
        raise UtteranceError("NoPronunciation", f"{word!r} is not in pocketsphinx's dictionary, "
                             f"and has no pronunciation of General American ({said!r})")
    return " ".join(ARPABET[sign] for sign in found)
