"""The pronunciation encoder, which comes with evalkit, as a speaker encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evalkit.core.errors import ConfigError
from evalkit.core.files import digest
from evalkit.core.types import Audio, Cost
from evalkit.models import SHIPPED
from evalkit.systems.identity import bytes_in

if TYPE_CHECKING:
    from evalkit.models.pronunciation.encoder import PronunciationEncoder


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
    def cost(self) -> Cost:
        """Of the recognizer by which it hears."""
        from evalkit.models.torch_cost import cost_of, second

        heard = _encoder(Path(self.folder or SHIPPED)).recognizer
        return cost_of(heard, lambda: heard.transcribe([second(self.rate).samples]),
                       bytes_in(*self._files))

    @property
    def _files(self) -> tuple[Path, Path]:
        folder = Path(self.folder or SHIPPED)
        return folder / "recognizer.safetensors", folder / "pronunciation.safetensors"

    def embed(self, batch: Sequence[Audio]) -> np.ndarray:
        """(len(batch), 624), float32. Raises UtteranceError of kind NoSpeech where no letters
        are heard in one of them."""
        encoder = _encoder(Path(self.folder or SHIPPED))
        return np.stack([encoder.embed(audio.samples) for audio in batch])


@lru_cache(maxsize=2)
def _encoder(folder: Path) -> PronunciationEncoder:
    from evalkit.models.pronunciation.encoder import PronunciationEncoder

    return PronunciationEncoder.load(folder)
