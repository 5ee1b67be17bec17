"""DNSMOS: speech quality predicted from the output alone, by the package ``speechmos``."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from evalkit.audio import RESAMPLER, resample
from evalkit.core.types import Fact, Measurement, Output, Utterance
from evalkit.metrics.signals import output_signal

RATE = 16000
_SCALES = {
    "sig": ("speech", "the speech (P.835 SIG)"),
    "bak": ("background", "the background (P.835 BAK)"),
    "ovrl": ("overall", "the whole (P.835 OVRL)"), "p808": ("P.808", "the whole (P.808)")}


@dataclass(frozen=True)
class Dnsmos:
    """DNSMOS (Reddy et al. 2021, 2022), quality predicted without a reference, in about [1, 5],
    from the models in the package ``speechmos``.

    At 16 kHz, samples beyond full scale clipped. A clip is repeated until it lasts 9.01 s;
    a longer one is rated in windows of that length every second, and the last part that fills
    no window is not rated. Raises UtteranceError of a kind of ``output_signal``."""

    name: ClassVar[str] = "dnsmos"
    needs: ClassVar[frozenset[str]] = frozenset({"audio"})
    text_options: ClassVar[frozenset[str]] = frozenset()
    facts: ClassVar[Mapping[str, Fact]] = {
        f"dnsmos_{scale}": Fact("MOS", True, f"Quality of {what} as predicted from the output "
                                             "alone by DNSMOS, Reddy et al. 2021 and 2022",
                                title=f"DNSMOS, {title}", bounds=(1.0, 5.0))
        for scale, (title, what) in _SCALES.items()}

    def __post_init__(self) -> None:
        _version()  # a missing package is found when the metric is made

    @property
    def version(self) -> str:
        return _version()

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        samples = resample(output_signal(output), RATE).samples.clip(-1, 1)
        scores = _predictor()(samples, RATE, is_personalized_MOS=False)
        return {f"dnsmos_{scale}": Measurement(float(scores[f"{scale}_mos"]))
                for scale in _SCALES}


@cache
def _version() -> str:
    packages = ", ".join(f"{p} {version(p)}" for p in ("speechmos", "onnxruntime", "librosa"))
    models = hashlib.sha256(b"".join(path.read_bytes() for path in _models()))
    return f"1, {packages}, models {models.hexdigest()[:16]}, {RATE} Hz by {RESAMPLER}"


def _models() -> tuple[Path, Path]:
    """The P.835 and the P.808 model, found without importing the package."""
    spec = find_spec("speechmos")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("no package speechmos", name="speechmos")
    folder = Path(spec.submodule_search_locations[0]) / "dnsmos_models"
    return folder / "sig_bak_ovr.onnx", folder / "model_v8.onnx"


@cache
def _predictor() -> Any:
    """speechmos's predictor with sessions of one thread, made once a process."""
    from onnxruntime import InferenceSession, SessionOptions
    from speechmos.dnsmos import DNSMOS

    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    predictor = DNSMOS.__new__(DNSMOS)  # its __init__ makes sessions with a thread a core
    predictor.onnx_sess, predictor.p808_onnx_sess = (
        InferenceSession(path, options) for path in _models())
    return predictor
