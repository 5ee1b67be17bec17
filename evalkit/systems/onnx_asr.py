"""Recognizers that the package onnx-asr runs from files of ONNX: NeMo's, Vosk's, Kaldi's, GigaAM's,
Whisper's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.core.errors import ConfigError, one_line
from evalkit.core.types import Audio, Cost, Hypothesis
from evalkit.systems.identity import model_folder, require, stamp, stamp_folder
from evalkit.systems.onnx_graph import check_provider, cost_of_files, one_thread


@dataclass(frozen=True)
class OnnxAsr:
    """The model in the folder ``path``, of a ``kind`` that onnx-asr knows, such as
    "nemo-conformer-ctc", "kaldi-rnnt", "vosk" or "whisper". ``quantization`` is part of its files'
    names, such as "int8"; ``language`` is for models of several; ``provider`` is ONNX Runtime's
    name of what computes. Utterances are heard one at a time."""

    path: Path | str = field(repr=False)
    kind: str = "nemo-conformer-ctc"
    quantization: str | None = None
    language: str | None = None
    provider: str = "CPUExecutionProvider"

    rate = 16_000
    batch = 1
    needs_audio = True

    def __post_init__(self) -> None:
        require("onnx_asr", "onnxruntime")
        model_folder(self.path)
        check_provider(self.provider)
        if "/" in self.kind:
            raise ValueError(f"kind must be a kind of model, such as nemo-conformer-ctc, not the "
                             f"name of one, {self.kind!r}; download that into the folder `path`")

    @property
    def identity(self) -> str:
        made = stamp_folder("onnx-asr", Path(self.path), None)
        return f"{self!r}, {made}, {stamp('onnxruntime')}"

    @property
    def cost(self) -> Cost:
        """Of all files of ONNX in the folder that are in its precision."""
        wanted = self.quantization
        return cost_of_files([path for path in Path(self.path).rglob("*.onnx")
                              if (path.stem.endswith(wanted) if wanted
                                  else "int8" not in path.name)])

    @cached_property
    def _model(self) -> Any:
        """Raises ConfigError where it cannot be loaded."""
        import onnx_asr

        try:
            return onnx_asr.load_model(
                self.kind, self.path, quantization=self.quantization, sess_options=one_thread(),
                providers=[self.provider]).with_timestamps()
        except Exception as error:  # those of ONNX Runtime have no common class of their own
            raise ConfigError(f"{self.path}: cannot load a model of onnx-asr of the kind "
                              f"{self.kind!r}: {one_line(error)}") from error

    def transcribe(self, batch: Sequence[Audio]) -> list[Hypothesis]:
        """One hypothesis each; its confidence is the mean log-probability of its tokens, where the
        model gives one."""
        return [self._heard(audio) for audio in batch]

    def _heard(self, audio: Audio) -> Hypothesis:
        options = {} if self.language is None else {"language": self.language}
        found = self._model.recognize(np.array(audio.samples), sample_rate=audio.rate, **options)
        surety = float(np.mean(found.logprobs)) if found.logprobs else None
        return Hypothesis(found.text.strip(), confidence=surety)
