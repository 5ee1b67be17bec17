"""Recognizers that the package sherpa-onnx streams from files of ONNX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from evalkit.core.errors import ConfigError, one_line
from evalkit.core.types import Audio, Cost, Hypothesis, Shown
from evalkit.systems.identity import model_folder, require, stamp_folder
from evalkit.systems.onnx_graph import cost_of_files
from evalkit.systems.sherpa_onnx import files_of, words_of

FILES: Mapping[str, Mapping[str, str]] = {
    "transducer": {"encoder": "encoder", "decoder": "decoder", "joiner": "joiner"},
    "paraformer": {"encoder": "encoder", "decoder": "decoder"}}
"""As in evalkit.systems.sherpa_onnx."""
TAIL = 0.66
"""Seconds of silence behind an utterance that has ended, as in sherpa-onnx's own examples: a model
that looks ahead hears its last word."""


@dataclass(frozen=True)
class SherpaOnnxStreaming:
    """The streaming model in the folder ``path``, of a ``kind``: its files NAME.onnx and
    tokens.txt, as sherpa-onnx distributes them. ``quantization`` and ``provider`` as in
    evalkit.systems.sherpa_onnx. Its own end-pointer is off. The search is greedy."""

    path: Path | str = field(repr=False)
    kind: Literal["transducer", "zipformer2_ctc", "nemo_ctc", "wenet_ctc",
                  "paraformer"] = "transducer"
    quantization: str | None = None
    provider: Literal["cpu", "cuda"] = "cpu"

    rate = 16_000
    batch = 1
    needs_audio = True

    def __post_init__(self) -> None:
        require("sherpa_onnx")
        model_folder(self.path)
        _ = self._files

    @property
    def identity(self) -> str:
        return f"{self!r}, {stamp_folder('sherpa-onnx', Path(self.path), None)}"

    @property
    def cost(self) -> Cost:
        return cost_of_files([Path(file) for option, file in self._files.items()
                              if option != "tokens"])

    @property
    def _files(self) -> dict[str, str]:
        return files_of(Path(self.path), self.kind, self.quantization,
                        FILES.get(self.kind, {"model": "model"}))

    @cached_property
    def _model(self) -> Any:
        """Raises ConfigError where it cannot be loaded."""
        import sherpa_onnx

        try:
            factory = getattr(sherpa_onnx.OnlineRecognizer, f"from_{self.kind}")
            return factory(**self._files, num_threads=1, provider=self.provider)
        except (RuntimeError, ValueError) as error:
            raise ConfigError(f"{self.path}: cannot load a streaming {self.kind} of sherpa-onnx: "
                              f"{one_line(error)}") from error

    def transcribe(self, batch: Sequence[Audio]) -> list[Hypothesis]:
        """One hypothesis each, of a stream that is given all at once."""
        return [self._heard(audio) for audio in batch]

    def _heard(self, audio: Audio) -> Hypothesis:
        stream = self.open(audio.rate)
        stream.push(audio.samples)
        return stream.finish()

    def open(self, rate: int) -> _Hearing:
        """A stream at ``rate`` Hz; its words have a start where the model gives times."""
        return _Hearing(self._model, self._model.create_stream(), rate)


@dataclass
class _Hearing:
    """An utterance on its way through a model (TextStream)."""

    model: Any
    stream: Any
    rate: int
    shown: str = ""

    def push(self, samples: np.ndarray) -> list[Shown]:
        found = self._decoded(samples)
        text = " ".join(found.text.split())
        if text == self.shown:
            return []
        self.shown = text
        return [Shown(text, words=words_of(found))]

    def finish(self) -> Hypothesis:
        self._decoded(np.zeros(round(TAIL * self.rate), np.float32))
        self.stream.input_finished()
        found = self._decoded(np.zeros(0, np.float32))
        return Hypothesis(" ".join(found.text.split()), words_of(found))

    def _decoded(self, samples: np.ndarray) -> Any:
        """All that the model can say with the further samples."""
        if len(samples):
            self.stream.accept_waveform(self.rate, samples)
        while self.model.is_ready(self.stream):
            self.model.decode_stream(self.stream)
        return self.model.get_result_all(self.stream)
