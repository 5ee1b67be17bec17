"""Oracle word error rates: what the best of a recognizer's guesses would have, in a list of them or
in a lattice; and how much such a list or lattice holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar, NamedTuple

from evalkit.core.alignment import Edits, count_edits
from evalkit.core.networks import closest
from evalkit.core.types import Fact, Measurement, Output, Utterance
from evalkit.metrics.lattice_files import Lattices, lattices_at
from evalkit.metrics.normalisers import normaliser
from evalkit.metrics.tokens import words
from evalkit.metrics.word_graphs import in_tokens
from evalkit.metrics.words import ByWords, rate_facts, rates

DEPTHS = (1, 2, 5, 10)
"""How many of the best guesses are looked at, beside all."""
AUDIO_BYTES = 32_000
"""Of a second of audio of 16 bits at 16 kHz."""


def _facts(name: str, title: str, rule: str, *, words_in: str, bytes_of: str) -> dict[str, Fact]:
    return rate_facts(name, title, "words", rule) | {
        f"{name}.density": Fact("words", None, f"{words_in} divided by reference words",
                                title=f"{title}: words per reference word", part_of=name),
        f"{name}.bytes": Fact(
            "%", False, f"{bytes_of} divided by the bytes of the audio, of 16 bits at 16 kHz; of "
            "utterances whose duration the manifest says", title=f"{title}: bytes per byte of "
            "audio", part_of=name, sometimes=True)}


def _depth(n: int) -> str:
    return f"oracle_wer.{n}best"


_DEPTHS = {_depth(n): Fact(
    "%", False, f"Of the {n} best guesses, or as many as there are, that one counts which has "
    "the fewest errors: substitutions, deletions and insertions divided by reference words",
    title=f"Oracle word error rate, {n} best", part_of="oracle_wer", is_count=True)
    for n in DEPTHS}


@dataclass(frozen=True)
class OracleErrors(ByWords):
    """Of the recognizer's text and its ``alternatives``, at several depths. One that gives no
    alternatives has a list of one."""

    name: ClassVar[str] = "oracle_wer"
    of_one_reading: ClassVar[Mapping[str, Fact]] = _facts(
        "oracle_wer", "Oracle word error rate",
        "Of all guesses of the recognizer that one counts which has the fewest errors",
        words_in="Words of all guesses", bytes_of="Bytes of all guesses, one a line,") | _DEPTHS

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        """Raises UtteranceError as ByWords does."""
        reference, first = self.texts(utterance, output)
        others = output.hypothesis.alternatives if output.hypothesis else ()
        guesses = [first, *(each.text for each in others)]
        edits = [count_edits(*self.tokens(reference, guess, words), self.costs)
                 for guess in guesses]
        best = {n: min(edits[:n], key=lambda each: each.errors) for n in (*DEPTHS, len(edits))}
        depths = {_depth(n): Measurement(float(best[n].errors), float(best[n].reference_length))
                  for n in DEPTHS}
        size = Size(sum(each.hypothesis_length for each in edits),
                    sum(len(guess.encode()) + 1 for guess in guesses))
        return size.beside(self.name, best[len(edits)], utterance.duration) | depths


@dataclass(frozen=True)
class LatticeErrors(ByWords):
    """Of the ``lattices`` of the recognizer that is scored (evalkit.metrics.lattice_files), whose
    words may be numbers of the table ``symbols``. Raises ValueError for a normaliser that looks at
    whole texts: a lattice has too many."""

    lattices: Path = field(kw_only=True)
    symbols: Path | None = field(default=None, kw_only=True)

    name: ClassVar[str] = "lattice_wer"
    of_one_reading: ClassVar[Mapping[str, Fact]] = _facts(
        "lattice_wer", "Oracle word error rate of the lattice",
        "Of all paths through the lattice that one counts whose alignment with the reference "
        "costs least",
        words_in="Links of the lattice that are words (the word graph density of Ortmanns, Ney & "
                 "Aubert 1997)", bytes_of="Bytes of the lattice as it is stored")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not normaliser(self.normaliser).by_word:
            raise ValueError(f"the normaliser {self.normaliser} looks at whole texts, and a "
                             "lattice has its words one by one; give this metric normaliser: "
                             "basic, basic_turkish or none")
        _ = self._lattices  # a bad place stops a run before it starts

    @cached_property
    def _lattices(self) -> Lattices:
        return lattices_at(self.lattices, self.symbols)

    @property
    def version(self) -> str:
        return f"{super().version}, lattices 1 {self._lattices.digest}"

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        """Raises UtteranceError as ByWords does, and of kind NoLattice, BadLattice or TooLong."""
        reference, _ = self.texts(utterance, output)
        stored = self._lattices.of(utterance.id)
        graph = in_tokens(stored.words, self._tokens)
        best = count_edits(*closest(self.said(reference, words), graph, self.costs), self.costs)
        size = Size(sum(token is not None for arcs in graph.arcs for _, token in arcs),
                    stored.bytes)
        return size.beside(self.name, best, utterance.duration)

    def _tokens(self, word: str) -> list[Sequence[str]]:
        """Those of all that a word may be, each by itself: rules see no other word."""
        return [words(form) for form in self.forms(word, ["hyp"])]


class Size(NamedTuple):
    """How many words and bytes a list or a lattice has."""

    words: int
    bytes: int

    def beside(self, name: str, best: Edits, duration: float | None) -> dict[str, Measurement]:
        """The rates of the ``best`` guess, and the size beside the words that were said and, where
        the ``duration`` in seconds is known, the bytes of the audio."""
        density = Measurement(float(self.words), float(best.reference_length))
        audio = {} if duration is None else {
            f"{name}.bytes": Measurement(float(self.bytes), AUDIO_BYTES * duration)}
        return rates(name, best) | {f"{name}.density": density} | audio
