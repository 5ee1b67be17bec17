"""How a reference and a hypothesis are made the tokens that are compared: normaliser, alternatives,
global mapping file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from evalkit.core.alignment import Costs, check_costs
from evalkit.core.networks import Network, closest
from evalkit.metrics.global_mapping import read_mapping
from evalkit.metrics.normalisers import normaliser
from evalkit.metrics.readings import Choice, Text, Unit, marks, network, parsed
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
    sclite's (evalkit.metrics.readings), and so with ``glm``, a global mapping file
    (evalkit.metrics.global_mapping) that rewrites both sides before they are normalised."""

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
        if self.has_readings:
            parts.append(ALTERNATIVES)
        if self.glm is not None:
            parts.append(f"global mapping {read_mapping(self.glm).digest}")
        return ", ".join(parts)

    def tokens(self, reference: str, hypothesis: str, unit: Unit
               ) -> tuple[Sequence[str], Sequence[str]]:
        """The tokens of both texts, of the readings that fit each other best where they have
        several. Raises UtteranceError for alternatives that cannot be understood or are too
        many."""
        if self.has_readings:
            said, heard = self._reference(reference), self._hypothesis(hypothesis)
            if any(isinstance(item, Choice) for item in (*said, *heard)):
                return closest(self._network(said, unit), self._network(heard, unit), self.costs)
            reference, hypothesis = (" ".join(map(str, text)) for text in (said, heard))
        return (unit(normalised(self.normaliser, reference)),
                unit(normalised(self.normaliser, hypothesis)))

    def said(self, reference: str, unit: Unit) -> Network:
        """The tokens of a reference, of all its readings. Raises UtteranceError as ``tokens``
        does."""
        text = self._reference(reference) if self.has_readings else (reference,)
        return self._network(text, unit)

    def _reference(self, text: str) -> Text:
        if self.glm is not None:
            text = read_mapping(self.glm)(" ".join(marks(text)), "ref")
        return parsed(text)

    def _hypothesis(self, text: str) -> Text:
        """What a recognizer writes is no notation; what the rules make of it is."""
        if self.glm is None:
            return (text,)
        return parsed(read_mapping(self.glm)(text.translate(_NO_NOTATION), "hyp"))

    def _network(self, text: Text, unit: Unit) -> Network:
        rules = normaliser(self.normaliser)
        return network(text, rules, unit, by_word=rules.by_word, spaced=unit is characters)


@lru_cache(maxsize=8)  # several metrics ask for the texts of one utterance
def normalised(name: str, text: str) -> str:
    """``text`` by the normaliser ``name``."""
    return normaliser(name)(text)
