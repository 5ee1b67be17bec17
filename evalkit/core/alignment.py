"""Aligning two token sequences, and keeping the alignment as text.

Two cost models are in use. ``levenshtein`` counts every error 1, as jiwer and Kaldi do;
``sclite`` counts a substitution 4 and a gap 3, as NIST's scorer does. Both agree on most
utterances; where they differ, the split into substitutions, deletions and insertions differs,
and now and then the number of errors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring as quoted
from typing import Any, Literal, NamedTuple

import numpy as np
from rapidfuzz.distance.Levenshtein import editops

from evalkit.core.errors import ConfigError, RunError, UtteranceError
from evalkit.core.names import offer

Costs = Literal["levenshtein", "sclite"]
Pair = tuple[str, str | None, str | None]
Error = tuple[str, int, int]
"""A name of OPERATIONS, and where it is in the reference and in the hypothesis."""

SCLITE_SUBSTITUTION, SCLITE_GAP = 4, 3
MOST_PAIRS: Mapping[str, float] = {"levenshtein": 1e12, "sclite": 1e10}
"""Reference tokens times hypothesis tokens: what is compared within a few minutes."""
OPERATIONS = {"replace": "S", "delete": "D", "insert": "I"}
"""Of an alignment, by their names in RapidFuzz."""
HIT, ERROR = "=", "!"
"""Edits that are applied to a text of hits, to make one of errors of it, leave as many errors as
there are substitutions and insertions. That counts them without an object for each."""


class Edits(NamedTuple):
    """How many operations of each kind make a hypothesis of a reference."""

    hits: int
    substitutions: int
    deletions: int
    insertions: int

    @property
    def errors(self) -> int:
        """Substitutions, deletions and insertions."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def reference_length(self) -> int:
        return self.hits + self.substitutions + self.deletions

    @property
    def hypothesis_length(self) -> int:
        return self.hits + self.substitutions + self.insertions


class Alignment(NamedTuple):
    """Two sequences of tokens and, in order, the ``errors`` that make the second of the first."""

    reference: Sequence[str]
    hypothesis: Sequence[str]
    errors: Sequence[Error]

    @property
    def edits(self) -> Edits:
        """How many there are of each operation."""
        return _counted(len(self.reference), len(self.hypothesis), self.errors)

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """(operation, reference token, hypothesis token) in order. The operation is "=", "S", "D"
        (no hypothesis token) or "I" (no reference token)."""
        pairs: list[Pair] = []
        done = 0
        for name, at, heard in self.errors:
            pairs += [("=", token, token) for token in self.reference[done:at]]
            pairs.append((OPERATIONS[name], None if name == "insert" else self.reference[at],
                          None if name == "delete" else self.hypothesis[heard]))
            done = at + (name != "insert")
        pairs += [("=", token, token) for token in self.reference[done:]]
        return tuple(pairs)

    def to_json(self) -> str:
        """A list with a token for each hit and [reference, hypothesis] for each error."""
        return as_json(_escaped(self.reference), _escaped(self.hypothesis), self.errors)

    @staticmethod
    def from_json(text: str) -> Alignment:
        """The inverse of ``to_json``. Raises RunError for any other text."""
        if (words := _all_hits(text)) is not None:
            return Alignment(words, words, [])
        try:
            return _read(json.loads(text))
        except (TypeError, ValueError, RecursionError) as error:
            raise RunError("not an alignment; was the run folder written by another "
                           "program?") from error


def as_json(reference: Sequence[str], hypothesis: Sequence[str], errors: Sequence[Error]) -> str:
    """``Alignment.to_json`` of tokens that stand as they are between the quotes of JSON."""
    text, done = "[", 0  # added to in place, which is sooner than a list of pieces
    for name, at, heard in errors:
        hits = f'"{_PARTED(reference[done:at])}",' if done < at else ""
        done = at + 1
        if name == "replace":
            text += f'{hits}["{reference[at]}","{hypothesis[heard]}"],'
        elif name == "delete":
            text += f'{hits}["{reference[at]}",null],'
        else:
            text += f'{hits}[null,"{hypothesis[heard]}"],'
            done = at
    if done < len(reference):
        return f'{text}"{_PARTED(reference[done:])}"]'
    return f"{text[:-1]}]" if errors else "[]"


_PARTED = '","'.join


def _escaped(tokens: Sequence[str]) -> Sequence[str]:
    """The tokens as they stand between the quotes of JSON."""
    text = "".join(tokens)
    return tokens if len(quoted(text)) == len(text) + 2 else [quoted(each)[1:-1] for each in tokens]


