"""The espeak-ng synthesiser, through the library that the ``espeakng_loader`` wheel carries.

Its state outlives every call: the pitch flutter goes on where the last utterance left it, even
after espeak_Terminate. So the library is loaded anew for each utterance (about 7 ms), which
makes a recording depend on its own arguments only.
"""

from __future__ import annotations

import _ctypes
import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from evalkit.core.errors import ConfigError
from evalkit.core.plugins import missing_package
from evalkit.core.types import Audio, Word
from evalkit.corpora.synthesis.events import PHONEME_EVENTS, EspeakEvent, Mark, marks, words

try:
    import espeakng_loader
except ModuleNotFoundError as error:
    raise missing_package(error, "corpus synth") from error

# Names and values of espeak-ng's speak_lib.h.
_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_IPA = 2
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int,
                             ctypes.POINTER(EspeakEvent))

VOLUME = 40
"""Of 100, at which the louder variants do not clip."""
RANDOM_SEED = 1

FEMALE = ("Alicia", "Andrea", "Annie", "anika", "aunty", "belinda", "f1", "f2", "f3", "f4", "f5",
          "linda", "steph", "steph2")
"""Voice variants with a woman's pitch and formants."""
MALE = ("Alex", "Andy", "Denis", "Diogo", "Gene", "Gene2", "Henrique", "Hugo", "Mario", "Michael",
        "Mike", "Nguyen", "boris", "gustave", "iven4", "m1", "m2", "m3", "m4", "m5", "m6", "m7",
        "m8", "marcelo", "max", "michel", "miguel", "pedro", "quincy", "rob", "robert", "sandro",
        "travis", "victor")
"""Voice variants with a man's. Whispers, robots, effects and the Klatt synthesiser's (whose
breath noise cannot be seeded) are in neither."""


@dataclass(frozen=True)
class Voice:
    """``accent`` is espeak-ng's voice file, such as ``gmw/en-US``; ``variant`` one of FEMALE or
    MALE; ``rate`` in words a minute; ``pitch`` and ``range`` from 0 to 99, 50 is the variant's
    own."""

    accent: str
    variant: str
    rate: int
    pitch: int
    range: int


class Speech(NamedTuple):
    """What was said, and when its words were (evalkit.corpora.synthesis.events)."""

    audio: Audio
    words: tuple[Word, ...]


def speak(text: str, voice: Voice) -> Speech:
    """``text`` spoken, at 22.05 kHz. The same arguments give the same samples. Raises
    ConfigError where there is no such voice."""
    with _library() as (library, rate, said):
        name = f"{voice.accent}+{voice.variant}"
        if library.espeak_SetVoiceByName(name.encode()):
            raise ConfigError(f"espeak-ng has no voice {name!r}; `espeak-ng --voices=en` lists "
                              "its English voice files")
        for parameter, value in ((_RATE, voice.rate), (_VOLUME, VOLUME), (_PITCH, voice.pitch),
                                 (_RANGE, voice.range)):
            library.espeak_SetParameter(parameter, value, 0)
        data = text.encode()
        library.espeak_Synth(data, ctypes.c_size_t(len(data) + 1), 0, 1, 0, _CHARS_UTF8, None,
                             None)
    samples = np.frombuffer(b"".join(said.chunks), dtype=np.int16)
    return Speech(Audio(samples.astype(np.float32) / 32768, rate),
                  words(text, said.marks, len(samples), rate))


def phonemes(text: str, accent: str = "gmw/en-US") -> str:
    """How the voice file ``accent`` pronounces ``text``, in the International Phonetic Alphabet."""
    said, rest = [], ctypes.c_char_p(text.encode())
    with _library() as (library, _, _):
        library.espeak_SetVoiceByName(accent.encode())
        library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        while rest.value:
            said.append(library.espeak_TextToPhonemes(ctypes.byref(rest), _CHARS_UTF8, _IPA))
    return b" ".join(said).decode()


def version() -> str:
    """espeak-ng's version, such as ``espeak-ng 1.52.0``."""
    with _library() as (library, _, _):
        library.espeak_Info.restype = ctypes.c_char_p
        return f"espeak-ng {library.espeak_Info(None).decode()}"


@dataclass
class _Said:
    """What the library gave so far: 16-bit samples in pieces, and its events."""

    chunks: list[bytes] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)


@contextmanager
def _library() -> Iterator[tuple[ctypes.CDLL, int, _Said]]:
    """The library freshly loaded, its sampling rate in Hz, and where what it says will be put."""
    said = _Said()

    @_Callback
    def keep(samples, count, events):  # type: ignore[no-untyped-def]
        if samples and count > 0:
            said.chunks.append(ctypes.string_at(samples, 2 * count))
        said.marks.extend(marks(events))
        return 0

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    try:
        rate = library.espeak_Initialize(_SYNCHRONOUS, 0,
                                         str(espeakng_loader.get_data_path()).encode(),
                                         _DONT_EXIT | PHONEME_EVENTS)
        library.espeak_ng_SetRandSeed(ctypes.c_long(RANDOM_SEED))
        library.espeak_SetSynthCallback(keep)
        yield library, rate, said
        library.espeak_Terminate()
    finally:
        _ctypes.dlclose(library._handle)
