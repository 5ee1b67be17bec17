"""Recognizers of SpeechBrain that write token by token. They are evaluated, not taught."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from evalkit.core.types import Audio, Cost, Hypothesis
from evalkit.systems.identity import Precision, bytes_in, device_named
from evalkit.systems.speechbrain_folder import (
    check_folder,
    ensure_importable,
    interface_on,
    stamp_parts,
)
from evalkit.systems.transformers import bytes_of_weights

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

WINDOW = 30
"""Seconds that Whisper hears at a time."""


@dataclass(frozen=True)
class SpeechBrainSeq2Seq:
    """An ``EncoderDecoderASR`` (attention or a transducer) or a ``WhisperASR`` of SpeechBrain, in
    the folder ``path``, which says how it searches.

    ``hub`` is the folder of the model that hyperparams.yaml names by a hub's name, such as
    Whisper's; ``device`` is torch's name of where it computes, or auto, in numbers of
    ``precision``. It hears ``batch`` utterances at a time, padded to the longest. What is longer
    than Whisper's window is cut into windows, as the library does, and heard alone."""

    path: Path | str = field(repr=False)
    interface: Literal["EncoderDecoderASR", "WhisperASR"] = "EncoderDecoderASR"
    hub: Path | str | None = field(default=None, repr=False)
    device: str = "cpu"
    precision: Precision = "float32"
    batch: int = 1

    needs_audio = True

    def __post_init__(self) -> None:
        check_folder(self.path, self.hub)

    @property
    def identity(self) -> str:
        mine = replace(self, device=device_named(self.device))
        return f"{mine!r}, {stamp_parts(self.path, self.hub)}"

    @property
    def cost(self) -> Cost:
        """Of its networks; the multiply-accumulates are of the encoder, Whisper's on a window."""
        from evalkit.models.torch_cost import cost_of

        seconds = WINDOW if self.interface == "WhisperASR" else 1
        size = bytes_in(self.path) + (bytes_of_weights(self.hub) if self.hub else 0)
        return cost_of(self._loaded.mods, lambda: self._encoded(seconds), size, seconds=seconds,
                       writes=True)

    def _encoded(self, seconds: int) -> Tensor:
        """What the encoder makes of silence."""
        import torch

        from evalkit.models.tensors import numbers, threads

        loaded = self._loaded
        silence, whole = (torch.zeros(1, seconds * self.rate, device=loaded.device),
                          torch.ones(1, device=loaded.device))
        with torch.inference_mode(), threads(1), numbers(loaded.device, self.precision):
            return loaded.encode_batch(silence, whole)

    @property
    def rate(self) -> int:
        """Sampling rate in Hz that the folder states."""
        return int(self._loaded.audio_normalizer.sample_rate)

    @cached_property
    def _loaded(self) -> Any:
        """SpeechBrain's own object. Raises ConfigError where it cannot be loaded."""
        ensure_importable()
        from speechbrain.inference import ASR

        kinds = {"EncoderDecoderASR": ASR.EncoderDecoderASR, "WhisperASR": ASR.WhisperASR}
        return interface_on(self.device, kinds[self.interface], self.path, self.hub)

    def transcribe(self, batch: Sequence[Audio]) -> list[Hypothesis]:
        """One hypothesis each."""
        window = WINDOW * self.rate if self.interface == "WhisperASR" else None
        if window and any(len(audio.samples) > window for audio in batch):
            texts = [self._windows(audio.samples, window) for audio in batch]
        else:
            texts = self._texts([audio.samples for audio in batch])
        return [Hypothesis(text.strip()) for text in texts]

    def _windows(self, samples: np.ndarray, window: int) -> str:
        pieces = [samples[i:i + window] for i in range(0, len(samples), window)]
        return " ".join(text for piece in pieces for text in self._texts([piece]))

    def _texts(self, waves: Sequence[np.ndarray]) -> list[str]:
        from evalkit.models.tensors import numbers, padded, threads

        inputs, lengths = padded(waves, self._loaded.device)
        with threads(1), numbers(self._loaded.device, self.precision):
            said, _ = self._loaded.transcribe_batch(inputs, lengths / inputs.shape[1])
        return [text if isinstance(text, str) else " ".join(text) for text in said]
