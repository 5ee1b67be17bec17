"""What the parts of evalkit hand to one another."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Utterance:
    """One line of a manifest. ``offset`` and ``duration`` are in seconds of ``audio``; ``words``
    are those of ``text`` with their times, in seconds from ``offset``, where they are known."""

    id: str
    audio: Path | None = None
    speaker: str | None = None
    text: str | None = None
    reference_audio: Path | None = None
    offset: float = 0.0
    duration: float | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    words: tuple[Word, ...] = ()


AS_GIVEN = "_as_given"
"""What ends the name of a column of metadata that holds the labels which were given, beside the
column of the same labels in one form."""


@dataclass(frozen=True)
class Audio:
    """One channel: ``samples`` is float32 of shape (n,), full scale is ±1; ``rate`` in Hz."""

    samples: np.ndarray
    rate: int

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.rate


@dataclass(frozen=True)
class Heard:
    """What is heard of speech, and the ``reference`` that metrics compare with what a pipeline
    makes of it: both of one rate and length. ``inserted`` says what was put in that is no speech,
    in order: at which second of the speech, and how many seconds."""

    audio: Audio
    reference: Audio
    inserted: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Recording:
    """An utterance that a model is taught with: its text, and its waveform at the sampling rate
    of the model, float32 of shape (n,)."""

    utterance: Utterance
    text: str
    wave: np.ndarray


@dataclass(frozen=True)
class Word:
    """A word that was heard, from ``start`` to ``end`` in seconds of the audio; None is what the
    recognizer does not say."""

    text: str
    start: float | None = None
    end: float | None = None
    confidence: float | None = None


Absent = Literal["refuse", "empty", "leave_out"]
"""What becomes of a session of which a system's file says nothing: an error, silence that was
heard, or no part in anything."""

EventKind = Literal["partial", "speculative", "final"]
"""Of what a streaming recognizer shows: what may still change, the result in case that the speaker
has ended, and the result."""


@dataclass(frozen=True)
class Shown:
    """What a streaming recognizer shows at one moment: ``text`` is all that it has heard so far,
    from the beginning of the utterance, and ``words`` are those of it, where it says them."""

    text: str
    kind: EventKind = "partial"
    words: tuple[Word, ...] = ()


@dataclass(frozen=True)
class Event:
    """What was Shown, and when: ``audio`` is how many seconds of the utterance the recognizer had
    been given, ``clock`` how many had passed since the utterance began, None where nobody
    measured it."""

    audio: float
    text: str
    kind: EventKind = "partial"
    words: tuple[Word, ...] = ()
    clock: float | None = None


@dataclass(frozen=True)
class Endpoint:
    """That the speaker has ended, as an end-pointer says after ``audio`` seconds of the utterance:
    for good, or, where ``speculative``, until speech goes on."""

    audio: float
    kind: Literal["speculative", "final"] = "final"


@dataclass(frozen=True)
class Hypothesis:
    """What a recognizer heard, and what it says of it beside the text, if anything: its words, a
    ``confidence`` on a scale of its own, of which more is surer, its next best guesses, of
    which text and confidence are kept, and, of one that was streamed, the ``events`` on the way,
    the last of which is final and has the same text."""

    text: str
    words: tuple[Word, ...] = ()
    confidence: float | None = None
    alternatives: tuple[Hypothesis, ...] = ()
    events: tuple[Event, ...] = ()


@dataclass(frozen=True)
class Measurement:
    """An additive score: any group's value is ``sum(amount) / sum(weight)``."""

    amount: float
    weight: float = 1.0


@dataclass(frozen=True)
class Output:
    """What a pipeline made of one utterance, as a metric sees it.

    ``audio`` is the enhancer's output, aligned to the input and of its length (the input
    itself where there is no enhancer). ``reference_audio`` is the clean recording.
    """

    audio: Audio | None = None
    reference_audio: Audio | None = None
    hypothesis: Hypothesis | None = None


LARGEST_COST = 10.0**18


