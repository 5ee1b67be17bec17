"""Whisper as the package faster-whisper runs it, from a folder that CTranslate2 converted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from evalkit.core.errors import ConfigError, one_line
from evalkit.core.types import Audio, Cost, Hypothesis, Word
from evalkit.systems.identity import (
    bytes_in,
    device_named,
    model_folder,
    require,
    stamp,
    stamp_folder,
)


@dataclass(frozen=True)
class FasterWhisper:
    """Whisper (Radford et al. 2022, arXiv:2212.04356) in the folder ``path``.

    ``precision`` is CTranslate2's compute_type, ``device`` cpu, cuda or auto; ``beams`` is how many
    texts are followed. Without ``fallback`` the temperature stays at 0: what is then drawn at
    random, where the text repeats itself, never is. ``words`` asks for times and confidences.
    Utterances are heard one at a time."""

    path: Path | str = field(repr=False)
    device: str = "cpu"
    precision: str = "default"
    language: str | None = None
    task: Literal["transcribe", "translate"] = "transcribe"
    beams: int = 5
    fallback: bool = False
    words: bool = False

    rate = 16_000
    batch = 1
    needs_audio = True

    def __post_init__(self) -> None:
        require("faster_whisper")
        model_folder(self.path, "model.bin", "config.json", "tokenizer.json")

    @property
    def identity(self) -> str:
        made = stamp_folder("faster-whisper", Path(self.path), None)
        mine = replace(self, device=device_named(self.device))
        return f"{mine!r}, {made}, {stamp('ctranslate2')}"

    @property
    def cost(self) -> Cost:
        return Cost(bytes=bytes_in(Path(self.path, "model.bin")),
                    unknown="CTranslate2 does not count it")

    @cached_property
    def _model(self) -> Any:
        """Raises ConfigError where it cannot be loaded."""
        from faster_whisper import WhisperModel

        try:
            return WhisperModel(str(self.path), device=device_named(self.device),
                                compute_type=self.precision, cpu_threads=1, local_files_only=True)
        except (OSError, ValueError, RuntimeError) as error:
            raise ConfigError(f"{self.path}: cannot load a model of faster-whisper: "
                              f"{one_line(error)}") from error

    def transcribe(self, batch: Sequence[Audio]) -> list[Hypothesis]:
        """One hypothesis each; its confidence is the mean log-probability of its tokens, of
        segments weighed by their length."""
        return [self._heard(audio) for audio in batch]

    def _heard(self, audio: Audio) -> Hypothesis:
        options = {} if self.fallback else {"temperature": 0.0}
        found, _ = self._model.transcribe(
            audio.samples, language=self.language, task=self.task, beam_size=self.beams,
            word_timestamps=self.words, **options)
        segments = list(found)
        tokens = sum(len(segment.tokens) for segment in segments)
        surety = sum(segment.avg_logprob * len(segment.tokens) for segment in segments)
        return Hypothesis(
            " ".join("".join(segment.text for segment in segments).split()),
            tuple(Word(word.word.strip(), float(word.start), float(word.end),
                       float(word.probability))
                  for segment in segments for word in segment.words or ()),
            float(surety / tokens) if tokens else None)
