"""Further models of the package transformers, loaded from a folder: recognizers that write token by
token, such as Whisper, and encoders of x-vectors. They are evaluated, not taught.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from evalkit.core.types import Audio, Cost, Hypothesis
from evalkit.systems.identity import (
    Precision,
    device_named,
    model_folder,
    require,
    stamp_folder,
)
from evalkit.systems.transformers import bytes_of_weights, library, loaded

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class _Pretrained:
    """A model in the folder ``path``, computed on torch's ``device``, or on the best for
    "auto", in numbers of ``precision``."""

    path: Path | str = field(repr=False)
    device: str = "cpu"
    precision: Precision = "float32"

    needs_audio = True

    def __post_init__(self) -> None:
        require("transformers", "torch")
        model_folder(self.path, "config.json", "preprocessor_config.json")

    @property
    def identity(self) -> str:
        mine = replace(self, device=device_named(self.device))
        return f"{mine!r}, {stamp_folder('transformers', Path(self.path), None)}"

    @property
    def rate(self) -> int:
        """Sampling rate in Hz, as the folder's feature extractor has it."""
        return int(self._extractor.sampling_rate)

    @cached_property
    def _extractor(self) -> Any:
        return loaded(library().AutoFeatureExtractor, self.path)

    def _loaded(self, factory: Any) -> Any:
        """What an ``Auto`` class of transformers makes of the folder. Raises ConfigError."""
        import torch

        from evalkit.models.tensors import placed

        module = loaded(factory, self.path, use_safetensors=True)
        return placed(module.to(getattr(torch, self.precision)).eval(), self.device)

    def _features(self, batch: Sequence[Audio], **options: Any) -> dict[str, Tensor]:
        """What the model takes, where its weights are and in its precision."""
        import torch

        made = self._extractor([audio.samples for audio in batch], sampling_rate=self.rate,
                               return_tensors="pt", return_attention_mask=True, **options)
        device, precision = device_named(self.device), getattr(torch, self.precision)
        return {name: values.to(device, precision if values.is_floating_point() else None)
                for name, values in made.items()}


@dataclass(frozen=True)
class TransformersSeq2Seq(_Pretrained):
    """An ``AutoModelForSpeechSeq2Seq``, such as Whisper (Radford et al. 2022, arXiv:2212.04356).

    ``language`` and ``task`` are Whisper's, which else finds out the one and does the other of its
    configuration; ``beams`` and ``most_tokens`` are how it searches. Whisper hears ``batch``
    utterances at a time, each padded to its window; what is longer is heard alone, window by
    window."""

    language: str | None = None
    task: Literal["transcribe", "translate"] | None = None
    beams: int = 1
    most_tokens: int | None = None
    batch: int = 1

    @cached_property
    def module(self) -> Any:
        """The network, read when it is first asked for. Raises ConfigError where it cannot be."""
        return self._loaded(library().AutoModelForSpeechSeq2Seq)

    @cached_property
    def _tokenizer(self) -> Any:
        return loaded(library().AutoTokenizer, self.path)

    @property
    def _window(self) -> float:
        """Seconds that are heard at a time; a model without a window hears all."""
        extractor = self._extractor
        whisper = isinstance(extractor, library().WhisperFeatureExtractor)
        return extractor.n_samples / extractor.sampling_rate if whisper else float("inf")

    @property
    def cost(self) -> Cost:
        """Of its network; the multiply-accumulates are of the encoder, on a window."""
        from evalkit.models.torch_cost import cost_of, second

        window = self._window
        heard = self._features([second(self.rate)], **self._padding)
        return cost_of(self.module, lambda: self._encoded(heard), bytes_of_weights(self.path),
                       seconds=window if window < float("inf") else 1.0, writes=True)

    def _encoded(self, features: dict[str, Tensor]) -> Any:
        import torch

        from evalkit.models.tensors import threads

        with torch.inference_mode(), threads(1):
            return self.module.get_encoder()(**features)

    @property
    def _padding(self) -> dict[str, Any]:
        """How a batch is made of one length: by Whisper's features to its window."""
        return {} if self._window < float("inf") else {"padding": True}

    def transcribe(self, batch: Sequence[Audio]) -> list[Hypothesis]:
        """One hypothesis each."""
        window = self._window
        if any(audio.duration > window for audio in batch):
            texts = [text for audio in batch for text in (
                self._texts([audio], truncation=False, padding="longest", windows=True)
                if audio.duration > window else self._texts([audio]))]
        else:
            texts = self._texts(batch, **self._padding)
        return [Hypothesis(text.strip()) for text in texts]

    def _texts(self, batch: Sequence[Audio], *, windows: bool = False, **options: Any) -> list[str]:
        import torch

        from evalkit.models.tensors import threads

        given = {"language": self.language, "task": self.task, "max_new_tokens": self.most_tokens,
                 "return_timestamps": windows or None}
        with torch.inference_mode(), threads(1):
            tokens = self.module.generate(
                **self._features(batch, **options), num_beams=self.beams, do_sample=False,
                **{name: value for name, value in given.items() if value is not None})
        return list(self._tokenizer.batch_decode(tokens, skip_special_tokens=True))


@dataclass(frozen=True)
class TransformersXVector(_Pretrained):
    """An ``AutoModelForAudioXVector``, such as that of WavLM (Chen et al. 2022, arXiv:2110.13900).
    Utterances are embedded one at a time."""

    batch = 1

    @cached_property
    def module(self) -> Any:
        """The network, read when it is first asked for. Raises ConfigError where it cannot be."""
        return self._loaded(library().AutoModelForAudioXVector)

    @property
    def cost(self) -> Cost:
        """Of its network."""
        from evalkit.models.torch_cost import cost_of, second

        return cost_of(self.module, lambda: self.embed([second(self.rate)]),
                       bytes_of_weights(self.path))

    def embed(self, batch: Sequence[Audio]) -> np.ndarray:
        """(len(batch), dimension), float32, rows of unit length."""
        import torch

        from evalkit.models.tensors import threads

        with torch.inference_mode(), threads(1):
            vectors = [self.module(**self._features([audio], padding=True)).embeddings[0].float()
                       for audio in batch]
            return torch.nn.functional.normalize(torch.stack(vectors), dim=1).cpu().numpy()
