"""Error rates of the words of a list and of all others: B-WER and U-WER, as contextual biasing is
judged by (Le et al. 2021, arXiv 2104.02194)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.core.alignment import Edits, Pair, align
from evalkit.core.errors import UtteranceError
from evalkit.core.mistakes import NAME, NAME_FORM
from evalkit.core.types import Fact, Measurement, Output, Utterance
from evalkit.metrics.tokens import words
from evalkit.metrics.word_lists import WordList, listed_in, read_list, state, word_list
from evalkit.metrics.words import ByWords, rate_facts, rates

_RULE = ("a word that was said is of the list where it is in it or in a phrase of it, after "
         "normalisation; one that was inserted where it is so among the words that were heard")
Marks = tuple[Sequence[bool], Sequence[bool]]
"""Of the words that were said and of those that were heard, which are of the list."""


@dataclass(frozen=True)
class ListedWords(ByWords):
    """``b_wer``, the error rate of the words of a list, and ``u_wer``, of all others, with their
    parts. Both count errors of one alignment, so that they add up to those of ``wer``.

    One of three says the list: the file ``list`` of words and phrases; the file ``common`` of those
    that are *not* of the list; or the ``key`` of the manifest, or column of the table, under which
    an utterance has its own (evalkit.metrics.word_lists). ``label`` tells the names of one list
    from those of another in the same run: ``b_wer_LABEL``."""

    list: Path | None = None
    common: Path | None = None
    key: str | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if len([each for each in (self.list, self.common, self.key) if each]) != 1:
            raise ValueError("say one of list: FILE, the words that are counted apart; common: "
                             "FILE, the words that are not; key: NAME, the manifest's key or the "
                             "table's column that has them for each utterance")
        if self.label is not None and not NAME.fullmatch(self.label):
            raise ValueError(f"label {self.label!r} cannot be part of a name: it {NAME_FORM}")
        if self._file is not None:
            read_list(self._file, self)

    @property
    def name(self) -> str:
        return self._named("b_wer")

    def _named(self, name: str) -> str:
        return name if self.label is None else f"{name}_{self.label}"

    @property
    def _file(self) -> Path | None:
        return self.list or self.common

    def _words(self, utterance: Utterance) -> WordList:
        """The words of the file, or of the utterance's own list."""
        if self._file is not None:
            return read_list(self._file, self)
        try:
            return word_list(listed_in(utterance.metadata.get(self.key or "")), self)
        except ValueError as error:
            raise UtteranceError("BadList", f"{self.key}: {error}") from error

    @property
    def version(self) -> str:
        content = "" if self._file is None else f" {state(self._file)}"
        return f"{super().version}, word list 1{content}"

    @property
    def facts(self) -> Mapping[str, Fact]:
        """By name, what is measured."""
        which, label = self._which, "" if self.label is None else f", {self.label}"
        return self.with_readings(
            rate_facts(self._named("b_wer"), f"Error rate of listed words (B-WER{label})",
                       "words of the list", which)
            | rate_facts(self._named("u_wer"), f"Error rate of other words (U-WER{label})",
                         "words that are not of the list", which))

    @property
    def _which(self) -> str:
        """Which words are of the list."""
        if self.common is not None:
            return (f"Every word that {self.common.name} does not hold is of the list; one that "
                    "was inserted, only where the same word was said in the utterance")
        given = (f"in the file {self.list.name}" if self.list is not None else
                 f"the utterance's own, under {self.key!r}")
        return f"The list is {given}: {_RULE}"

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        """Raises UtteranceError as ByWords does, and of kind BadList."""
        said, heard = self.tokens(*self.texts(utterance, output), words)
        listed, others = _edits(align(said, heard, self.costs).pairs,
                                self._marks(utterance, said, heard))
        return rates(self._named("b_wer"), listed) | rates(self._named("u_wer"), others)

    def _marks(self, utterance: Utterance, said: Sequence[str], heard: Sequence[str]) -> Marks:
        given = self._words(utterance)
        of_said = given.covers(said)
        if self.common is None:
            return of_said, given.covers(heard)
        rare = {word for word, is_common in zip(said, of_said, strict=True) if not is_common}
        return [not each for each in of_said], [word in rare for word in heard]


def _edits(pairs: Sequence[Pair], marks: Marks) -> tuple[Edits, Edits]:
    """Of the words of the list, and of the others."""
    counts = {True: Counter[str](), False: Counter[str]()}
    said, heard = map(iter, marks)
    for operation, _, _ in pairs:
        of_heard = next(heard) if operation != "D" else False
        counts[next(said) if operation != "I" else of_heard][operation] += 1
    listed, others = (Edits(*(counts[which][each] for each in "=SDI")) for which in (True, False))
    return listed, others
