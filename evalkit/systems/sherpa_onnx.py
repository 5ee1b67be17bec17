"""Recognizers that the package sherpa-onnx runs from files of ONNX: those of icefall (Zipformer),
NeMo, WeNet, FunASR and Whisper that hear the whole of an utterance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from evalkit.core.errors import ConfigError, one_line
from evalkit.core.types import Audio, Cost, Hypothesis, Word
from evalkit.systems.identity import model_folder, require, stamp_folder
from evalkit.systems.onnx_graph import cost_of_files

FILES: Mapping[str, Mapping[str, str]] = {
    "transducer": {"encoder": "encoder", "decoder": "decoder", "joiner": "joiner"},
    "whisper": {"encoder": "encoder", "decoder": "decoder"},
    "paraformer": {"paraformer": "model"}}
"""By kind, what each file's name has in it, by the option of sherpa-onnx that takes it; that of
all other kinds is a model."""


@dataclass(frozen=True)
class SherpaOnnx:
    """The model in the folder ``path``, of a ``kind``: its files NAME.onnx and tokens.txt, as
    sherpa-onnx distributes them. Of files in several precisions, the one with ``quantization`` in
    its name, such as "int8", is taken. ``language`` is for models of several; ``beams`` above 1
    is for transducers. It hears ``batch`` utterances at a time."""

    path: Path | str = field(repr=False)
    kind: Literal["transducer", "zipformer_ctc", "nemo_ctc", "wenet_ctc", "paraformer",
                  "sense_voice", "whisper"] = "transducer"
    quantization: str | None = None
    language: str | None = None
    beams: int = 1
    provider: Literal["cpu", "cuda"] = "cpu"
    batch: int = 1

    rate = 16_000
    needs_audio = True

    def __post_init__(self) -> None:
        require("sherpa_onnx")
        model_folder(self.path)
        _ = self._files
        if self.beams < 1 or (self.beams > 1 and self.kind != "transducer"):
            raise ValueError(f"beams must be 1, or more of a transducer, not {self.beams!r} of a "
                             f"{self.kind}")
        if self.language is not None and self.kind not in {"sense_voice", "whisper"}:
            raise ValueError(f"a {self.kind} of sherpa-onnx takes no language")

    @property
    def identity(self) -> str:
        return f"{self!r}, {stamp_folder('sherpa-onnx', Path(self.path), None)}"

    @property
    def cost(self) -> Cost:
        return cost_of_files([Path(file) for option, file in self._files.items()
                              if option != "tokens"])

    @property
    def _files(self) -> dict[str, str]:
        """By sherpa-onnx's option. Raises ConfigError where there is not one."""
        return files_of(Path(self.path), self.kind, self.quantization,
                        FILES.get(self.kind, {"model": "model"}))

    @cached_property
    def _model(self) -> Any:
        """Raises ConfigError where it cannot be loaded."""
        import sherpa_onnx

        kinds = sherpa_onnx.OfflineRecognizer
        factories = {"transducer": kinds.from_transducer, "zipformer_ctc": kinds.from_zipformer_ctc,
                     "nemo_ctc": kinds.from_nemo_ctc, "wenet_ctc": kinds.from_wenet_ctc,
                     "paraformer": kinds.from_paraformer, "sense_voice": kinds.from_sense_voice,
                     "whisper": kinds.from_whisper}
        options: dict[str, Any] = {} if self.language is None else {"language": self.language}
        if self.beams > 1:
            options |= {"decoding_method": "modified_beam_search", "max_active_paths": self.beams}
        try:
            return factories[self.kind](**self._files, num_threads=1, provider=self.provider,
                                        **options)
        except (RuntimeError, ValueError) as error:
            raise ConfigError(f"{self.path}: cannot load a {self.kind} of sherpa-onnx: "
                              f"{one_line(error)}") from error

    def transcribe(self, batch: Sequence[Audio]) -> list[Hypothesis]:
        """One hypothesis each; its words have a start where the model gives times, and its
        confidence is the mean log-probability of its tokens, where the model gives one."""
        streams = [self._model.create_stream() for _ in batch]
        for stream, audio in zip(streams, batch, strict=True):
            stream.accept_waveform(audio.rate, audio.samples)
        self._model.decode_streams(streams)
        return [_hypothesis(stream.result) for stream in streams]


def _hypothesis(found: Any) -> Hypothesis:
    surety = float(np.mean(found.ys_log_probs)) if len(found.ys_log_probs) else None
    return Hypothesis(" ".join(found.text.split()), words_of(found), surety)


def words_of(found: Any) -> tuple[Word, ...]:
    """Of tokens with times, of which the first of a word begins with a space; none where they are
    not the text."""
    words: list[tuple[str, float]] = []
    for token, start in zip(found.tokens, found.timestamps, strict=False):
        if token.startswith(" ") or not words:
            words.append((token.strip(), float(start)))
        else:
            text, began = words[-1]
            words[-1] = (text + token, began if text else float(start))
    kept = [(text, start) for text, start in words if text]
    same = [text for text, _ in kept] == found.text.split()
    return tuple(Word(text, start) for text, start in kept) if same else ()


def files_of(folder: Path, kind: str, quantization: str | None, asked: Mapping[str, str]
             ) -> dict[str, str]:
    """By sherpa-onnx's option, the file of tokens and those whose names have in them what is
    ``asked``. Raises ConfigError where there is not one of each."""
    def file(part: str, suffix: str) -> str:
        wanted = quantization if suffix == ".onnx" else None
        names = [path.name for path in sorted(folder.glob(f"*{part}*{suffix}"))
                 if (wanted in path.name if wanted else ".int8." not in path.name)]
        if len(names) != 1:
            raise ConfigError(
                f"{folder}: has {', '.join(names) or 'no file'} for the {part} of a {kind} "
                f"({wanted or 'not quantized'}); put one file {part}{suffix} there, or give the "
                "right `kind` and `quantization`")
        return str(folder / names[0])
    return {"tokens": file("tokens", ".txt")} | {
        option: file(part, ".onnx") for option, part in asked.items()}
