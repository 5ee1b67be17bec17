"""Speech quality and intelligibility of one waveform, mostly against its clean recording.

The scores come from the packages that the field uses; what is added here is that a number is
only ever given where it means something. Too short, too long or silent signals, for which the
packages return a plausible constant, NaN or noise, raise UtteranceError instead.
"""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from evalkit.audio import RESAMPLER, resample
from evalkit.core.errors import UtteranceError
from evalkit.core.types import Audio, Fact, Measurement, Output, Utterance

WITH_REFERENCE = frozenset({"audio", "reference_audio"})
PESQ_RATE = DNSMOS_RATE = 16000
PESQ_LONGEST = 60.0
"""Seconds. P.862 was validated on shorter speech still, and its code may crash on longer."""
STOI_SHORTEST = 0.41
"""Seconds that hold the 30 frames of 25.6 ms, half overlapping, which STOI correlates."""
SI_SDR_LARGEST = -20 * math.log10(np.finfo(np.float32).eps)
"""About 138 dB, the relative spacing of float32 samples: beyond it a ratio is rounding."""


def _heard(output: Output) -> Audio:
    """The output. Raises UtteranceError of kind NoAudio, EmptyAudio, NotFinite, SilentOutput."""
    if output.audio is None:
        raise UtteranceError("NoAudio", "the pipeline gave no audio")
    _check(output.audio, "output")
    return output.audio


def _pair(output: Output) -> tuple[Audio, Audio]:
    """The clean recording and the output, of one rate and length. Raises UtteranceError of a
    kind of ``_heard``, NoReference, SilentReference, UnequalRate or UnequalLength."""
    clean, heard = output.reference_audio, output.audio
    if clean is None:
        raise UtteranceError("NoReference", "there is no clean recording to compare with")
    _check(clean, "reference")
    heard = _heard(output)
    if clean.rate != heard.rate:
        raise UtteranceError("UnequalRate", f"output has {heard.rate} Hz, reference {clean.rate}")
    if len(clean.samples) != len(heard.samples):
        raise UtteranceError("UnequalLength", f"output has {len(heard.samples)} samples, "
                                              f"reference {len(clean.samples)}")
    return clean, heard


def _check(audio: Audio, what: str) -> None:
    if not len(audio.samples):
        raise UtteranceError("EmptyAudio", f"the {what} has no samples")
    if not np.isfinite(audio.samples).all():
        raise UtteranceError("NotFinite", f"the {what} holds NaN or infinite samples")
    if not audio.samples.any():
        raise UtteranceError(f"Silent{what.capitalize()}", f"every sample of the {what} is 0")


def _too_short(audio: Audio, need: str) -> UtteranceError:
    return UtteranceError("TooShort", f"{audio.duration:.2f} s, {need}")


@dataclass(frozen=True)
class _Pesq:
    name: ClassVar[str]
    mode: ClassVar[str]
    needs: ClassVar[frozenset[str]] = WITH_REFERENCE
    text_options: ClassVar[frozenset[str]] = frozenset()

    @property
    def version(self) -> str:
        return f"1, pesq {version('pesq')}, {PESQ_RATE} Hz by {RESAMPLER}"

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        clean, heard = _pair(output)
        if clean.duration > PESQ_LONGEST:
            raise UtteranceError(
                "TooLong", f"{clean.duration:.0f} s, PESQ takes at most {PESQ_LONGEST:.0f} s")
        return {self.name: Measurement(_pesq(clean, heard, self.mode))}


def _pesq(clean: Audio, heard: Audio, mode: str) -> float:
    from pesq import PesqError, pesq

    reference, degraded = (resample(audio, PESQ_RATE).samples for audio in (clean, heard))
    # The package raises a bare ValueError for NaN unless it is asked for its return values.
    score = float(pesq(PESQ_RATE, reference, degraded, mode, PesqError.RETURN_VALUES))
    if score == PesqError.BUFFER_TOO_SHORT:
        raise _too_short(clean, "PESQ needs 0.25 s")
    if score == PesqError.NO_UTTERANCES_DETECTED:
        raise UtteranceError("NoUtterances", "PESQ finds no speech in the reference")
    if math.isnan(score):
        raise UtteranceError("SilentOutput", "PESQ hears nothing in the output")
    if score < 0:
        raise UtteranceError("PesqFailed", f"PESQ stopped with code {score:.0f}")
    return score


_PESQ_FACT = ("Perceptual quality of the output against the clean recording by ITU-T {standard}, "
              "as predicted listening quality (MOS-LQO) from about 1.0 to {best}, both at 16 kHz. "
              "It cannot tell a wrong level or a delay")