def _all_hits(text: str) -> list[str] | None:
    """The words of a list of nothing but words that are written as they are, without a parser: a
    long run is mostly hits. None for any other text."""
    inside = text[2:-2]
    words = inside.split('","')
    plain = len(text) > 3 and text[:2] == '["' and text[-2:] == '"]' and (
        inside.count('"') == 2 * len(words) - 2 and "\\" not in text and text.isprintable())
    return words if plain else None


def _read(items: Any) -> Alignment:
    if not isinstance(items, list):
        raise TypeError
    if set(map(type, items)) <= {str}:
        return Alignment(list(items), list(items), [])
    said: list[str] = []
    heard: list[str] = []
    errors: list[Error] = []
    for item in items:
        if isinstance(item, str):
            said.append(item)
            heard.append(item)
        else:
            ref, hyp = item
            errors.append((_operation(ref, hyp), len(said), len(heard)))
            said += [] if ref is None else [ref]
            heard += [] if hyp is None else [hyp]
    return Alignment(said, heard, errors)


def _operation(ref: Any, hyp: Any) -> str:
    if ref == hyp or not all(token is None or isinstance(token, str) for token in (ref, hyp)):
        raise ValueError
    return "delete" if hyp is None else "insert" if ref is None else "replace"


def align(reference: Sequence[str], hypothesis: Sequence[str],
          costs: Costs = "levenshtein") -> Alignment:
    """The cheapest alignment of two token sequences under ``costs``; of equally cheap ones
    that of jiwer (``levenshtein``) or sclite (``sclite``). Raises ConfigError for other costs, and
    UtteranceError of kind TooLong for more than MOST_PAIRS."""
    if costs != "levenshtein" or len(reference) * len(hypothesis) > MOST_PAIRS[costs]:
        return Alignment(reference, hypothesis, _weighted(reference, hypothesis, costs))
    found: Any = editops(*_told_apart(reference, hypothesis)).as_list()
    return Alignment(reference, hypothesis, found)


def count_edits(reference: Sequence[str], hypothesis: Sequence[str],
                costs: Costs = "levenshtein") -> Edits:
    """The edits of ``align``, without the alignment, and as it raises."""
    said, heard = len(reference), len(hypothesis)
    if costs != "levenshtein" or said * heard > MOST_PAIRS[costs]:
        return _counted(said, heard, _weighted(reference, hypothesis, costs))
    found = editops(*_told_apart(reference, hypothesis))
    wrong = found.apply(HIT * said, ERROR * heard).count(ERROR)
    deleted = len(found) - wrong
    inserted = deleted + heard - said
    return Edits(heard - wrong, wrong - inserted, deleted, inserted)


def _told_apart(reference: Sequence[str], hypothesis: Sequence[str]) -> Sequence[Sequence[Any]]:
    """The two as RapidFuzz tells all tokens apart: an empty one is "\\0" to it, so that where one
    may be, tokens are numbers."""
    if ((isinstance(reference, str) or all(reference))
            and (isinstance(hypothesis, str) or all(hypothesis))):
        return reference, hypothesis
    return _numbered(reference, hypothesis)


def _numbered(*texts: Sequence[str]) -> list[list[int]]:
    """A number for every token, the same for the same."""
    numbers: dict[str, int] = {}
    return [[numbers.setdefault(token, len(numbers)) for token in tokens] for tokens in texts]


def _counted(said: int, heard: int, errors: Sequence[Error]) -> Edits:
    """The edits among ``errors`` of a reference and a hypothesis of so many tokens."""
    substituted = [name for name, _, _ in errors].count("replace")
    inserted = (len(errors) - substituted + heard - said) // 2
    deleted = inserted + said - heard
    return Edits(said - substituted - deleted, substituted, deleted, inserted)


def check_costs(costs: str) -> None:
    """Raises ConfigError for costs that are not known."""
    if costs not in MOST_PAIRS:
        raise ConfigError(f"no alignment costs {costs!r}; {offer(costs, [*MOST_PAIRS])}")


def _weighted(reference: Sequence[str], hypothesis: Sequence[str], costs: Costs) -> list[Error]:
    """The errors under sclite's costs. Raises as ``align`` does."""
    check_costs(costs)
    if len(reference) * len(hypothesis) > MOST_PAIRS[costs]:
        raise UtteranceError("TooLong", f"{len(reference):,} against {len(hypothesis):,} words or "
                             f"characters cannot be aligned with {costs} costs; cut it into "
                             "utterances")
    if reference == hypothesis:
        return []
    from evalkit.core.weighted_path import CELLS, NAMES, errors

    ref, hyp = (np.array(tokens, np.int32) for tokens in _numbered(reference, hypothesis))
    found = errors(ref, hyp, SCLITE_SUBSTITUTION, SCLITE_GAP, CELLS)
    return [(NAMES[step], i, j) for step, i, j in found.tolist()]
