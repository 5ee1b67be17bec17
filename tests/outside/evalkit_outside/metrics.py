"""A metric of the hypothesis alone, one of words with a normaliser and no costs, and two of audio,
one of whose names has a dot in it, and one that forgets names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from evalkit.core.errors import UtteranceError
from evalkit.core.types import Derived, Fact, Measurement, Output, Utterance
from evalkit.metrics.normalisers import normaliser


@dataclass(frozen=True)
class HypothesisLength:
    name = "hypothesis_length"
    version = "1"
    needs = frozenset({"hypothesis"})
    text_options: ClassVar = frozenset()
    facts: ClassVar = {"hypothesis_length": Fact("words", None, "Words in the hypothesis")}

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        return {"hypothesis_length": Measurement(len(output.hypothesis.text.split()))}


@dataclass(frozen=True)
class WordsMissed:
    """The share of the reference's different words that were not heard."""

    normaliser: str = "none"

    name = "words_missed"
    needs = frozenset({"text", "hypothesis"})
    text_options: ClassVar = frozenset({"normaliser"})
    facts: ClassVar = {"words_missed": Fact(
        "%", False, "Different reference words that the hypothesis lacks", title="Words missed",
        is_count=True)}

    @property
    def version(self) -> str:
        return f"1, {normaliser(self.normaliser).version}"

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        normalise = normaliser(self.normaliser)
        said, heard = (set(normalise(text).split())
                       for text in (utterance.text, output.hypothesis.text))
        return {"words_missed": Measurement(len(said - heard), len(said))}


@dataclass(frozen=True)
class LoudShare:
    """``x_0.5``: how much of the audio is at half of its peak at least, in thousandths. It fails
    on audio of less than ``shortest`` seconds."""

    shortest: float = 0.0

    name = "x_0.5"
    needs = frozenset({"audio"})
    text_options: ClassVar = frozenset()
    facts: ClassVar = {
        "x_0.5": Fact("‰", True, "Samples at half of the peak at least", decimals=1),
        "x_0.5.samples": Fact("samples", None, "Their number", part_of="x_0.5")}

    @property
    def version(self) -> str:
        return f"1, {self.shortest} s"

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        if output.audio.duration < self.shortest:
            raise UtteranceError("TooShort", f"less than {self.shortest} s")
        level = np.abs(output.audio.samples)
        loud = int((level >= 0.5 * level.max()).sum())
        return {"x_0.5": Measurement(1000 * loud / len(level)),
                "x_0.5.samples": Measurement(loud)}


@dataclass(frozen=True)
class Loudness:
    """A metric whose ``normaliser`` has nothing to do with texts."""

    normaliser: float = 1.0

    name = "loudness"
    version = "1"
    needs = frozenset({"audio"})
    text_options: ClassVar = frozenset()
    facts: ClassVar = {"loudness": Fact("", None, "Largest sample times the normaliser")}

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        return {"loudness": Measurement(self.normaliser * float(output.audio.samples.max()))}


@dataclass(frozen=True)
class Partly:
    """A metric that gives the names ``of`` alone."""

    of: str = "partly"

    name = "partly"
    version = "1"
    needs = frozenset({"hypothesis"})
    text_options: ClassVar = frozenset()
    facts: ClassVar = {
        "partly": Fact("", True, "one"), "partly.share": Fact("", True, "one", part_of="partly"),
        "other": Fact("", True, "one"), "rare": Fact("", True, "one", sometimes=True),
        "both": Fact("", True, "one", derived=Derived("product", ("partly", "other")))}

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        return {name: Measurement(1.0) for name in self.of.split()}
