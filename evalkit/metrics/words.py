"""Word, character and mixed error rates, from an alignment of normalised texts.

Counts are kept, not rates, so that any group's rate is that of its pooled words. Rates are
stored as ratios; the unit "%" means that they are shown times 100.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from evalkit.core.alignment import Edits, count_edits
from evalkit.core.errors import UtteranceError
from evalkit.core.types import Derived, Fact, Measurement, Output, Utterance
from evalkit.metrics.comparison import DEFINITION, TextOptions, normalised
from evalkit.metrics.readings import Unit
from evalkit.metrics.tokens import characters, mixed, unparted, words

NEEDS = frozenset({"text", "hypothesis"})
NO_WORDS = "NoWords"
"""The kind of the failure of a reference whose words cannot be counted."""
_WORD_INFORMATION = ("correct words divided by reference words, times correct words divided by "
                     "hypothesis words, all pooled; Morris, Maier & Green 2004")


def rate_facts(name: str, title: str, units: str, detail: str) -> dict[str, Fact]:
    """Facts of ``rates``."""
    per = f"divided by reference {units}"
    return {
        name: Fact("%", False, f"Substitutions, deletions and insertions {per}, both pooled over "
                               f"the group; an empty reference adds its insertions. {detail}",
                   title=title, is_count=True),
        f"{name}.substitutions": Fact("%", False, f"Substituted {units} {per}", part_of=name,
                                      title=f"Substituted {units}", is_count=True),
        f"{name}.deletions": Fact("%", False, f"Deleted {units} {per}", part_of=name,
                                  title=f"Deleted {units}", is_count=True),
        f"{name}.insertions": Fact("%", False, f"Inserted {units} {per}", part_of=name,
                                   title=f"Inserted {units}", is_count=True),
        f"{name}.hits": Fact("%", True, f"Correct {units} {per}", part_of=name,
                             title=f"Correct {units}", bounds=(0.0, 1.0)),
    }


def rates(name: str, edits: Edits) -> dict[str, Measurement]:
    """The error rate and its parts, which add up to it; all weigh the reference's length."""
    counts = {
        name: edits.errors, f"{name}.substitutions": edits.substitutions,
        f"{name}.deletions": edits.deletions, f"{name}.insertions": edits.insertions,
        f"{name}.hits": edits.hits,
    }
    weight = float(edits.reference_length)
    return {key: Measurement(float(count), weight) for key, count in counts.items()}


def word_rates(edits: Edits) -> dict[str, Measurement]:
    """What follows from the counts of words alone."""
    return rates("wer", edits) | {
        "wer.precision": Measurement(float(edits.hits), float(edits.hypothesis_length)),
        "mer": Measurement(float(edits.errors), float(sum(edits))),
    }


@dataclass(frozen=True)
class TextMetric(TextOptions):
    """A metric of texts, whose options are those of TextOptions."""

    needs: ClassVar[frozenset[str]] = NEEDS
    text_options: ClassVar[frozenset[str]] = frozenset(
        {"normaliser", "costs", "alternatives", "glm"})
    of_one_reading: ClassVar[Mapping[str, Fact]]
    """What its names mean where no text has alternatives."""

    @property
    def facts(self) -> Mapping[str, Fact]:
        """By name, what is measured."""
        return self.with_readings(self.of_one_reading)

    def with_readings(self, facts: Mapping[str, Fact]) -> Mapping[str, Fact]:
        """``facts``, which say what becomes of alternatives where there may be any."""
        if not self.has_readings:
            return facts
        return {name: replace(fact, definition=fact.definition + DEFINITION)
                if fact.part_of is None else fact for name, fact in facts.items()}

    @property
    def version(self) -> str:
        return f"2, {self.described}"

    def texts(self, utterance: Utterance, output: Output) -> tuple[str, str]:
        """Reference and hypothesis. Raises UtteranceError of kind NoReference or NoHypothesis."""
        if utterance.text is None:
            raise UtteranceError("NoReference", "the manifest has no text for it")
        if output.hypothesis is None:
            raise UtteranceError("NoHypothesis", "the recognizer gave nothing, not even empty text")
        return utterance.text, output.hypothesis.text

    def edits(self, utterance: Utterance, output: Output, unit: Unit) -> Edits:
        """Of the tokens that ``unit`` makes. Raises UtteranceError."""
        return count_edits(*self.tokens(*self.texts(utterance, output), unit), self.costs)