@dataclass(frozen=True)
class Cost:
    """What a system's network takes: how many ``weights`` it has, the ``bytes`` of the files
    that hold them, and the multiply-accumulates of its products and convolutions in a second of
    audio. None is what is not known, and then ``unknown`` says why; where all of it is known,
    ``unknown`` may say what the multiply-accumulates leave out. Raises ValueError for what is no
    such number, and for a missing reason."""

    weights: int | None = None
    bytes: int | None = None
    macs_per_second: float | None = None
    unknown: str = ""

    def __post_init__(self) -> None:
        for name, kinds in (("weights", int), ("bytes", int), ("macs_per_second", int | float)):
            value = vars(self)[name]
            if value is not None and not (isinstance(value, kinds) and not isinstance(value, bool)
                                          and 0 <= value <= LARGEST_COST):
                raise ValueError(f"cost: {name} must be a number from 0 to {LARGEST_COST:g}, or "
                                 f"None, not {value!r}")
        known = None not in (self.weights, self.bytes, self.macs_per_second)
        if not isinstance(self.unknown, str) or not (known or self.unknown.strip()):
            raise ValueError("cost: where a number is None, unknown must say why in words")


PERCENT = "%"


@dataclass(frozen=True)
class Derived:
    """A value that follows from those ``of`` two other scores, and so has no rows of its own: their
    "product", which is 0 where the first is 0 even if the second is undefined, or 1 minus it."""

    formula: Literal["product", "one minus product"]
    of: tuple[str, str]


@dataclass(frozen=True)
class Renormalised:
    """A score that is the score ``of`` another name, measured under another text ``normaliser``
    than the run's first."""

    of: str
    normaliser: str


@dataclass(frozen=True)
class Fact:
    """What a measured name means; nothing else says it.

    ``unit`` is shown beside values; a rate, whose unit is "%", is stored as a ratio.
    ``definition`` says which formula or standard is followed. ``higher_is_better`` is None where
    neither is better. ``decimals`` is how many are meaningful. ``title`` is what people call it,
    the name itself where it is empty. ``part_of`` is the score of the same plug-in that this is a
    sub-count of: it fails with it, and is no headline. ``is_count`` says that amounts count
    errors and weights are what they can occur in, which Poisson regression is for. ``derived`` says
    how the value follows from other scores of the same plug-in, where it is not measured.
    ``sometimes`` says that it is measured of the utterances that it applies to; of any other name
    an utterance without a measurement has failed. ``streamed`` says that it is of what a streaming
    recognizer showed on the way. ``renormalised`` says of which score it is the like under a
    further text normaliser. ``bounds`` are the ends of its scale as it is stored, None where it
    has not both: no interval goes beyond."""

    unit: str
    higher_is_better: bool | None
    definition: str
    decimals: int = 2
    title: str = ""
    part_of: str | None = None
    is_count: bool = False
    derived: Derived | None = None
    sometimes: Annotated[bool, Field(exclude=True)] = False
    streamed: Annotated[bool, Field(exclude_if=lambda it: not it)] = False
    renormalised: Annotated[Renormalised | None, Field(exclude_if=lambda it: it is None)] = None
    bounds: Annotated[tuple[float, float] | None, Field(exclude_if=lambda it: it is None)] = field(
        default=None, compare=False)

    @property
    def scale(self) -> int:
        """What a stored value is multiplied by to be shown in ``unit``."""
        return 100 if self.unit == PERCENT else 1

    @property
    def difference_unit(self) -> str:
        """The unit of a difference of two values: points for rates."""
        return "points" if self.unit == PERCENT else self.unit

    @property
    def worse(self) -> int:
        """1 where more is worse, -1 where more is better."""
        return -1 if self.higher_is_better else 1

    @property
    def is_headline(self) -> bool:
        """Whether it is a score of its own and has a better side."""
        return self.part_of is None and self.higher_is_better is not None

    def named(self, name: str) -> str:
        """The title, or else ``name``."""
        return self.title or name


def by_importance(facts: Mapping[str, Fact]) -> list[str]:
    """The names of the scores of their own that have a better side: error rates first, then in the
    order of ``facts``."""
    names = [name for name, fact in facts.items() if fact.is_headline]
    return sorted(names, key=lambda name: not facts[name].is_count)


Number = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value),
                   PlainSerializer(lambda value: value if math.isfinite(value) else None,
                                   return_type=float | None)]
"""A float of a document: JSON has no NaN, what is undefined is null there."""

Method = Literal["studentised", "bca", "percentile", "t"]
"""How an interval was made (evalkit.statistics.bootstrap)."""


@dataclass(frozen=True)
class Interval:
    """An estimate and its confidence interval, in the metric's own unit.

    ``se`` is the standard error over speakers by the stratified jackknife, ``df`` its
    Satterthwaite degrees of freedom (speakers - 1 for one rate). ``low`` and ``high`` are NaN,
    and ``warning`` says why, where nothing can be said."""

    value: Number
    low: Number
    high: Number
    se: Number
    df: Number
    n_speakers: int
    method: Method
    warning: str | None = None
