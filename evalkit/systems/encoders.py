"""Speaker encoders that run in this process. Each is loaded once a process, when first used."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.files import digest
from evalkit.core.types import Audio
from evalkit.models import SHIPPED
from evalkit.systems.identity import folder_of, require, stamp

if TYPE_CHECKING:
    from evalkit.models.pronunciation import Pronunciation as Encoder


@dataclass(frozen=True)
class Resemblyzer:
    """The speaker encoder of the package Resemblyzer, after Wan et al. 2018, arXiv:1710.10467,
    on the CPU, with the package's own preparation: volume raised, long silences cut out."""

    rate = 16_000
    batch = 1
    needs_audio = True

    def __post_init__(self) -> None:
        require("resemblyzer", "webrtcvad", "pkg_resources")

    @property
    def identity(self) -> str:
        return f"{self!r} {stamp('Resemblyzer', [folder_of('resemblyzer') / 'pretrained.pt'])}"

    def embed(self, batch: Sequence[Audio]) -> np.ndarray:
        """(len(batch), 256), float32. Raises UtteranceError of kind NoSpeech where no speech is
        found in one of them."""
        return np.stack([self._embed(audio.samples) for audio in batch])

    def _embed(self, samples: np.ndarray) -> np.ndarray:
        encoder = _encoder()
        from resemblyzer import preprocess_wav

        speech = preprocess_wav(samples) if samples.any() else samples[:0]
        if not len(speech):
            raise UtteranceError("NoSpeech", "the voice activity detector found no speech")
        return encoder.embed_utterance(speech)


@lru_cache(maxsize=1)
def _encoder() -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)
        warnings.filterwarnings("ignore", "Please import `binary_dilation`", DeprecationWarning)
        import torch
        from resemblyzer import VoiceEncoder

    torch.set_num_threads(1)  # how sums are split among threads changes their rounding
    return VoiceEncoder("cpu", verbose=False)


@dataclass(frozen=True)
class Pronunciation:
    """How a voice pronounces the letters, as the reference recognizer hears it
    (evalkit.models.pronunciation): for cohorts of accents and habits, not for telling speakers
    apart. ``folder`` holds what `evalkit train recognizer` and `evalkit train pronunciation`
    wrote; where it is None, the shipped weights are used."""

    folder: Path | str | None = None

    rate = 16_000
    batch = 1
    needs_audio = True

    def __post_init__(self) -> None:
        for path in self._files:
            if not path.is_file():
                raise ConfigError(f"{path}: no such weights; `evalkit train pronunciation` makes "
                                  "some, and without the option the shipped ones are used")

    @property
    def identity(self) -> str:
        return f"Pronunciation sha256:{' sha256:'.join(digest(path) for path in self._files)}"

    @property
    def _files(self) -> tuple[Path, Path]:
        folder = Path(self.folder or SHIPPED)
        return folder / "recognizer.safetensors", folder / "pronunciation.safetensors"

    def embed(self, batch: Sequence[Audio]) -> np.ndarray:
        """(len(batch), 624), float32. Raises UtteranceError of kind NoSpeech where no letters
        are heard in one of them."""
        encoder = _pronunciation(Path(self.folder or SHIPPED))
        return np.stack([encoder.embed(audio.samples) for audio in batch])


@lru_cache(maxsize=2)
def _pronunciation(folder: Path) -> Encoder:
    from evalkit.models.pronunciation import Pronunciation as Encoder

    return Encoder.load(folder)
