"""Sessions in which several languages are spoken: in which each word was said, which words of each
are wrong, and which were heard in a language that was not spoken there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar, NamedTuple

from evalkit.core.alignment import Edits, Pair, align
from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.mistakes import NAME, NAME_FORM
from evalkit.core.types import Fact, Measurement, Output, Utterance
from evalkit.metrics.comparison import TextOptions
from evalkit.metrics.tokens import words
from evalkit.metrics.word_lists import listed_in, read_list, state
from evalkit.metrics.words import ByWords, rate_facts, rates

KEY = "languages"
"""The manifest's key under which an utterance has the language of each word of its text."""


def spoken_in(utterance: Utterance, key: str, said: Sequence[str], rules: TextOptions) -> list[str]:
    """The language of each of the normalised words ``said``, which are those of the text. Under
    ``key`` the utterance has one for each word of its text, as a list or parted by spaces. Raises
    UtteranceError of kind BadLanguages."""
    text = (utterance.text or "").split()
    try:
        named = listed_in(utterance.metadata.get(key))
    except ValueError as error:
        raise UtteranceError("BadLanguages", f"{key}: {error}") from error
    if not text or len(named) != len(text):
        raise UtteranceError("BadLanguages", f"{key} names {len(named):,} languages of a text of "
                             f"{len(text):,} words; it must name one a word (spaces part them)")
    tokens = [(token, language) for word, language in zip(text, named, strict=True)
              for token in rules.tokens("", word, words)[1]]
    if [token for token, _ in tokens] != list(said):
        raise UtteranceError("BadLanguages", f"the normaliser {rules.normaliser} makes other words "
                             "of the text than of its words one by one; take another, such as "
                             "basic")
    return [language for _, language in tokens]


@dataclass(frozen=True)
class Vocabulary:
    """Words by language, normalised."""

    words: Mapping[str, frozenset[str]]

    @cached_property
    def letters(self) -> dict[str, frozenset[str]]:
        """Those of the words of each language."""
        return {language: frozenset("".join(known)) for language, known in self.words.items()}

    def language_of(self, word: str) -> str | None:
        """The one language that has the word, or, of a word that none has, the one that has all its
        letters. None where there is no such language, or there are several."""
        having = [language for language, known in self.words.items() if word in known] or [
            language for language, known in self.letters.items() if known.issuperset(word)]
        return having[0] if len(having) == 1 else None


class Operation(NamedTuple):
    """Of an alignment, its ``kind``, the language that was ``spoken`` there, and that which was
    ``heard``, None where nothing was or nobody can tell."""

    kind: str
    spoken: str
    heard: str | None


def operations(pairs: Sequence[Pair], spoken: Sequence[str], vocabulary: Vocabulary
               ) -> Iterator[Operation]:
    """Of the alignment ``pairs`` of a reference whose words are of the languages ``spoken``, one at
    least. A word that is right is of its own language. One that was inserted between two languages
    is where its own is spoken, or else where the word before it was."""
    before = 0
    for operation, _, heard in pairs:
        language = None if heard is None else vocabulary.language_of(heard)
        if operation == "I":
            beside = spoken[max(0, before - 1):before + 1]
            within = next((each for each in beside if each == language), beside[0])
            yield Operation("I", within, language)
        else:
            own = spoken[before]
            yield Operation(operation, own, own if operation == "=" else language)
            before += 1


