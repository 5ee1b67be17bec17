"""Speech through a bad microphone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from evalkit.core.types import Audio, Utterance


@dataclass(frozen=True)
class Clipped:
    """Speech cut off at ``level`` of its peak."""

    level: float = 0.5

    @property
    def identity(self) -> str:
        return f"clipped at {self.level}"

    def bind(self, utterances: Sequence[Utterance]) -> Clipped:
        return self

    def apply(self, speech: Audio, utterance: Utterance) -> Audio:
        bound = self.level * float(abs(speech.samples).max())
        return replace(speech, samples=speech.samples.clip(-bound, bound))


@dataclass(frozen=True)
class Quieter:
    """Everything at a tenth of its level, whatever is said."""

    identity = "quieter"

    def bind(self, utterances: Sequence[Utterance]) -> Quieter:
        return self

    def apply(self, speech: Audio, utterance: Utterance) -> Audio:
        assert utterance.text is None and not utterance.metadata
        return Audio(0.1 * speech.samples, speech.rate)
