"""Recognizers of the package transformers, loaded from a folder: evaluated, and taught further.

transformers is asked for safetensors alone, and for no code from the folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evalkit.core.errors import ConfigError, one_line
from evalkit.core.types import Audio, Cost, Hypothesis, Recording
from evalkit.systems.identity import (
    Precision,
    bytes_in,
    computed,
    model_folder,
    require,
    stamp_folder,
)
from evalkit.systems.spelling import spelt

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class TransformersCtc:
    """An ``AutoModelForCTC`` that takes waveforms, as those of wav2vec 2.0 do (Baevski et al.
    2020, arXiv:2006.11477), in the folder ``path`` with its ``AutoProcessor``, decoded greedily.

    ``weights`` is a file that `evalkit mitigate` wrote, used instead of the folder's own;
    ``device`` is torch's name of where it computes, or auto, in numbers of ``precision`` where it
    transcribes. It hears ``batch`` utterances at a time, the shorter ones padded: what these models
    make of padding differs from model to model, and what that changes is in the run's record."""

    path: Path | str
    weights: Path | str | None = None
    device: str = "cpu"
    precision: Precision = "float32"
    batch: int = 1

    needs_audio = True
    output = ("lm_head.",)
    further_input = None

    def __post_init__(self) -> None:
        require("transformers", "torch")
        model_folder(self.path, "config.json")

    @property
    def identity(self) -> str:
        made = stamp_folder("transformers", Path(self.path), self.weights)
        return f"TransformersCtc on {computed(self.device, self.precision)}, {made}"

    @property
    def cost(self) -> Cost:
        """Of its network."""
        from evalkit.models.torch_cost import cost_of, second

        return cost_of(self.module, lambda: self.transcribe([second(self.rate)]),
                       bytes_in(self.weights) if self.weights else bytes_of_weights(self.path))

    @property
    def rate(self) -> int:
        """Sampling rate in Hz, as the folder's feature extractor has it."""
        return int(self._processor.feature_extractor.sampling_rate)

    @cached_property
    def module(self) -> Any:
        """The network, read when it is first asked for. Raises ConfigError where it cannot be,
        or where it takes something else than waveforms."""
        from evalkit.models.tensors import load_weights, placed

        module = loaded(library().AutoModelForCTC, self.path, use_safetensors=True)
        module = module.float().eval()
        if module.main_input_name != "input_values":
            raise ConfigError(f"{self.path}: a {type(module).__name__} takes "
                              f"{module.main_input_name}; only CTC models of waveforms are run")
        if self.weights:
            load_weights(module, Path(self.weights))
        return placed(module, self.device)

    @cached_property
    def _processor(self) -> Any:
        return loaded(library().AutoProcessor, self.path)

    def transcribe(self, batch: Sequence[Audio]) -> list[Hypothesis]:
        """One hypothesis each: the best label of every frame, repeats merged, blanks removed."""
        import torch

        from evalkit.models.tensors import device_of, numbers, threads

        device = device_of(self.module.eval())
        with torch.inference_mode(), threads(1), numbers(device, self.precision):
            posteriors, frames = self._posteriors([audio.samples for audio in batch])
            best = posteriors.argmax(-1).tolist()
        return [Hypothesis(self._processor.tokenizer.decode(labels[:n]))
                for labels, n in zip(best, frames.tolist(), strict=True)]

    def spell(self, text: str) -> Sequence[int]:
        tokenizer = self._processor.tokenizer
        return spelt(text, lambda part: tokenizer(part, add_special_tokens=False).input_ids,
                     tokenizer.unk_token_id)

    def losses(self, batch: Sequence[Recording]) -> Tensor:
        """Raises UtteranceError of kind BadText or TooShort."""
        from evalkit.models.ctc.loss import check_room, ctc_losses

        posteriors, frames = self.posteriors(batch)
        targets = [self.spell(r.text) for r in batch]
        for target, room in zip(targets, frames.tolist(), strict=True):
            check_room(target, room)
        return ctc_losses(posteriors, frames, targets, self.module.config.pad_token_id)

    def posteriors(self, batch: Sequence[Recording]) -> tuple[Tensor, Tensor]:
        if not self.module.training:
            return self._posteriors([r.wave for r in batch])
        with _numpy_follows_torch():
            return self._posteriors([r.wave for r in batch])

    def _posteriors(self, waves: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
        import torch

        from evalkit.models.tensors import device_of

        features = self._processor.feature_extractor(
            list(waves), sampling_rate=self.rate, padding=True, return_attention_mask=True,
            return_tensors="np")
        inputs = {name: torch.as_tensor(values, device=device_of(self.module))
                  for name, values in features.items()}
        logits = self.module(**inputs).logits
        samples = inputs["attention_mask"].sum(-1)
        return logits.log_softmax(-1), self.module._get_feat_extract_output_lengths(samples)

    def save(self, path: Path) -> None:
        """A file for the option ``weights``."""
        from evalkit.models.tensors import save_weights

        save_weights(self.module, path)


def library() -> Any:
    """The package, ready to be used offline and in silence."""
    if find_spec("torchaudio"):
        from evalkit.models.torchaudio_standin import ensure_torchaudio

        ensure_torchaudio()  # transformers imports it where it is installed
    import transformers

    transformers.utils.logging.disable_progress_bar()
    return transformers


def loaded(factory: Any, path: Path | str, **options: Any) -> Any:
    """What an ``Auto`` class of transformers makes of the folder, on the CPU. Raises
    ConfigError."""
    import torch

    try:
        with torch.device("cpu"):
            return factory.from_pretrained(path, local_files_only=True, **options)
    except (OSError, ValueError, LookupError, RuntimeError) as error:
        raise ConfigError(f"{path}: cannot load a model of transformers: {one_line(error)}"
                          ) from error


def bytes_of_weights(path: Path | str) -> int:
    """Those in the folder of a model that transformers reads."""
    return bytes_in(*Path(path).glob("*.safetensors"))


@contextmanager
def _numpy_follows_torch() -> Iterator[None]:
    """What transformers masks in training is drawn by numpy's global generator; here it follows
    from the state of torch's, which is left as it is."""
    import torch

    state = np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        np.random.seed(int(torch.randint(2**31, (1,), device="cpu")))
    try:
        yield
    finally:
        np.random.set_state(state)
