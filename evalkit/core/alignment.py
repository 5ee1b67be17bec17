"""Aligning two token sequences, and keeping the alignment as text.

Two cost models are in use. ``levenshtein`` counts every error 1, as jiwer and Kaldi do;
``sclite`` counts a substitution 4 and a gap 3, as NIST's scorer does. Both agree on most
utterances; where they differ, the split into substitutions, deletions and insertions differs,
and now and then the number of errors.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np

from evalkit.core.errors import ConfigError, RunError
from evalkit.core.names import offer

Costs = Literal["levenshtein", "sclite"]
Pair = tuple[str, str | None, str | None]

SCLITE_SUBSTITUTION, SCLITE_GAP = 4, 3
OPERATIONS = {"equal": "=", "replace": "S", "delete": "D", "insert": "I"}


@dataclass(frozen=True)
class Alignment:
    """``pairs`` of (operation, reference token, hypothesis token) in order. The operation is
    "=", "S", "D" (no hypothesis token) or "I" (no reference token)."""

    pairs: tuple[Pair, ...]

    @cached_property
    def _counts(self) -> Counter[str]:
        return Counter(operation for operation, _, _ in self.pairs)

    @property
    def hits(self) -> int:
        return self._counts["="]

    @property
    def substitutions(self) -> int:
        return self._counts["S"]

    @property
    def deletions(self) -> int:
        return self._counts["D"]

    @property
    def insertions(self) -> int:
        return self._counts["I"]

    @property
    def errors(self) -> int:
        """Substitutions, deletions and insertions."""
        return len(self.pairs) - self.hits

    @property
    def reference_length(self) -> int:
        return len(self.pairs) - self.insertions

    @property
    def hypothesis_length(self) -> int:
        return len(self.pairs) - self.deletions

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
    that of jiwer (``levenshtein``) or sclite (``sclite``). Raises ConfigError for other costs."""
    check_costs(costs)
    numbers: dict[str, int] = {}
    ref = [numbers.setdefault(token, len(numbers)) for token in reference]
    hyp = [numbers.setdefault(token, len(numbers)) for token in hypothesis]
    operations = (_sclite if costs == "sclite" else _levenshtein)(ref, hyp)
    refs, hyps = iter(reference), iter(hypothesis)
    return Alignment(tuple((operation, None if operation == "I" else next(refs),
                            None if operation == "D" else next(hyps))
                           for operation in operations))


def check_costs(costs: str) -> None:
    """Raises ConfigError for costs that are not known."""
    if costs not in get_args(Costs):
        raise ConfigError(f"no alignment costs {costs!r}; {offer(costs, get_args(Costs))}")


def _levenshtein(ref: list[int], hyp: list[int]) -> str:
    from rapidfuzz.distance import Levenshtein

    return "".join(
        OPERATIONS[run.tag] * max(run.src_end - run.src_start, run.dest_end - run.dest_start)
        for run in Levenshtein.opcodes(ref, hyp))


def _sclite(ref: list[int], hyp: list[int]) -> str:
    """Operations in order. Among equal costs sclite's network alignment prefers, tracing back
    from the end, the diagonal, then an insertion, then a deletion."""
    i, j = len(ref), len(hyp)
    while i and j and ref[i - 1] == hyp[j - 1]:  # an equal end costs nothing on the diagonal
        i, j = i - 1, j - 1
    choices = _sclite_choices(ref[:i], np.asarray(hyp[:j], np.int32))
    backwards = ["="] * (len(ref) - i)
    while i and j:
        choice = choices[i - 1][j - 1]
        backwards.append(("=" if ref[i - 1] == hyp[j - 1] else "S") if choice == "S" else choice)
        i -= choice != "I"
        j -= choice != "D"
    return "D" * i + "I" * j + "".join(reversed(backwards))


def _sclite_choices(ref: list[int], hyp: np.ndarray) -> list[str]:
    """For each reference token the last step ("S" for the diagonal, "D", "I") to every
    hypothesis token, by dynamic programming over rows. Within a row insertions are a running
    minimum once what they cost up to each column is taken off."""
    inserted = SCLITE_GAP * np.arange(len(hyp) + 1, dtype=np.int32)
    row, choices = inserted, []
    for token in ref:
        diagonal = row[:-1] + SCLITE_SUBSTITUTION * (hyp != token)
        deletion = row + SCLITE_GAP
        row = deletion.copy()
        np.minimum(diagonal, deletion[1:], out=row[1:])
        row = np.minimum.accumulate(row - inserted) + inserted
        gap = np.where(deletion[1:] < row[:-1] + SCLITE_GAP, b"D", b"I")
        choices.append(np.where(diagonal == row[1:], b"S", gap).tobytes().decode())
    return choices
