"""How a reference and a hypothesis are made the tokens that are compared: normaliser, alternatives,
global mapping file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from evalkit.core.alignment import Costs, check_costs
from evalkit.core.errors import UtteranceError
from evalkit.core.networks import Network, closest
from evalkit.metrics.global_mapping import SIDES, Side, read_mapping
from evalkit.metrics.normalisers import normaliser
from evalkit.metrics.readings import (
    MOST_READINGS,
    Choice,
    Text,
    Unit,
    how_many,
    marks,
    network,
    parsed,
    readings,
)
from evalkit.metrics.tokens import characters

ALTERNATIVES = "alternatives-1"
"""What is done with alternatives; it changes whenever numbers could."""
DEFINITION = ("; of a reference with alternatives ({ a / b }, @ for nothing) or words that may be "
              "missing ((a)) the reading counts whose alignment with the hypothesis costs least, "
              "of several that with most hits, and the reference's length is that of this reading")
_NO_NOTATION = str.maketrans("{}()", "    ")


@dataclass(frozen=True)
class TextOptions:
    """``normaliser`` is a name of evalkit.metrics.normalisers, ``costs`` of
    evalkit.core.alignment. Where ``alternatives``, braces and parentheses of references are
    sclite's (evalkit.metrics.readings). ``glm`` is a global mapping file
    (evalkit.metrics.global_mapping) that rewrites both sides before they are normalised; what it
    makes may be alternatives."""

    normaliser: str = "basic"
    costs: Costs = "levenshtein"
    alternatives: bool = False
    glm: Path | None = None

    def __post_init__(self) -> None:
        normaliser(self.normaliser)
        check_costs(self.costs)
        if self.glm is not None:
            read_mapping(self.glm)

    @property
    def has_readings(self) -> bool:
        """Whether a text may stand for several."""
        return self.alternatives or self.glm is not None

    @property
    def given(self) -> dict[str, Any]:
        """The options of a metric that say this, in JSON's types."""
        further = {"alternatives": self.alternatives, "glm": self.glm and str(self.glm)}
        return {"normaliser": self.normaliser, "costs": self.costs} | {
            name: value for name, value in further.items() if value}

    @property
    def described(self) -> str:
        """The versions of all that decides the tokens."""
        parts = [f"{self.costs} costs", normaliser(self.normaliser).version]
        if self.alternatives:
            parts.append(ALTERNATIVES)
        if self.glm is not None:
            parts.append(f"global mapping 2 {read_mapping(self.glm).digest}")
        return ", ".join(parts)

    def tokens(self, reference: str, hypothesis: str, unit: Unit
               ) -> tuple[Sequence[str], Sequence[str]]:
        """The tokens of both texts, of the readings that fit each other best where they have
        several. Raises UtteranceError for alternatives that cannot be understood or are too
        many."""
        if self.has_readings:
            said, heard = self._text(reference, "ref"), self._text(hypothesis, "hyp")
            if any(isinstance(item, Choice) for item in (*said, *heard)):
                return closest(self._network(said, unit), self._network(heard, unit), self.costs)
            reference, hypothesis = (" ".join(map(str, text)) for text in (said, heard))
        return (unit(normalised(self.normaliser, reference)),
                unit(normalised(self.normaliser, hypothesis)))

    def said(self, reference: str, unit: Unit) -> Network:
        """The tokens of a reference, of all its readings. Raises UtteranceError as ``tokens``
        does."""
        return self._network(self._text(reference, "ref"), unit)

    def forms(self, text: str, sides: Sequence[Side] = SIDES) -> list[str]:
        """A word or phrase, normalised, as the ``sides`` may have it after it was rewritten, alone.
        Raises UtteranceError of kind TooManyReadings for more than MOST_READINGS."""
        rewritten = [(text,)] if self.glm is None else [
            _rewritten(self.glm, text.translate(_NO_NOTATION), side) for side in sides]
        if sum(map(how_many, rewritten)) > MOST_READINGS:
            raise UtteranceError("TooManyReadings", "the global mapping file makes more than "
                                 f"{MOST_READINGS} texts of {text[:30]!r}")
        return list(dict.fromkeys(normalised(self.normaliser, reading)
                                  for each in rewritten for reading in readings(each)))

    def _text(self, text: str, side: Side) -> Text:
        """What a recognizer writes is no notation, nor is a reference unless it was said to be;
        what the rules make of them is."""
        noted = self.alternatives and side == "ref"
        if self.glm is None:
            return parsed(text) if noted else (text,)
        plain = " ".join(marks(text)) if noted else text.translate(_NO_NOTATION)
        return _rewritten(self.glm, plain, side)

    def _network(self, text: Text, unit: Unit) -> Network:
        rules = normaliser(self.normaliser)
        return network(text, rules, unit, by_word=rules.by_word, spaced=unit is characters)


def _rewritten(glm: Path, text: str, side: Side) -> Text:
    return parsed(read_mapping(glm)(text, side))


@lru_cache(maxsize=8)  # several metrics ask for the texts of one utterance
def normalised(name: str, text: str) -> str:
    """``text`` by the normaliser ``name``."""
    return normaliser(name)(text)
