"""Rescoring what a recognizer found likely, in lattices or in lists of best guesses, by a language
model."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.lattices import ScoredLink
from evalkit.core.ledger import NAMED, LeftOut
from evalkit.core.names import instead
from evalkit.metrics.lattice_files import Lattices, lattices_at
from evalkit.models.language.ngrams import Ngrams
from evalkit.models.language.search import Composed, Weights, compose
from evalkit.systems.transcripts.file import Transcripts, read_transcripts
from evalkit.systems.transcripts.keys import Keys

Source = Lattices | Transcripts
Say = Callable[[str], None]
T = TypeVar("T")
SAID_EVERY = 10.0
"""Seconds between two lines of progress."""
DECIMALS = 3
"""Of scores that are written."""
LOOKED_AT = 100
"""Utterances whose words are looked up before all others are."""


def source_at(path: Path, symbols: Path | None = None) -> Source:
    """Lattices (evalkit.metrics.lattice_files), or lists of best guesses in JSON lines. Raises
    ConfigError and ManifestError."""
    try:
        with path.open("rb") as file:
            is_json = file.read(1) in (b"{", b"\xef")
    except IsADirectoryError:
        is_json = False
    except OSError as error:
        raise ConfigError(f"{path}: cannot read it: {error.strerror}{instead(path)}") from error
    return read_transcripts(path, "jsonl", Keys()) if is_json else lattices_at(path, symbols)


def utterances_of(source: Source) -> list[str]:
    """In the order of the file, or of the names of files."""
    return source.utterances if isinstance(source, Lattices) else list(source.texts)


class Guess(NamedTuple):
    """A text of a list, with its score under the weights."""

    text: str
    score: float


@dataclass(frozen=True)
class Guesses:
    """A list of best guesses; ``sums`` (n, 4) are theirs as those of a path (Weights.column)."""

    texts: tuple[str, ...]
    sums: np.ndarray

    def best(self, weights: np.ndarray) -> list[tuple[str, ...]]:
        """The words of the best guess for each column of ``weights`` (4, n); of several as good
        the first."""
        return [tuple(self.texts[n].split()) for n in (self.sums @ weights).argmax(axis=0)]

    def ranked(self, weights: Weights) -> list[Guess]:
        """The best one first, of several as good in the order that they had."""
        scores = self.sums @ np.array(weights.column)
        return [Guess(self.texts[n], float(scores[n])) for n in np.argsort(-scores, kind="stable")]


def ways(source: Source, utterance: str, model: Ngrams) -> Composed | Guesses:
    """All that may have been said in an utterance. Raises UtteranceError of kind NoLattice,
    BadLattice, TooLarge or NoScore."""
    if isinstance(source, Lattices):
        return compose(source.scored(utterance), model)
    others = {each.text: each.confidence for each in source.others.get(utterance, ())}
    first = source.texts[utterance]
    scores = {first: source.scores.get(utterance) if others.get(first) is None else others[first]}
    scores |= {text: score for text, score in others.items() if text != first}
    missing = [text for text, score in scores.items() if score is None]
    if missing and len(scores) > 1:
        raise UtteranceError("NoScore", f"the guess {missing[0][:50]!r} has no score; give each "
                             'one its log-likelihood: {"text": …, "score": …}')
    sums = [(score or 0.0, 0.0, model.sentence(text.split()), float(len(text.split())))
            for text, score in scores.items()]
    return Guesses(tuple(scores), np.array(sums))


@dataclass
class Rescored:
    """``lists`` of guesses by utterance, the best one first; of a lattice its best path alone."""

    lists: dict[str, list[Guess]] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)

    def rows(self) -> Iterator[dict[str, object]]:
        """As JSON lines have them."""
        for utterance, (first, *others) in self.lists.items():
            row: dict[str, object] = {"id": utterance, "hypothesis": first.text}
            yield row if not others else row | {"nbest": [
                {"text": each.text, "score": round(each.score, DECIMALS)}
                for each in (first, *others)]}


def rescore(source: Source, model: Ngrams, weights: Weights, say: Say) -> Rescored:
    """What is best of each utterance under ``weights``; what cannot be used is left out."""
    made, failures = Rescored(), Failures()
    column = np.array([weights.column]).T
    for utterance in told(utterances_of(source), "rescored", say):
        with failures.of(utterance):
            found = ways(source, utterance, model)
            made.lists[utterance] = (
                found.ranked(weights) if isinstance(found, Guesses) else
                [Guess(" ".join(found.best(column)[0]), 0.0)])
    made.left_out = failures.left_out(source)
    return made


class Failures:
    """Utterances that cannot be used, by the reason."""

    def __init__(self) -> None:
        self._by_reason: dict[str, list[str]] = {}
        self._utterance = ""

    def of(self, utterance: str) -> Failures:
        """Keeps the UtteranceError of the block that follows as the failure of ``utterance``."""
        self._utterance = utterance
        return self

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if not isinstance(error, UtteranceError):
            return False
        self._by_reason.setdefault(str(error), []).append(self._utterance)
        return True

    def left_out(self, source: Source) -> list[LeftOut]:
        """One record a reason, and those of the file itself."""
        where = str(source.path) if isinstance(source, Lattices) else "the list of guesses"
        itself = () if isinstance(source, Lattices) else source.left_out
        return [*itself, *(LeftOut("utterance", where, why, len(names), tuple(names[:NAMED]))
                           for why, names in self._by_reason.items())]


def unknown_words(source: Source, model: Ngrams) -> tuple[Counter[str], int]:
    """Words of the first LOOKED_AT utterances that the model does not know, by how often they stand
    in links or guesses, and how many words there are. What cannot be read has none."""
    unknown: Counter[str] = Counter()
    total = 0
    for utterance in utterances_of(source)[:LOOKED_AT]:
        words = _words(source, utterance)
        total += len(words)
        unknown.update(word for word in words if not model.knows(word))
    return unknown, total


def tells_own(source: Source) -> bool:
    """Whether the first LOOKED_AT utterances have scores of the recognizer's own language model,
    apart from the others."""
    if not isinstance(source, Lattices):
        return False
    return any(link.language for utterance in source.utterances[:LOOKED_AT]
               for link in _links(source, utterance))


def _words(source: Source, utterance: str) -> Sequence[str]:
    if not isinstance(source, Lattices):
        texts = [source.texts[utterance], *(each.text for each in source.others[utterance])]
        return " ".join(texts).split()
    return [link.word for link in _links(source, utterance) if link.word is not None]


def _links(source: Lattices, utterance: str) -> Sequence[ScoredLink]:
    try:
        return source.scored(utterance).links
    except UtteranceError:  # which the search tells of
        return ()


def told(items: Sequence[T], done: str, say: Say) -> Iterable[T]:
    """``items``, and now and then how many are ``done``."""
    last = time.monotonic()
    for n, item in enumerate(items):
        if time.monotonic() - last > SAID_EVERY:
            last = time.monotonic()
            say(f"{n:,} of {len(items):,} utterances {done}")
        yield item
