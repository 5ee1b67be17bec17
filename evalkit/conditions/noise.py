"""Speech in noise, at a stated ratio of speech to noise."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq

from evalkit.audio import RESAMPLER, active_power, resample, without_mean
from evalkit.conditions.folder import recordings_in
from evalkit.conditions.recipe import number
from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.files import digest
from evalkit.core.names import offer
from evalkit.core.types import Audio, Utterance
from evalkit.recordings.reading import load, seconds

VERSION = 2
"""Changes whenever the same options would give other samples."""
KINDS = ("babble", "stationary", "modulated", "recorded")
POOL = 64
"""At most so many recordings of the corpus are the voices that babble is made of …"""
LONGEST = 10.0
"""… and at most so many seconds of each."""
TAIL = 0.25
"""Seconds at the end of a recording of noise that are read at first, to know that it is whole."""
HEADROOM = 0.99
"""Largest sample of a mixture, as a share of full scale."""

# Long-term average speech spectrum: third-octave centres in Hz, band levels in dB
# (Byrne et al. 1994, J. Acoust. Soc. Am. 96(4), pp. 2108-2120; men and women together).
_CENTRES = (63, 80, 100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000, 2500,
            3150, 4000, 5000, 6300, 8000, 10000, 12500, 16000)
_LEVELS = (38.6, 43.5, 54.4, 57.7, 56.8, 60.2, 60.3, 59.0, 62.1, 62.1, 60.5, 56.8, 53.7, 53.0,
           52.0, 48.7, 48.1, 46.8, 45.6, 44.5, 44.3, 43.7, 43.4, 41.3, 40.7)
SYLLABLES = 4.0
"""Hz at which the envelope of speech changes most; modulated noise spreads an octave around."""
DEPTH = 0.8
"""Standard deviation of the natural logarithm of that envelope."""


@dataclass(frozen=True)
class Voice:
    """A recording of the corpus that babble may use; ``digest`` names its samples."""

    id: str
    speaker: str | None
    audio: Path
    offset: float
    duration: float
    digest: str


@dataclass(frozen=True)
class Noise:
    """Adds noise of one ``kind`` at ``snr_db`` decibels:

    - babble: ``voices`` other speakers of the corpus at equal level (see ``bind``);
    - stationary: Gaussian noise with the long-term spectrum of speech;
    - modulated: the same, with an envelope that rises and falls as that of speech does;
    - recorded: a stretch of one of the user's recordings in ``folder``.

    The level of speech is its active level (ITU-T P.56), that of noise its mean square over the
    utterance, both without their means: an offset (DC) of the recording is no speech, keeps its
    place in the mixture, and one of the noise is taken off. The noise of an utterance follows
    from ``seed``, ``kind`` and the utterance's id, and is the same at every ratio. A mixture
    beyond HEADROOM is turned down as a whole: the ratio is kept, the level is not. Raises
    ConfigError for options that do not go together and for a folder without recordings, or with
    one that cannot be read.
    """

    kind: str
    snr_db: float
    folder: Path | None = None
    seed: int = 0
    voices: int = 6
    pool: tuple[Voice, ...] = field(default=(), init=False, repr=False)
    recordings: tuple[Path, ...] = field(default=(), init=False, repr=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"no noise {self.kind!r}; {offer(self.kind, KINDS)}")
        if not math.isfinite(self.snr_db):
            raise ConfigError(f"snr_db must be a finite number of decibels, not {self.snr_db}")
        if self.voices < 1:
            raise ConfigError(f"voices must be at least 1, not {self.voices}")
        if (self.kind == "recorded") != (self.folder is not None):
            raise ConfigError("folder is where the recordings of noise: recorded lie; "
                              "give both or neither")
        if self.folder is not None:
            found = recordings_in(Path(self.folder), "noise", _check_tail)
            object.__setattr__(self, "recordings", found)

    def bind(self, utterances: Sequence[Utterance]) -> Noise:
        """A copy whose babble is made of recordings of ``utterances``: as many speakers as
        possible, at most POOL recordings, those that can be read and are not silent. Other
        kinds need no binding. Raises ConfigError where there is no such recording."""
        if self.kind != "babble":
            return self
        usable = (voice for utterance in _spread(utterances, self.seed)
                  if (voice := _as_voice(utterance)))
        pool = tuple(islice(usable, POOL))
        if not pool:
            raise ConfigError("noise: babble needs a corpus with recordings to make it of")
        bound = replace(self)
        object.__setattr__(bound, "pool", pool)
        return bound

    @cached_property
    def identity(self) -> str:
        """Names everything that decides the noise: options, voices, recordings, versions."""
        made_of = [(voice.id, voice.speaker, voice.digest) for voice in self.pool]
        made_of += [(path.name, None, digest(path)) for path in self.recordings]
        text = json.dumps([VERSION, RESAMPLER, np.__version__, self.kind, self.snr_db, self.seed,
                           self.voices, made_of])
        return f"{self.kind} {self.snr_db:g} dB {hashlib.sha256(text.encode()).hexdigest()[:16]}"

    def apply(self, speech: Audio, utterance: Utterance) -> Audio:
        """``speech`` with noise, of the same length and rate. Raises UtteranceError of kind
        SilentSpeech, SilentNoise, NoOtherVoices or of reading a recording."""
        loudness = active_power(speech)
        if loudness == 0:
            raise UtteranceError("SilentSpeech", "no ratio of speech to noise without speech")
        noise = without_mean(self._noise(speech, utterance))
        power = float(np.mean(noise**2))
        if power == 0:
            raise UtteranceError("SilentNoise", "the stretch of noise drawn for it is silent")
        gain = math.sqrt(loudness / power / 10 ** (self.snr_db / 10))
        mixture = speech.samples + gain * noise
        mixture *= min(1.0, HEADROOM / float(np.abs(mixture).max()))
        return Audio(mixture.astype(np.float32), speech.rate)

    def drawn(self, utterance: Utterance) -> Path:
        """The recording in ``folder`` that ``utterance`` is heard with a stretch of."""
        return self._recording(self._lots(utterance))

    def _lots(self, utterance: Utterance) -> np.random.Generator:
        return np.random.default_rng(number(self.seed, self.kind, utterance.id))

    def _recording(self, rng: np.random.Generator) -> Path:
        return self.recordings[rng.integers(len(self.recordings))]

    def _noise(self, speech: Audio, utterance: Utterance) -> np.ndarray:
        rng = self._lots(utterance)
        count, rate = len(speech.samples), speech.rate
        match self.kind:
            case "babble":
                return self._babble(count, rate, utterance, rng)
            case "recorded":
                return self._stretch(count, rate, rng)
            case "modulated":
                return speech_shaped(count, rate, rng) * envelope(count, rate, rng)
        return speech_shaped(count, rate, rng)

    def _babble(self, count: int, rate: int, utterance: Utterance,
                rng: np.random.Generator) -> np.ndarray:
        if not self.pool:
            raise ConfigError("noise: babble needs the corpus's voices; bind it to them first")
        others = [voice for voice in self.pool if voice.id != utterance.id
                  and (voice.speaker is None or voice.speaker != utterance.speaker)]
        if not others:
            raise UtteranceError("NoOtherVoices", "babble needs recordings of other speakers")
        chosen = rng.choice(len(others), self.voices, replace=len(others) < self.voices)
        babble = np.zeros(count)
        for index in chosen:
            voice = _voice_samples(others[index], rate)
            babble += np.resize(np.roll(voice, -rng.integers(len(voice))), count)
        return babble

    def _stretch(self, count: int, rate: int, rng: np.random.Generator) -> np.ndarray:
        path = self._recording(rng)
        length, wanted = seconds(path), count / rate
        spare = max(0.0, length - wanted)
        stretch = load(path, offset=spare * rng.random(), duration=min(wanted, length))
        return np.resize(resample(stretch, rate).samples.astype(np.float64), count)


def _spread(utterances: Sequence[Utterance], seed: int) -> list[Utterance]:
    """``utterances`` in an order drawn by ``seed``, one of each speaker before a second of any."""
    drawn = sorted(utterances, key=lambda u: number(seed, "pool", u.id))
    turns: Counter[str] = Counter()
    ranked = []
    for utterance in drawn:
        speaker = utterance.speaker or utterance.id
        ranked.append((turns[speaker], utterance))
        turns[speaker] += 1
    return [utterance for _, utterance in sorted(ranked, key=lambda r: r[0])]


def _as_voice(utterance: Utterance) -> Voice | None:
    """None where there is no recording, or it cannot be read, or is silent; the utterance's own
    rows of the run say so."""
    if utterance.audio is None:
        return None
    try:
        length = utterance.duration or seconds(utterance.audio) - utterance.offset
        duration = min(LONGEST, max(length, 0.0))
        audio = load(utterance.audio, offset=utterance.offset, duration=duration)
    except UtteranceError:
        return None
    if not without_mean(audio.samples).any():
        return None
    digest = hashlib.sha256(audio.samples.tobytes() + str(audio.rate).encode()).hexdigest()
    return Voice(utterance.id, utterance.speaker, utterance.audio, utterance.offset, duration,
                 digest)


@lru_cache(maxsize=POOL)
def _voice_samples(voice: Voice, rate: int) -> np.ndarray:
    """The voice at ``rate`` Hz, without its mean and of unit active power."""
    audio = resample(load(voice.audio, offset=voice.offset, duration=voice.duration), rate)
    return (without_mean(audio.samples) / math.sqrt(active_power(audio))).astype(np.float32)


def _check_tail(path: Path) -> None:
    load(path, offset=max(0.0, seconds(path) - TAIL))


def speech_shaped(count: int, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise with the long-term average spectrum of speech."""
    density = np.array(_LEVELS) - 10 * np.log10(_CENTRES)

    def gain(frequencies: np.ndarray) -> np.ndarray:
        return 10 ** (np.interp(frequencies, _CENTRES, density, left=-math.inf) / 20)
    return filtered(count, rate, gain, rng)


def envelope(count: int, rate: int, rng: np.random.Generator) -> np.ndarray:
    """A positive envelope that changes about SYLLABLES times a second."""
    def gain(frequencies: np.ndarray) -> np.ndarray:
        octaves = np.log2(np.maximum(frequencies, 1e-9) / SYLLABLES)
        return np.exp(-(octaves**2) / 2)
    slow = filtered(count, rate, gain, rng)
    return np.exp(DEPTH * slow / max(float(np.std(slow)), 1e-12))


def filtered(count: int, rate: int, gain: Callable[[np.ndarray], np.ndarray],
              rng: np.random.Generator) -> np.ndarray:
    """``count`` samples of white Gaussian noise times ``gain`` of each frequency in Hz."""
    size = next_fast_len(count, real=True)
    spectrum = rfft(rng.standard_normal(size)) * gain(rfftfreq(size, 1 / rate))
    return irfft(spectrum, size)[:count]