@dataclass(frozen=True)
class LanguageErrors(ByWords):
    """``language_wer_LANGUAGE``, the error rate of the words of each language, of one alignment, so
    that they add up to ``wer``; and ``language_confusion``, the share of words that were heard in
    another language than was spoken there.

    ``lists`` is a folder with the words of each language in a file LANGUAGE.txt
    (evalkit.metrics.word_lists), ``key`` that of ``spoken_in``."""

    lists: Path = field(kw_only=True)
    key: str = field(default=KEY, kw_only=True)

    name: ClassVar[str] = "language_wer"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_one_reading(self)
        if len(self._files) < 2:
            raise ConfigError(f"{self.lists}: must be a folder with the words of each of two "
                              f"languages or more, LANGUAGE.txt; {len(self._files)} such there")
        for language in self._files:
            if not NAME.fullmatch(language):
                raise ConfigError(f"{self._files[language]}: cannot be part of a score's name: it "
                                  f"{NAME_FORM}")
        self._vocabulary  # noqa: B018  so that a bad list is said at once

    @cached_property
    def _files(self) -> dict[str, Path]:
        return {path.stem: path for path in sorted(self.lists.glob("*.txt"))}

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        return Vocabulary({language: frozenset(word for entry in read_list(path, self).entries
                                               for word in entry)
                           for language, path in self._files.items()})

    @property
    def version(self) -> str:
        lists = " ".join(f"{language} {state(path)}" for language, path in self._files.items())
        return f"{super().version}, languages 1 {self.key} {lists}"

    @property
    def facts(self) -> Mapping[str, Fact]:
        """By name, what is measured."""
        rule = (f"The language of a word is that under {self.key!r}; an inserted word counts where "
                "its own language is spoken before or behind it, or else to that before it")
        by_language = [rate_facts(f"language_wer_{language}", f"Word error rate, {language}",
                                  f"words of {language}", rule) for language in self._files]
        return {name: fact for facts in by_language for name, fact in facts.items()} | {
            "language_confusion": Fact(
                "%", False, "Words heard that are of another language than was spoken there, by "
                "the list that has them or else the letters of one list alone, divided by all "
                "words heard; a word of several lists or of none is of no language, a right word "
                "of its own", title="Words in the wrong language", is_count=True,
                bounds=(0.0, 1.0))} | {
            f"language_confusion.{one}_as_{other}": Fact(
                "%", False, f"Words of {other} divided by all words heard while {one} was spoken",
                title=f"{one} heard as {other}", part_of="language_confusion", is_count=True,
                bounds=(0.0, 1.0))
            for one, other in self._directions}

    @property
    def _directions(self) -> list[tuple[str, str]]:
        return [(one, other) for one in self._files for other in self._files if one != other]

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        """Raises UtteranceError as ByWords does, and of kind BadLanguages."""
        said, heard = self.tokens(*self.texts(utterance, output), words)
        spoken = spoken_in(utterance, self.key, said, self)
        if strange := sorted(set(spoken) - self._files.keys()):
            raise UtteranceError("BadLanguages", f"{self.key} names {strange[0]!r}, of which "
                                                 f"{self.lists.name} has no list")
        found = list(operations(align(said, heard, self.costs).pairs, spoken, self._vocabulary))
        return self._error_rates(found) | self._confusions(found)

    def _error_rates(self, found: Sequence[Operation]) -> dict[str, Measurement]:
        counts = Counter((each.spoken, each.kind) for each in found)
        measured: dict[str, Measurement] = {}
        for language in self._files:
            edits = Edits(*(counts[language, operation] for operation in "=SDI"))
            measured |= rates(f"language_wer_{language}", edits)
        return measured

    def _confusions(self, found: Sequence[Operation]) -> dict[str, Measurement]:
        pairs = Counter((each.spoken, each.heard) for each in found if each.kind != "D")
        heard = Counter[str]()
        for (spoken, _), n in pairs.items():
            heard[spoken] += n
        counts = {f"language_confusion.{one}_as_{other}":
                  Measurement(float(pairs[one, other]), float(heard[one]))
                  for one, other in self._directions}
        confused = sum(each.amount for each in counts.values())
        return {"language_confusion": Measurement(confused, float(heard.total()))} | counts


def check_one_reading(rules: TextOptions) -> None:
    """Raises ValueError where a text may stand for several: then it is not known which language
    the words are of that are compared."""
    if rules.has_readings:
        raise ValueError("cannot be measured with alternatives or a global mapping file: the "
                         "languages are those of the text's words as they stand; leave both out")
