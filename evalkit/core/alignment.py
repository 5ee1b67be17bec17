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
from itertools import chain, groupby, islice, repeat
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from evalkit.core.errors import ConfigError, RunError, UtteranceError
from evalkit.core.names import offer

Costs = Literal["levenshtein", "sclite"]
Pair = tuple[str, str | None, str | None]

SCLITE_SUBSTITUTION, SCLITE_GAP = 4, 3
MOST_PAIRS: Mapping[str, float] = {"levenshtein": 1e12, "sclite": 1e10}
"""Reference tokens times hypothesis tokens: what is compared within a few minutes."""
OPERATIONS = {"equal": "=", "replace": "S", "delete": "D", "insert": "I"}


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
    i = j = 0
    for operation, n in _runs(reference, hypothesis, costs):
        refs = repeat(None, n) if operation == "I" else reference[i:i + n]
        hyps = repeat(None, n) if operation == "D" else hypothesis[j:j + n]
        i, j = i + n * (operation != "I"), j + n * (operation != "D")
        pairs.extend(zip(repeat(operation, n), refs, hyps, strict=True))
    return Alignment(tuple(pairs))


def count_edits(reference: Sequence[str], hypothesis: Sequence[str],
                costs: Costs = "levenshtein") -> Edits:
    """The edits of ``align``, without the pairs, and as it raises."""
    counts = dict.fromkeys("=SDI", 0)
    for operation, n in _runs(reference, hypothesis, costs):
        counts[operation] += n
    return Edits(*counts.values())


def _runs(reference: Sequence[str], hypothesis: Sequence[str], costs: Costs
          ) -> list[tuple[str, int]]:
    """The operations of the alignment in order, each with how many of it follow one another."""
    check_costs(costs)
    if len(reference) * len(hypothesis) > MOST_PAIRS[costs]:
        raise UtteranceError("TooLong", f"{len(reference):,} against {len(hypothesis):,} words or "
                             f"characters cannot be aligned with {costs} costs; cut it into "
                             "utterances")
    if costs == "levenshtein" and isinstance(reference, str) and isinstance(hypothesis, str):
        return _levenshtein(reference, hypothesis)
    numbers: dict[str, int] = {}
    ref = [numbers.setdefault(token, len(numbers)) for token in reference]
    hyp = [numbers.setdefault(token, len(numbers)) for token in hypothesis]
    if costs == "levenshtein":
        return _levenshtein(ref, hyp)
    return [(operation, len([*same])) for operation, same in groupby(_sclite(ref, hyp))]


def check_costs(costs: str) -> None:
    """Raises ConfigError for costs that are not known."""
    if costs not in get_args(Costs):
        raise ConfigError(f"no alignment costs {costs!r}; {offer(costs, get_args(Costs))}")


def _levenshtein(ref: list[int] | str, hyp: list[int] | str) -> list[tuple[str, int]]:
    from rapidfuzz.distance import Levenshtein

    return [(OPERATIONS[run.tag], max(run.src_end - run.src_start, run.dest_end - run.dest_start))
            for run in Levenshtein.opcodes(ref, hyp)]


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
