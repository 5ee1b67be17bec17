"""What a gate says of a change: passed, failed, or inconclusive.

A change for the worse is shown to be within the tolerance (its whole interval is), or shown to be
beyond it (a test, adjusted for all that is gated), or neither. Both are asked of the same true
change and at the same level, so that of candidates that are worse by exactly what is tolerated
no more pass, and no more fail, than the level allows; all others are inconclusive.

The test is that of no change (evalkit.statistics.paired_permutation) after every speaker's base
has been made worse by what is tolerated: swaps within speakers are then chance. It is one-sided,
and its p-value doubled, so that it is held against the level of a two-sided test: half of the
level bounds the chance of any false failure, however the checks depend on one another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from evalkit.compare.changes import Cell, Untested, noises
from evalkit.compare.gates import Gate, Gates
from evalkit.compare.series import draws
from evalkit.statistics.bootstrap import Resampling
from evalkit.statistics.paired_permutation import alone, fewest_speakers, flip_signs, step_down
from evalkit.statistics.power import detectable, more_speakers
from evalkit.store.documents.comparison import Change, Check, GateResult, Status

BY_WEIGHT: tuple[Status, ...] = ("failed", "inconclusive", "passed", "not judged")
"""A gate says what the first of these is that any of its checks says."""

CLOSE = 0.01
"""What is above this p-value by ten times the level needs no more draws to be told from it."""


class _Test(NamedTuple):
    """Of one check: the adjusted p-value of no more than is tolerated, and the level that it has
    alone among all that are gated."""

    p_value: float
    level: float


UNTESTED = _Test(np.nan, np.nan)


def gate_results(gates: Gates, asked: Sequence[Sequence[Cell]], changes: Mapping[Cell, Change],
                 untested: Mapping[Cell, Untested], resampling: Resampling, *,
                 level: float | None = None) -> list[GateResult]:
    """What every gate says of the cells that it asks for, which are all in ``changes``. A gate
    fails at ``level``, that of the gates where none is given."""
    level = level or gates.level
    pairs = [(gate, cell) for gate, cells in zip(gates.gates, asked, strict=True)
             for cell in cells]
    judged = [(gate, cell) for gate, cell in pairs if changes[cell].why is None]
    parts = [untested[cell].beyond(gate.tolerance.budget(changes[cell].base))
             for gate, cell in judged]
    noise = noises([untested[cell] for _, cell in judged])
    tests = iter(_tests(parts, level, resampling, noise))
    checks = iter([_check(gate, changes[cell], UNTESTED if changes[cell].why else next(tests),
                          level) for gate, cell in pairs])
    return [_result(gate, [next(checks) for _ in cells])
            for gate, cells in zip(gates.gates, asked, strict=True)]


def _tests(parts: Sequence[np.ndarray], level: float, resampling: Resampling,
           noise: np.ndarray | None) -> list[_Test]:
    """From what every speaker contributes to being worse by more than is tolerated."""
    if not parts:
        return []
    together = np.stack(parts, axis=1)
    flips = flip_signs(together, resampling, one_sided=True, noise=noise)
    enough = draws(level, resampling.draws)
    if enough > resampling.draws and 2 * step_down(flips).min() <= CLOSE + 10 * level:
        flips = flip_signs(together, replace(resampling, draws=enough), one_sided=True,
                           noise=noise)
    own = alone(flips, level / 2)
    return [_Test(min(1.0, 2 * float(p)), own) for p in step_down(flips)]


def _result(gate: Gate, checks: list[Check]) -> GateResult:
    statuses = {check.status for check in checks}
    status = next((each for each in BY_WEIGHT if each in statuses), "not judged")
    return GateResult(gate=gate.terms, status=status, checks=checks)


def _check(gate: Gate, change: Change, test: _Test, level: float) -> Check:
    budget = gate.tolerance.budget(change.base)
    missing = [max(0, gate.runs - runs) for runs in change.runs]
    status, reason = _status(change, budget, test.p_value, level)
    if change.why is None and any(missing):
        status, reason = "inconclusive", _missing(gate.runs, missing)
    more: int | None = None if change.why else 0
    if status == "inconclusive" and not any(missing):
        more = more_speakers(change.change, change.worsening - budget, test.level,
                             of=change.change.n_speakers)
    return Check(**dict(change), budget=budget, p_beyond=test.p_value, status=status,
                 reason=reason, detectable=detectable(change.change, test.level),
                 more_speakers=more, missing_runs=missing)


def _missing(asked: int, missing: Sequence[int]) -> str:
    sides = [f"{n} more of the {side}" for n, side in zip(missing, ("base", "candidate"),
                                                          strict=True) if n]
    return f"{asked} runs of each version are asked for: add {' and '.join(sides)}"


def _status(change: Change, budget: float, p_beyond: float, level: float) -> tuple[Status, str]:
    """What the gate says of the change, and why."""
    if change.why is not None:
        return "not judged", change.why
    if change.most_worsening <= budget:
        return "passed", "certainly within the tolerance" if budget else "certainly no worse"
    if change.worsening > budget and p_beyond <= level:
        return "failed", "worse by more than the tolerance, and not by chance"
    return "inconclusive", _why_open(change, budget, level)


def _why_open(change: Change, budget: float, level: float) -> str:
    fewest = fewest_speakers(level)
    if change.worsening > budget and change.change.n_speakers < fewest:
        return f"worse, and fewer than {fewest} speakers fail no gate at this level"
    if change.verdict == "worse":
        return "worse, and not certain to be within the tolerance or beyond it"
    if not budget:
        return "no change found, and without a tolerance none can be ruled out"
    return "neither certain to be within the tolerance nor beyond it"
