"""Conditions one after another, as a call goes from a room through a telephone."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from evalkit.conditions.recipe import identity
from evalkit.core.config import PluginSpec
from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.plugins import create
from evalkit.core.types import Audio, Heard, Utterance

VERSION = 1
"""Changes whenever the same steps would give other samples."""


@dataclass(frozen=True)
class Chain:
    """Every one of ``steps``, conditions by name and options, is given what the one before it
    made. Raises ConfigError and PluginError as each of them does, and for none."""

    steps: tuple[PluginSpec, ...]
    conditions: tuple[Any, ...] = field(default=(), init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.steps:
            raise ConfigError("a chain needs one step or more")
        made = tuple(create("conditions", step.name, step.options) for step in self.steps)
        object.__setattr__(self, "conditions", made)

    @property
    def identity(self) -> str:
        each = [condition.identity for condition in self.conditions]
        names = " > ".join(step.name for step in self.steps)
        return identity(names, VERSION, [step.name for step in self.steps], each)

    def bind(self, utterances: Sequence[Utterance]) -> Chain:
        """A copy whose steps are bound to ``utterances``."""
        bound = copy(self)
        each = tuple(condition.bind(utterances) for condition in self.conditions)
        object.__setattr__(bound, "conditions", each)
        return bound

    def apply(self, speech: Audio, utterance: Utterance) -> Audio | Heard:
        """What comes out of the last step, and speech that every step has done to what it does to
        the reference. Raises UtteranceError as each of them does, and where two of them put
        something in: the second does not know where the words are by then."""
        heard = reference = speech
        inserted: Inserted = ()
        for condition in self.conditions:
            made, same = condition.apply(heard, utterance), heard is reference
            heard = made.audio if isinstance(made, Heard) else made
            if isinstance(made, Heard):
                inserted = _once(inserted, made.inserted)
                reference = (made.reference if same else
                             condition.apply(reference, utterance).reference)
        return heard if reference is speech else Heard(heard, reference, inserted)


Inserted = tuple[tuple[float, float], ...]


def _once(before: Inserted, now: Inserted) -> Inserted:
    """What was put in by one of two steps."""
    if before and now:
        raise UtteranceError("PausedTwice", "two steps of the chain put pauses in; leave one out")
    return before or now
