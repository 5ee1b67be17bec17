"""Models of SpeechBrain, each loaded from a folder: evaluated, and taught further."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evalkit.core.errors import ConfigError
from evalkit.core.types import Audio, Cost, Hypothesis, Recording
from evalkit.systems.identity import Precision, bytes_in, computed
from evalkit.systems.speechbrain_folder import (
    check_folder,
    ensure_importable,
    load_interface,
    placed,
    stamp_parts,
)
from evalkit.systems.spelling import spelt

if TYPE_CHECKING:
    from torch import Tensor

    from evalkit.models.speaker_encoder import WaveformEncoder

UNKNOWN = -1
"""Stands for a character that a tokenizer of characters has no label for."""


@dataclass(frozen=True)
class SpeechBrainRecognizer:
    """An ``EncoderASR`` of SpeechBrain that decodes greedily with CTC (Ravanelli et al. 2021,
    arXiv:2106.04624), in the folder ``path``.

    ``weights`` is a file that `evalkit mitigate` wrote, used instead of the folder's own;
    ``device`` is torch's name of where it computes, or auto, in numbers of ``precision`` where it
    transcribes. Utterances are decoded one at a time: what such a model makes of padding differs
    from model to model."""

    path: Path | str
    weights: Path | str | None = None
    device: str = "cpu"
    precision: Precision = "float32"

    batch = 1
    needs_audio = True
    further_input = None

    def __post_init__(self) -> None:
        check_folder(self.path)

    @property
    def identity(self) -> str:
        made = stamp_parts(self.path, weights=self.weights)
        return f"SpeechBrainRecognizer on {computed(self.device, self.precision)}, {made}"

    @property
    def cost(self) -> Cost:
        """Of its networks."""
        from evalkit.models.torch_cost import cost_of, second

        return cost_of(self.module, lambda: self.transcribe([second(self.rate)]),
                       bytes_in(self.weights or self.path))

    @property
    def rate(self) -> int:
        """Sampling rate in Hz that the folder states."""
        return int(self._interface.audio_normalizer.sample_rate)

    @cached_property
    def _interface(self) -> Any:
        """SpeechBrain's own object. Raises ConfigError where it cannot be loaded, or where it
        does not decode greedily."""
        ensure_importable()
        from speechbrain.inference.ASR import EncoderASR

        interface = load_interface(EncoderASR, self.path)
        decoding = interface.decoding_function
        if not isinstance(decoding, partial) or "blank_id" not in decoding.keywords:
            raise ConfigError(f"{self.path}: decoding_function must be ctc_greedy_decode with a "
                              "blank_id; change it in hyperparams.yaml")
        return interface

    @cached_property
    def module(self) -> Any:
        """The networks by name, read when they are first asked for. Raises ConfigError where
        they cannot be."""
        return placed(self._interface.mods, self.weights, self.device)

    @property
    def output(self) -> tuple[str, ...]:
        """The encoder's last layer that has parameters."""
        *_, last = [name for name, layer in self.module.encoder.named_children()
                    if any(True for _ in layer.parameters())]
        return (f"encoder.{last}.",)

    def transcribe(self, batch: Sequence[Audio]) -> list[Hypothesis]:
        """One hypothesis each."""
        from evalkit.models.tensors import device_of, numbers, threads

        device = device_of(self.module.eval())
        with threads(1), numbers(device, self.precision):
            return [Hypothesis(self._decode(audio.samples)) for audio in batch]

    def _decode(self, samples: np.ndarray) -> str:
        import torch

        from evalkit.models.tensors import device_of, padded

        device = device_of(self.module)
        self._interface.device = device  # where it moves its inputs to
        waves, _ = padded([samples], device)
        texts, _ = self._interface.transcribe_batch(waves, torch.ones(1, device=device))
        return str(texts[0])

    def spell(self, text: str) -> Sequence[int]:
        from speechbrain.dataio.encoder import CategoricalEncoder

        tokenizer = self._interface.tokenizer
        if not isinstance(tokenizer, CategoricalEncoder):  # then it is one of sentencepiece
            return spelt(text, tokenizer.encode_as_ids, tokenizer.unk_id())
        labels = tokenizer.lab2ind
        return spelt(text, lambda part: [labels.get(c, UNKNOWN) for c in part], UNKNOWN)

    def losses(self, batch: Sequence[Recording]) -> Tensor:
        """Raises UtteranceError of kind BadText or TooShort."""
        from evalkit.models.ctc.loss import check_room, ctc_losses

        posteriors, frames = self.posteriors(batch)
        targets = [self.spell(r.text) for r in batch]
        for target, room in zip(targets, frames.tolist(), strict=True):
            check_room(target, room)
        blank = int(self._interface.decoding_function.keywords["blank_id"])
        return ctc_losses(posteriors, frames, targets, blank)

    def posteriors(self, batch: Sequence[Recording]) -> tuple[Tensor, Tensor]:
        from evalkit.models.tensors import device_of, padded

        waves, samples = padded([r.wave for r in batch], device_of(self.module))
        lengths = samples / waves.shape[1]
        encoded = self.module.encoder(waves, lengths).log_softmax(-1)
        return encoded, (lengths * encoded.shape[1]).round().long()

    def save(self, path: Path) -> None:
        """A file for the option ``weights``."""
        from evalkit.models.tensors import save_weights

        save_weights(self.module, path)


