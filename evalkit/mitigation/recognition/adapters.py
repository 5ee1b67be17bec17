"""CTC models of SpeechBrain and transformers as trainables, each loaded from a folder.

A SpeechBrain folder is a program: its hyperparams.yaml names what is called. Load only one that
you trust. transformers is asked for safetensors alone, and for no code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from evalkit.core.errors import ConfigError, UtteranceError, one_line
from evalkit.core.files import replacing
from evalkit.core.plugins import missing_package
from evalkit.core.types import Recording
from evalkit.models.ctc.loss import ctc_losses
from evalkit.models.tensors import best_device, device_of, padded
from evalkit.models.torchaudio_standin import ensure_torchaudio


@dataclass
class SpeechBrainCtc:
    """An ``EncoderASR`` of SpeechBrain that decodes greedily (Ravanelli et al. 2021,
    arXiv 2106.04624). Its last layer that has parameters is the output layer."""

    recognizer: Any

    @property
    def module(self) -> nn.Module:
        module: nn.Module = self.recognizer.mods
        return module

    @property
    def output(self) -> tuple[str, ...]:
        *_, last = [name for name, layer in self.recognizer.mods.encoder.named_children()
                    if any(True for _ in layer.parameters())]
        return (f"encoder.{last}.",)

    @property
    def rate(self) -> int:
        return int(self.recognizer.hparams.sample_rate)

    def spell(self, text: str) -> list[int]:
        try:
            return self._encode(text)
        except KeyError as error:
            raise UtteranceError("BadText", f"{text!r} holds {error}, which the recognizer's "
                                 "tokenizer does not have") from error

    def losses(self, batch: Sequence[Recording]) -> Tensor:
        posteriors, frames = self.posteriors(batch)
        return ctc_losses(posteriors, frames, [self._encode(r.text) for r in batch], self._blank)

    def posteriors(self, batch: Sequence[Recording]) -> tuple[Tensor, Tensor]:
        waves, samples = padded([r.wave for r in batch], device_of(self.module))
        lengths = samples / waves.shape[1]
        encoded = self.recognizer.mods.encoder(waves, lengths).log_softmax(-1)
        return encoded, (lengths * encoded.shape[1]).round().long()

    def transcribe(self, heard: Sequence[Recording]) -> list[str]:
        self.module.eval()
        device = device_of(self.module)
        return [self.recognizer.transcribe_batch(torch.as_tensor(r.wave, device=device)[None],
                                                 torch.ones(1, device=device))[0][0]
                for r in heard]

    def save(self, path: Path) -> None:
        save_weights(self.module, path)

    @property
    def _blank(self) -> int:
        return int(self.recognizer.decoding_function.keywords["blank_id"])

    def _encode(self, text: str) -> list[int]:
        tokenizer = self.recognizer.tokenizer
        encode = getattr(tokenizer, "encode_as_ids", None)
        return list(encode(text) if encode else tokenizer.encode_sequence(list(text)))


@dataclass
class TransformersCtc:
    """An ``AutoModelForCTC`` of transformers with the ``AutoProcessor`` beside it."""

    module: Any
    processor: Any

    @property
    def output(self) -> tuple[str, ...]:
        return ("lm_head.",)

    @property
    def rate(self) -> int:
        return int(self.processor.feature_extractor.sampling_rate)

    def spell(self, text: str) -> list[int]:
        tokenizer = self.processor.tokenizer
        labels = list(tokenizer(text).input_ids)
        if tokenizer.unk_token_id in labels:
            raise UtteranceError("BadText", f"{text!r} holds characters that the recognizer's "
                                 "vocabulary does not have")
        return labels

    def losses(self, batch: Sequence[Recording]) -> Tensor:
        posteriors, frames = self.posteriors(batch)
        tokens = self.processor.tokenizer([r.text for r in batch]).input_ids
        return ctc_losses(posteriors, frames, tokens,
                          self.module.config.pad_token_id)

    def posteriors(self, batch: Sequence[Recording]) -> tuple[Tensor, Tensor]:
        features = self.processor.feature_extractor(
            [r.wave for r in batch], sampling_rate=self.rate, padding=True,
            return_attention_mask=True, return_tensors="pt").to(device_of(self.module))
        logits = self.module(**features).logits
        samples = features["attention_mask"].sum(-1)
        return logits.log_softmax(-1), self.module._get_feat_extract_output_lengths(samples)

    @torch.inference_mode()
    def transcribe(self, heard: Sequence[Recording]) -> list[str]:
        self.module.eval()
        best = [self.posteriors([r])[0][0].argmax(-1) for r in heard]
        return [self.processor.tokenizer.decode(labels) for labels in best]

    def save(self, path: Path) -> None:
        save_weights(self.module, path)


def load_speechbrain(folder: Path | None) -> SpeechBrainCtc:
    """Raises ConfigError where ``folder`` holds no ``EncoderASR`` that decodes greedily."""
    ensure_torchaudio()
    from speechbrain.inference.ASR import EncoderASR
    from speechbrain.utils.fetching import LocalStrategy

    path = _folder(folder, "speechbrain")
    try:
        recognizer = EncoderASR.from_hparams(
            source=str(path), savedir=str(path), local_strategy=LocalStrategy.NO_LINK,
            freeze_params=False, run_opts={"device": str(best_device())})
    except Exception as error:  # what a folder's own code raises can be anything
        raise ConfigError(f"{path}: cannot load a SpeechBrain recognizer: {one_line(error)}"
                          ) from error
    decoding = recognizer.decoding_function
    if not isinstance(decoding, partial) or "blank_id" not in decoding.keywords:
        raise ConfigError(f"{path}: decoding_function must be ctc_greedy_decode with a blank_id; "
                          "change it in hyperparams.yaml")
    recognizer.eval()
    return SpeechBrainCtc(recognizer)


def load_transformers(folder: Path | None) -> TransformersCtc:
    """Raises ConfigError where ``folder`` holds no CTC model and processor with a vocabulary,
    PluginError without the package transformers."""
    try:
        from transformers import AutoModelForCTC, AutoProcessor
    except ModuleNotFoundError as error:
        raise missing_package(error, "model kind transformers") from error
    path = _folder(folder, "transformers")
    try:
        model = AutoModelForCTC.from_pretrained(path, local_files_only=True, use_safetensors=True)
        processor = AutoProcessor.from_pretrained(path, local_files_only=True)
    except (OSError, ValueError, LookupError, RuntimeError) as error:
        raise ConfigError(f"{path}: cannot load a transformers CTC model: {one_line(error)}"
                          ) from error
    return TransformersCtc(model.eval(), processor)


def save_weights(module: nn.Module, path: Path) -> None:
    """The state of ``module`` as safetensors, tensors that share memory once each."""
    state = {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}
    with replacing(path) as temporary:
        save_file(state, temporary)


def _folder(folder: Path | None, kind: str) -> Path:
    if folder is None or not folder.is_dir():
        raise ConfigError(f"model: kind {kind} needs the `path` of a folder; {folder} is none")
    return folder