@dataclass(frozen=True)
class PesqWideband(_Pesq):
    """PESQ after ITU-T P.862.2, MOS-LQO in about [1.04, 4.64]; see ``PesqNarrowband``."""

    name: ClassVar[str] = "pesq_wb"
    mode: ClassVar[str] = "wb"
    facts: ClassVar[Mapping[str, Fact]] = {"pesq_wb": Fact(
        "MOS", True, _PESQ_FACT.format(standard="P.862.2 (wideband)", best=4.64),
        title="PESQ, wideband")}


@dataclass(frozen=True)
class PesqNarrowband(_Pesq):
    """PESQ after ITU-T P.862 mapped by P.862.1, MOS-LQO in about [1.02, 4.55], of signals at
    16 kHz (at 8 kHz scores differ in the second decimal).

    Raises UtteranceError of a kind of ``_pair``, TooShort (under 0.25 s), TooLong or
    NoUtterances. The P.862 code keeps 50 stretches of speech; on more, which takes over 20 s
    of many short pauses, it may end the process."""

    name: ClassVar[str] = "pesq_nb"
    mode: ClassVar[str] = "nb"
    facts: ClassVar[Mapping[str, Fact]] = {"pesq_nb": Fact(
        "MOS", True, _PESQ_FACT.format(standard="P.862.1 (narrowband)", best=4.55),
        title="PESQ, narrowband")}


@dataclass(frozen=True)
class _Stoi:
    name: ClassVar[str]
    extended: ClassVar[bool]
    needs: ClassVar[frozenset[str]] = WITH_REFERENCE
    text_options: ClassVar[frozenset[str]] = frozenset()

    @property
    def version(self) -> str:
        return f"1, pystoi {version('pystoi')}, which resamples to 10000 Hz"

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        return {self.name: Measurement(_stoi(*_pair(output), self.extended))}


def _stoi(clean: Audio, heard: Audio, extended: bool) -> float:
    from pystoi import stoi

    need = f"STOI needs {STOI_SHORTEST} s that are not silent in the reference"
    if clean.duration < STOI_SHORTEST:
        raise _too_short(clean, need)
    reference, degraded = (audio.samples.astype(np.float64) for audio in (clean, heard))
    with warnings.catch_warnings(), _seeded():
        # With too few frames pystoi warns and returns 1e-5, which looks like a score.
        warnings.filterwarnings("error", "Not enough STFT frames", RuntimeWarning)
        try:
            return float(stoi(reference, degraded, clean.rate, extended))
        except RuntimeWarning as error:
            raise _too_short(clean, need) from error


@contextmanager
def _seeded() -> Iterator[None]:
    """NumPy's global generator, from which ESTOI's noise comes, with seed 0; restored after."""
    state = np.random.get_state()
    np.random.seed(0)
    try:
        yield
    finally:
        np.random.set_state(state)


@dataclass(frozen=True)
class Stoi(_Stoi):
    """Short-time objective intelligibility (Taal et al. 2011), a mean correlation in [-1, 1].

    Raises UtteranceError of a kind of ``_pair``, or TooShort."""

    name: ClassVar[str] = "stoi"
    extended: ClassVar[bool] = False
    facts: ClassVar[Mapping[str, Fact]] = {"stoi": Fact(
        "", True, "Short-time objective intelligibility of the output against the clean "
                  "recording, Taal et al. 2011: 1 for the recording itself", decimals=3,
        title="STOI")}


@dataclass(frozen=True)
class Estoi(_Stoi):
    """Extended STOI (Jensen & Taal 2016), in [-1, 1]; errors as in ``Stoi``."""

    name: ClassVar[str] = "estoi"
    extended: ClassVar[bool] = True
    facts: ClassVar[Mapping[str, Fact]] = {"estoi": Fact(
        "", True, "Extended short-time objective intelligibility, Jensen & Taal 2016, which "
                  "also follows modulated noise: 1 for the recording itself", decimals=3,
        title="Extended STOI")}