@dataclass(frozen=True)
class SpeechBrainEncoder:
    """The speaker encoder of an ``EncoderClassifier`` of SpeechBrain, such as one of ECAPA-TDNN
    (Desplanques et al. 2020, arXiv:2005.07143), x-vectors or a ResNet, in the folder ``path``.

    ``weights`` is a file that ``save`` wrote, used instead of the folder's own; ``device`` is
    torch's name of where it computes, or auto, in numbers of ``precision`` where it embeds.
    Utterances are embedded one at a time."""

    path: Path | str
    weights: Path | str | None = None
    device: str = "cpu"
    precision: Precision = "float32"

    batch = 1
    needs_audio = True

    def __post_init__(self) -> None:
        check_folder(self.path)

    @property
    def identity(self) -> str:
        made = stamp_parts(self.path, weights=self.weights)
        return f"SpeechBrainEncoder on {computed(self.device, self.precision)}, {made}"

    @property
    def cost(self) -> Cost:
        """Of its networks, without that which tells the voices of its training apart."""
        from evalkit.models.torch_cost import cost_of, second

        return cost_of(self.module, lambda: self.embed([second(self.rate)]),
                       bytes_in(self.weights or self.path))

    @property
    def rate(self) -> int:
        """Sampling rate in Hz that the folder states."""
        return int(self._interface.audio_normalizer.sample_rate)

    @cached_property
    def _interface(self) -> Any:
        ensure_importable()
        from speechbrain.inference.classifiers import EncoderClassifier

        return load_interface(EncoderClassifier, self.path)

    @cached_property
    def module(self) -> WaveformEncoder:
        """From waveforms (n, samples) to (n, 1, dimension); read when it is first asked for.
        Raises ConfigError where it cannot be."""
        from evalkit.models.speaker_encoder import WaveformEncoder

        parts = self._interface.mods
        whole = WaveformEncoder(parts.compute_features, parts.mean_var_norm,
                                parts.embedding_model)
        return placed(whole, self.weights, self.device)

    def embed(self, batch: Sequence[Audio]) -> np.ndarray:
        """(len(batch), dimension), float32, rows of unit length."""
        import torch

        from evalkit.models.tensors import device_of, numbers, threads

        device = device_of(self.module.eval())
        with torch.inference_mode(), threads(1), numbers(device, self.precision):
            vectors = [self._embedded(audio.samples).float() for audio in batch]
            units = torch.nn.functional.normalize(torch.stack(vectors), dim=1)
        return units.cpu().numpy()

    def _embedded(self, samples: np.ndarray) -> Tensor:
        from evalkit.models.tensors import device_of, padded, same_draws

        waves, _ = padded([samples], device_of(self.module))
        with same_draws(waves.device):  # statistics of x-vectors are pooled with a little noise
            embedding: Tensor = self.module(waves)
        return embedding.flatten()

    def save(self, path: Path) -> None:
        """A file for the option ``weights``."""
        from evalkit.models.tensors import save_weights

        save_weights(self.module, path)
