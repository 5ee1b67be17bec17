"""Aligning two token sequences, and keeping the alignment as text.

Two cost models are in use. ``levenshtein`` counts every error 1, as jiwer and Kaldi do;
``sclite`` counts a substitution 4 and a gap 3, as NIST's scorer does. Both agree on most
utterances; where they differ, the split into substitutions, deletions and insertions differs,
and now and then the number of errors.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from typing import Any, Literal, NamedTuple

import numpy as np

from evalkit.core.errors import ConfigError, RunError, UtteranceError
from evalkit.core.names import offer

Costs = Literal["levenshtein", "sclite"]
Pair = tuple[str, str | None, str | None]
Error = tuple[str, int, int]
"""An operation that is not "=", and where it is in the reference and in the hypothesis."""

SCLITE_SUBSTITUTION, SCLITE_GAP = 4, 3
MOST_PAIRS: Mapping[str, float] = {"levenshtein": 1e12, "sclite": 1e10}
"""Reference tokens times hypothesis tokens: what is compared within a few minutes."""
OPERATIONS = {"replace": "S", "delete": "D", "insert": "I"}


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


@dataclass(frozen=True)
class Alignment:
    """``pairs`` of (operation, reference token, hypothesis token) in order. The operation is
    "=", "S", "D" (no hypothesis token) or "I" (no reference token)."""

    pairs: tuple[Pair, ...]

    @cached_property
    def edits(self) -> Edits:
        """How many there are of each operation."""
        counts = Counter(operation for operation, _, _ in self.pairs)
        return Edits(*(counts[operation] for operation in "=SDI"))

    def to_json(self) -> str:
        """A list with a token for each hit and [reference, hypothesis] for each error."""
        return json.dumps([ref if operation == "=" else [ref, hyp]
                           for operation, ref, hyp in self.pairs],
                          ensure_ascii=False, separators=(",", ":"))

    @staticmethod
    def from_json(text: str) -> Alignment:
        """The inverse of ``to_json``. Raises RunError for any other text."""
        try:
            return Alignment(tuple(_pair(item) for item in json.loads(text)))
        except (TypeError, ValueError, RecursionError) as error:
            raise RunError("not an alignment; was the run folder written by another "
                           "program?") from error


def _pair(item: Any) -> Pair:
    if isinstance(item, str):
        return "=", item, item
    ref, hyp = item
    if ref == hyp or not all(token is None or isinstance(token, str) for token in item):
        raise ValueError
    return "D" if hyp is None else "I" if ref is None else "S", ref, hyp


def align(reference: Sequence[str], hypothesis: Sequence[str],
          costs: Costs = "levenshtein") -> Alignment:
    """The cheapest alignment of two token sequences under ``costs``; of equally cheap ones
    that of jiwer (``levenshtein``) or sclite (``sclite``). Raises ConfigError for other costs, and
    UtteranceError of kind TooLong for more than MOST_PAIRS."""
    pairs: list[Pair] = []
    i = 0
    for operation, at, heard in _errors(reference, hypothesis, costs):
        pairs += [("=", token, token) for token in reference[i:at]]
        pairs.append((operation, None if operation == "I" else reference[at],
                      None if operation == "D" else hypothesis[heard]))
        i = at + (operation != "I")
    pairs += [("=", token, token) for token in reference[i:]]
    return Alignment(tuple(pairs))


def count_edits(reference: Sequence[str], hypothesis: Sequence[str],
                costs: Costs = "levenshtein") -> Edits:
    """The edits of ``align``, without the pairs, and as it raises."""
    operations = [operation for operation, _, _ in _errors(reference, hypothesis, costs)]
    substituted, deleted, inserted = (operations.count(operation) for operation in "SDI")
    return Edits(len(reference) - substituted - deleted, substituted, deleted, inserted)


def _errors(reference: Sequence[str], hypothesis: Sequence[str], costs: Costs) -> list[Error]:
    """The errors of the alignment in order."""
    check_costs(costs)
    if len(reference) * len(hypothesis) > MOST_PAIRS[costs]:
        raise UtteranceError("TooLong", f"{len(reference):,} against {len(hypothesis):,} words or "
                             f"characters cannot be aligned with {costs} costs; cut it into "
                             "utterances")
    if reference == hypothesis:
        return []
    if costs == "levenshtein":
        return _levenshtein(reference, hypothesis)
    numbers: dict[str, int] = {}
    ref = [numbers.setdefault(token, len(numbers)) for token in reference]
    hyp = [numbers.setdefault(token, len(numbers)) for token in hypothesis]
    return [*_located(_sclite(ref, hyp))]


def _located(operations: str) -> Iterator[Error]:
    """The errors among ``operations``, each with where it is in both sequences."""
    i = j = 0
    for operation in operations:
        if operation != "=":
            yield operation, i, j
        i, j = i + (operation != "I"), j + (operation != "D")


def check_costs(costs: str) -> None:
    """Raises ConfigError for costs that are not known."""
    if costs not in MOST_PAIRS:
        raise ConfigError(f"no alignment costs {costs!r}; {offer(costs, [*MOST_PAIRS])}")


def _levenshtein(reference: Sequence[str], hypothesis: Sequence[str]) -> list[Error]:
    from rapidfuzz.distance import Levenshtein

    errors: list[Error] = Levenshtein.editops(  # type: ignore[assignment]  # stubs: Editop
        reference, hypothesis).as_list()
    return [(OPERATIONS[name], i, j) for name, i, j in errors]


def _sclite(ref: list[int], hyp: list[int]) -> str:
    """Operations in order. Among equal costs sclite's network alignment prefers, tracing back
    from the end, the diagonal, then an insertion, then a deletion.

    Every ``block``-th row of costs is kept, and the rows between are made again on the way back,
    for the columns that are still to go: memory grows with the length times its root."""
    i, j = len(ref), len(hyp)
    while i and j and ref[i - 1] == hyp[j - 1]:  # an equal end costs nothing on the diagonal
        i, j = i - 1, j - 1
    backwards = ["=" * (len(ref) - i)]
    numbers, block = np.asarray(hyp[:j], np.int32), max(64, 2 * math.isqrt(i))
    start = np.zeros(j + 1, np.int32)
    kept = list(islice(chain([start], _rows(ref[:i], numbers, start)), 0, None, block))
    while i and j:
        first = (i - 1) // block * block
        choices = _choices(ref[first:i], numbers[:j], kept[first // block][:j + 1])
        operations, rows_left, j = _traced(choices, ref[first:i], hyp, j)
        backwards.append(operations)
        i = first + rows_left
    return "D" * i + "I" * j + "".join(reversed(backwards))


def _rows(ref: list[int], hyp: np.ndarray, row: np.ndarray) -> Iterator[np.ndarray]:
    """The cost of reaching every hypothesis token after each reference token, from those before
    them. What gaps alone would cost is taken off, so that a gap changes nothing here and
    insertions within a row are a running minimum."""
    for token in ref:
        reached = row.copy()
        np.minimum(row[1:], _diagonal(row, hyp, token), out=reached[1:])
        row = np.minimum.accumulate(reached)
        yield row


def _diagonal(row: np.ndarray, hyp: np.ndarray, token: int) -> np.ndarray:
    """What it costs to pair ``token`` with each hypothesis token, in the terms of ``_rows``."""
    changed = (hyp != token) * np.int32(SCLITE_SUBSTITUTION)
    changed += row[:-1]
    changed -= np.int32(2 * SCLITE_GAP)
    return changed


def _choices(ref: list[int], hyp: np.ndarray, row: np.ndarray) -> list[bytes]:
    """For each reference token the last step ("S" for the diagonal, "D", "I") to every hypothesis
    token."""
    choices = []
    for token, after in zip(ref, _rows(ref, hyp, row), strict=True):
        gap = np.where(row[1:] < after[:-1], b"D", b"I")
        choices.append(np.where(_diagonal(row, hyp, token) == after[1:], b"S", gap).tobytes())
        row = after
    return choices


def _traced(choices: list[bytes], ref: list[int], hyp: list[int], j: int) -> tuple[str, int, int]:
    """The operations of the rows of ``choices`` from the last and column ``j`` back, in order, and
    where they began."""
    i, backwards = len(choices), []
    while i and j:
        choice = chr(choices[i - 1][j - 1])
        backwards.append("=" if choice == "S" and ref[i - 1] == hyp[j - 1] else choice)
        i -= choice != "I"
        j -= choice != "D"
    return "".join(reversed(backwards)), i, j