@dataclass(frozen=True)
class SiSdr:
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux et al. 2019): the energy of a s
    over that of a s - y, where the output y and the reference s have had their means taken off
    and a = <y, s> / <s, s>.

    Raises UtteranceError of a kind of ``_pair``; Identical where output and reference are equal
    up to a factor, and Unrelated where they have nothing in common: the ratio is infinite, and
    any finite stand-in would decide a mean."""

    name: ClassVar[str] = "si_sdr"
    version: ClassVar[str] = "1"
    needs: ClassVar[frozenset[str]] = WITH_REFERENCE
    text_options: ClassVar[frozenset[str]] = frozenset()
    facts: ClassVar[Mapping[str, Fact]] = {"si_sdr": Fact(
        "dB", True, "Scale-invariant signal-to-distortion ratio of the zero-mean output against "
                    "the zero-mean clean recording, Le Roux et al. 2019; the mean is over dB",
        decimals=1, title="SI-SDR")}

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        clean, heard = _pair(output)
        return {"si_sdr": Measurement(_si_sdr(clean.samples, heard.samples))}


def _si_sdr(clean: np.ndarray, heard: np.ndarray) -> float:
    s, estimate = (x.astype(np.float64) - x.mean(dtype=np.float64) for x in (clean, heard))
    energy = s @ s
    target = (estimate @ s / energy) * s if energy else s
    residual = estimate - target
    with np.errstate(divide="ignore", invalid="ignore"):
        decibels = float(10 * np.log10((target @ target) / (residual @ residual)))
    if decibels > SI_SDR_LARGEST:
        raise UtteranceError("Identical", "output and reference are equal up to a factor, "
                                          "so SI-SDR is infinite")
    if not decibels > -SI_SDR_LARGEST:
        raise UtteranceError("Unrelated", "output and reference have nothing in common, "
                                          "so SI-SDR is minus infinity")
    return decibels


_DNSMOS_SCALES = {
    "sig": ("speech", "the speech (P.835 SIG)"),
    "bak": ("background", "the background (P.835 BAK)"),
    "ovrl": ("overall", "the whole (P.835 OVRL)"), "p808": ("P.808", "the whole (P.808)")}


@dataclass(frozen=True)
class Dnsmos:
    """DNSMOS (Reddy et al. 2021, 2022), quality predicted without a reference, in about [1, 5],
    from the models in the package ``speechmos``.

    At 16 kHz, samples beyond full scale clipped. A clip is repeated until it lasts 9.01 s;
    a longer one is heard in windows of that length every second, and the last part that fills
    no window is not heard. Raises UtteranceError of a kind of ``_heard``."""

    name: ClassVar[str] = "dnsmos"
    needs: ClassVar[frozenset[str]] = frozenset({"audio"})
    text_options: ClassVar[frozenset[str]] = frozenset()
    facts: ClassVar[Mapping[str, Fact]] = {
        f"dnsmos_{scale}": Fact("MOS", True, f"Quality of {what} as predicted from the output "
                                             "alone by DNSMOS, Reddy et al. 2021 and 2022",
                                title=f"DNSMOS, {title}")
        for scale, (title, what) in _DNSMOS_SCALES.items()}

    def __post_init__(self) -> None:
        _dnsmos_version()  # a missing package is found when the metric is made

    @property
    def version(self) -> str:
        return _dnsmos_version()

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        samples = resample(_heard(output), DNSMOS_RATE).samples.clip(-1, 1)
        scores = _dnsmos_predictor()(samples, DNSMOS_RATE, is_personalized_MOS=False)
        return {f"dnsmos_{scale}": Measurement(float(scores[f"{scale}_mos"]))
                for scale in _DNSMOS_SCALES}


@cache
def _dnsmos_version() -> str:
    packages = ", ".join(f"{p} {version(p)}" for p in ("speechmos", "onnxruntime", "librosa"))
    models = hashlib.sha256(b"".join(path.read_bytes() for path in _dnsmos_models()))
    return f"1, {packages}, models {models.hexdigest()[:16]}, {DNSMOS_RATE} Hz by {RESAMPLER}"


def _dnsmos_models() -> tuple[Path, Path]:
    """The P.835 and the P.808 model, found without importing the package."""
    spec = find_spec("speechmos")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("no package speechmos", name="speechmos")
    folder = Path(spec.submodule_search_locations[0]) / "dnsmos_models"
    return folder / "sig_bak_ovr.onnx", folder / "model_v8.onnx"


@cache
def _dnsmos_predictor() -> Any:
    """speechmos's predictor with sessions of one thread, made once a process."""
    from onnxruntime import InferenceSession, SessionOptions
    from speechmos.dnsmos import DNSMOS

    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    predictor = DNSMOS.__new__(DNSMOS)  # its __init__ makes sessions with a thread a core
    predictor.onnx_sess, predictor.p808_onnx_sess = (
        InferenceSession(path, options) for path in _dnsmos_models())
    return predictor
