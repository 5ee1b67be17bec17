"""How much a language model should weigh: chosen on other utterances, whose texts are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from evalkit.core.alignment import Edits
from evalkit.core.errors import ConfigError
from evalkit.core.ledger import NAMED, LeftOut
from evalkit.core.types import Hypothesis, Output, Utterance
from evalkit.metrics.tokens import words
from evalkit.metrics.words import WordErrors
from evalkit.models.language.ngrams import Ngrams
from evalkit.models.language.rescoring import (
    Failures,
    Say,
    Source,
    tells_own,
    told,
    utterances_of,
    ways,
)
from evalkit.models.language.search import Weights

LANGUAGE = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0, 15.0,
            20.0, 30.0)
"""Weights of the model that are tried beside 0."""
BONUS = (-1.0, 0.0, 1.0, 2.0, 3.0, 4.0)
"""What a word adds, as a multiple of the model's weight."""
OWN = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0)
"""Weights of the recognizer's own language model, where lattices tell its scores apart."""


class Tried(NamedTuple):
    """Errors under ``weights``, in so many reference words."""

    weights: Weights
    errors: int
    words: int

    @property
    def percent(self) -> str:
        """The word error rate."""
        return f"{100 * self.errors / self.words:.2f}"


class Tuned(NamedTuple):
    """All weights that were tried, that of no model first, the ``best`` of them, and what took no
    part."""

    tried: tuple[Tried, ...]
    best: Tried
    left_out: tuple[LeftOut, ...]

    def by_own(self) -> dict[float, list[Tried]]:
        """By the weight of the recognizer's own language model."""
        found: dict[float, list[Tried]] = {}
        for each in self.tried:
            found.setdefault(each.weights.own, []).append(each)
        return found


def grid(base: Weights, own: Sequence[float]) -> list[Weights]:
    """All weights that are tried, those of no model first, of each weight of the recognizer's
    ``own``."""
    return [base._replace(own=each, language=weight, insertion=insertion)
            for each in own for weight, insertion in (
                (0.0, 0.0), *((weight, bonus * weight) for weight in LANGUAGE for bonus in BONUS))]


def tune(source: Source, references: Mapping[str, str], model: Ngrams, say: Say, *,
         acoustic: float, own: float | None) -> Tuned:
    """The weights with the fewest word errors, pooled; of several those that change least: the
    smallest weight of the model, the smallest bonus, the largest weight of the recognizer's own
    model. That is ``own``, or one of OWN where it is None and the source tells its scores apart;
    ``references`` are texts by utterance. Raises ConfigError where no utterance has one."""
    owns = (own,) if own is not None else OWN if tells_own(source) else OWN[:1]
    tried, failures = grid(Weights(acoustic=acoustic), owns), Failures()
    columns = np.array([each.column for each in tried]).T
    known = [each for each in utterances_of(source) if each in references]
    errors, total = np.zeros(len(tried), int), 0
    for utterance in told(known, "tried", say):
        with failures.of(utterance):
            found = ways(source, utterance, model).best(columns)
            edits = _edits(references[utterance], [" ".join(each) for each in found])
            errors += [each.errors for each in edits]
            total += edits[0].reference_length
    left_out = (*failures.left_out(source), *_without(source, references))
    if not total:
        raise ConfigError("--dev: no utterance of it can be used with a text of --references"
                          + "".join(f"; {each}" for each in left_out[:1]))
    results = tuple(Tried(weights, int(n), total)
                    for weights, n in zip(tried, errors, strict=True))
    return Tuned(results, min(results, key=lambda each: (
        each.errors, each.weights.language, abs(each.weights.insertion), -each.weights.own)),
        left_out)


def _edits(reference: str, texts: Sequence[str]) -> list[Edits]:
    """Of each text. Raises UtteranceError as WordErrors does."""
    metric, said = WordErrors(), Utterance("", text=reference)
    known = {text: metric.edits(said, Output(hypothesis=Hypothesis(text)), words)
             for text in dict.fromkeys(texts)}
    return [known[text] for text in texts]


def _without(source: Source, references: Mapping[str, str]) -> list[LeftOut]:
    """Utterances without a text, and texts without an utterance."""
    ids = utterances_of(source)
    missing = [each for each in ids if each not in references]
    others = sorted(references.keys() - set(ids))
    return [LeftOut("utterance", where, why, len(names), tuple(names[:NAMED]))
            for where, why, names in (("--dev", "no text in --references", missing),
                                      ("--references", "not in --dev", others)) if names]
