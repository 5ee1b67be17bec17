"""Speech in places whose impulse responses somebody has measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from evalkit.audio import resample
from evalkit.conditions.folder import recordings_in
from evalkit.conditions.recipe import identity, number
from evalkit.conditions.reverberation import Reference, Response, heard_through
from evalkit.core.errors import UtteranceError
from evalkit.core.files import digest
from evalkit.core.types import Audio, Heard, Utterance
from evalkit.recordings.reading import load

VERSION = 1
"""Changes whenever the same options would give other samples."""
LONGEST = 20.0
"""Seconds of an impulse response."""


@dataclass(frozen=True)
class ImpulseResponses:
    """Speech through one of the impulse responses in ``folder`` (first channels, at the rate of the
    speech), drawn for each utterance by ``seed`` and its id.

    The largest sample is taken for the direct sound, made 1 and put in time with the speech.
    ``reference`` is what metrics compare with (evalkit.conditions.reverberation). Raises
    ConfigError for a folder without recordings, or with one that is silent, longer than LONGEST or
    cannot be read."""

    folder: Path
    reference: Reference = "direct"
    seed: int = 0
    recordings: tuple[Path, ...] = field(default=(), init=False, repr=False)

    def __post_init__(self) -> None:
        found = recordings_in(Path(self.folder), "impulse_responses", _check)
        object.__setattr__(self, "recordings", found)

    @cached_property
    def identity(self) -> str:
        files = [(str(path.relative_to(self.folder)), digest(path)) for path in self.recordings]
        return identity("impulse responses", VERSION, self.reference, self.seed, files)

    def bind(self, utterances: Sequence[Utterance]) -> ImpulseResponses:
        return self

    def drawn(self, utterance: Utterance) -> Path:
        """The impulse response that ``utterance`` is heard through."""
        count = len(self.recordings)
        return self.recordings[number(self.seed, "impulse response", utterance.id) % count]

    def apply(self, speech: Audio, utterance: Utterance) -> Audio | Heard:
        """``speech`` as it arrives. Raises UtteranceError of reading the response."""
        response = response_of(self.drawn(utterance), speech.rate)
        return heard_through(response, speech, self.reference)


@lru_cache(maxsize=64)
def response_of(path: Path, rate: int) -> Response:
    """The impulse response of a file, at ``rate`` Hz. Raises UtteranceError."""
    samples = resample(load(path), rate).samples.astype(np.float64)
    direct = int(np.abs(samples).argmax())
    if not samples[direct]:
        raise UtteranceError("SilentResponse", f"{path}: is silent")
    return Response(samples / samples[direct], direct, rate)


def _check(path: Path) -> None:
    response = load(path)
    if not response.samples.any():
        raise UtteranceError("SilentResponse", f"{path}: is silent")
    if response.duration > LONGEST:
        raise UtteranceError("TooLong", f"{path}: lasts {response.duration:.0f} s, of which an "
                                        f"impulse response has {LONGEST:g} at most")