@dataclass(frozen=True)
class ByWords(TextMetric):
    """A metric that counts words.

    ``unit`` "word" is for writing that parts words by spaces; a reference in another script
    (evalkit.metrics.tokens) is not measured. "space" counts whatever lies between spaces, for texts
    whose words were parted beforehand."""

    unit: Literal["word", "space"] = "word"

    def unmeasurable(self, text: str) -> str | None:
        """The script of a reference whose words cannot be counted, None where they can be."""
        return unparted(normalised(self.normaliser, text)) if self.unit == "word" else None

    def texts(self, utterance: Utterance, output: Output) -> tuple[str, str]:
        """Reference and hypothesis. Raises UtteranceError, of kind NO_WORDS for a reference whose
        words cannot be counted."""
        reference, hypothesis = super().texts(utterance, output)
        if script := self.unmeasurable(reference):
            raise UtteranceError(NO_WORDS, f"{script} writing does not part words by spaces; "
                                            "measure mixed_error_rate or cer")
        return reference, hypothesis


@dataclass(frozen=True)
class WordErrors(ByWords):
    """Word error rate and its parts, match error rate (Morris, Maier & Green 2004) and, on
    utterances in which nobody speaks, the rate of invented words.

    Word information preserved and lost (Morris, Maier & Green 2004) follow from ``wer.hits`` and
    ``wer.precision``."""

    name: ClassVar[str] = "wer"
    of_one_reading: ClassVar[Mapping[str, Fact]] = rate_facts(
        "wer", "Word error rate", "words",
        "The unit is the word, parted by spaces after normalisation; references in scripts that do "
        "not part words by spaces are measured only where their words were parted beforehand "
        "(unit: space)") | {
        "wer.precision": Fact("%", True, "Correct words divided by hypothesis words",
                              title="Word precision", part_of="wer", bounds=(0.0, 1.0)),
        "mer": Fact("%", False, "Match error rate: errors divided by hits, substitutions, "
                                "deletions and insertions", title="Match error rate",
                    bounds=(0.0, 1.0)),
        "hallucination": Fact("%", False, "Share of the empty references, after normalisation, "
                                          "for which words were recognised",
                              title="Words invented in silence", sometimes=True,
                              bounds=(0.0, 1.0)),
        "wip": Fact("%", True, f"Word information preserved: {_WORD_INFORMATION}",
                    title="Word information preserved",
                    derived=Derived("product", ("wer.hits", "wer.precision"))),
        "wil": Fact("%", False, f"Word information lost, 1 minus: {_WORD_INFORMATION}",
                    title="Word information lost",
                    derived=Derived("one minus product", ("wer.hits", "wer.precision"))),
    }

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        edits = self.edits(utterance, output, words)
        measured = word_rates(edits)
        if not edits.reference_length:
            measured["hallucination"] = Measurement(float(edits.insertions > 0))
        return measured


@dataclass(frozen=True)
class MixedErrors(TextMetric):
    """Mixed error rate and its parts, as is usual for Mandarin with English: characters of scripts
    that do not part words by spaces (evalkit.metrics.tokens), words of the others. Without any such
    character it is the word error rate."""

    name: ClassVar[str] = "mixed_error_rate"
    of_one_reading: ClassVar[Mapping[str, Fact]] = rate_facts(
        "mixed_error_rate", "Mixed error rate", "characters or words",
        "The unit is the character (Unicode code point) in Han, kana, Thai, Lao, Khmer, Burmese, "
        "Tibetan and other writing that does not part words by spaces, and the word, parted by "
        "spaces, in all other; both after normalisation")

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        return rates(self.name, self.edits(utterance, output, mixed))


@dataclass(frozen=True)
class CharacterErrors(TextMetric):
    """Character error rate and its parts, over code points."""

    name: ClassVar[str] = "cer"
    of_one_reading: ClassVar[Mapping[str, Fact]] = rate_facts(
        "cer", "Character error rate", "characters",
        "Characters are Unicode code points of the normalised text, and the space between two "
        "words is one of them, as in jiwer; in writing that does not part words by spaces, spaces "
        "are not counted")

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        return rates("cer", self.edits(utterance, output, characters))
