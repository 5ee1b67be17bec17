"""Speech recognizers that run in this process. Each is loaded once a process, when first used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evalkit.core.errors import ConfigError
from evalkit.core.files import digest
from evalkit.core.types import Audio, Hypothesis
from evalkit.models import SHIPPED
from evalkit.systems.identity import require, stamp

if TYPE_CHECKING:
    from evalkit.models.recognizer import CtcRecognizer


@dataclass(frozen=True)
class Reference:
    """The reference recognizer of evalkit.models. ``weights`` is a file that `evalkit train
    recognizer` wrote; the one that evalkit ships where it is None."""

    weights: Path | str | None = None

    rate = 16_000
    batch = 1
    needs_audio = True

    def __post_init__(self) -> None:
        if not self._path.is_file():
            raise ConfigError(f"{self._path}: no such weights; `evalkit train recognizer` makes "
                              "some, and without the option the shipped ones are used")

    @property
    def identity(self) -> str:
        return f"Reference sha256:{digest(self._path)}"

    @property
    def _path(self) -> Path:
        return Path(self.weights or SHIPPED / "recognizer.safetensors")

    def transcribe(self, batch: Sequence[Audio]) -> list[Hypothesis]:
        """One hypothesis each, of lower-case words."""
        texts = _network(self._path).transcribe([audio.samples for audio in batch])
        return [Hypothesis(text) for text in texts]


@lru_cache(maxsize=2)
def _network(path: Path) -> CtcRecognizer:
    from evalkit.models.recognizer import CtcRecognizer

    return CtcRecognizer.load(path)


@dataclass(frozen=True)
class PocketSphinx:
    """PocketSphinx (Huggins-Daines et al. 2006, ICASSP) with the US English acoustic and
    language models of its package."""

    rate = 16_000
    batch = 1
    needs_audio = True

    def __post_init__(self) -> None:
        require("pocketsphinx")

    @property
    def identity(self) -> str:
        from pocketsphinx import get_model_path

        files = [path for path in Path(get_model_path("en-us")).rglob("*") if path.is_file()]
        return f"{self!r} {stamp('pocketsphinx', files)}"

    def transcribe(self, batch: Sequence[Audio]) -> list[Hypothesis]:
        """One hypothesis each; the empty one where nothing was heard."""
        return [self._decode(audio) for audio in batch]

    def _decode(self, audio: Audio) -> Hypothesis:
        decoder = _decoder()
        # Its estimates of channel and noise outlive an utterance, and with them every later
        # hypothesis would depend on what was heard before.
        decoder.reinit_feat()
        decoder.start_utt()
        pcm = np.clip(np.rint(audio.samples * 32768), -32768, 32767).astype(np.int16)
        decoder.process_raw(pcm.tobytes(), full_utt=True)
        decoder.end_utt()
        best = decoder.hyp()
        return Hypothesis(best.hypstr if best else "")


@lru_cache(maxsize=1)
def _decoder() -> Any:
    from pocketsphinx import Decoder

    return Decoder(samprate=PocketSphinx.rate, loglevel="FATAL")
