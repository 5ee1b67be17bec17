"""Two versions compared, and the gates decided: the one result that every format shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from evalkit.compare import completeness
from evalkit.compare.baseline import Baseline, Candidate, Key, on_blocks, read_baseline
from evalkit.compare.changes import At, Change, find, scopes, tested
from evalkit.compare.gates import Gate, Gates, Scope, usual_gates
from evalkit.compare.pairing import Pairing
from evalkit.core.errors import ConfigError, RunError
from evalkit.core.types import Fact
from evalkit.statistics.bootstrap import DEFAULT, Resampling
from evalkit.statistics.groups import plain_data
from evalkit.store.runfolder import RunFolder

SCHEMA = 1
Status = Literal["passed", "failed", "not judged"]
Outcome = Literal["pass", "regression", "incomplete"]
EXIT_CODES: dict[Outcome, int] = {"pass": 0, "regression": 1, "incomplete": 2}
LARGEST_SHARE = 0.1
"""An absolute tolerance of a rate that is as large was meant in per cent."""


@dataclass(frozen=True)
class Check:
    """One change under a gate. ``budget`` is the tolerance in the metric's unit; ``certain``
    whether the whole interval is within it."""

    change: Change
    budget: float
    certain: bool
    status: Status
    reason: str


@dataclass(frozen=True)
class GateResult:
    """A gate with every change that it speaks of. It fails where one of them does, and is not
    judged where none of them could be."""

    gate: Gate
    checks: list[Check]

    @property
    def status(self) -> Status:
        """Of the gate as a whole."""
        statuses = {check.status for check in self.checks}
        return next((s for s in ("failed", "passed") if s in statuses), "not judged")


@dataclass(frozen=True)
class Comparison:
    """``problems`` are why the comparison is incomplete, ``notes`` what to know beside it.
    ``changes`` are all that is shown, the gated ones first."""

    base: str
    candidate: str
    level: float
    facts: dict[str, Fact]
    gates: list[GateResult]
    changes: list[Change]
    problems: list[str]
    notes: list[str]

    @property
    def outcome(self) -> Outcome:
        """Where something is missing, what is there cannot answer for it."""
        if self.problems:
            return "incomplete"
        return "regression" if any(g.status == "failed" for g in self.gates) else "pass"

    @property
    def exit_code(self) -> int:
        """0 pass, 1 regression, 2 incomplete."""
        return EXIT_CODES[self.outcome]

    def to_dict(self) -> dict[str, Any]:
        """The comparison in JSON's types; an undefined number is None."""
        return {"schema": SCHEMA, "outcome": self.outcome, "exit_code": self.exit_code,
                "base": self.base, "candidate": self.candidate, "level": self.level,
                "problems": self.problems, "notes": self.notes,
                "gates": [{"gate": result.gate.model_dump(mode="json"), "status": result.status,
                           "checks": [_plain_check(check) for check in result.checks]}
                          for result in self.gates],
                "changes": [_plain_change(change) for change in self.changes]}


def compare(base: Path, candidate: Path, gates: Gates | None = None, by: Sequence[str] = (),
            seed: int = 0) -> Comparison:
    """Compares a run with a base, a run folder or a frozen baseline. Without ``gates`` there is
    one on the whole of every metric, without tolerance. The groups of the columns ``by`` are
    shown beside what is gated.

    Raises RunError and ConfigError for what cannot be read, and for gates on metrics that the
    base does not have, that are neither better high nor low, or whose tolerance is no rate."""
    if not candidate.is_dir():
        raise RunError(f"{candidate}: not a run folder; the candidate must be one")
    columns = list(dict.fromkeys([*(gates.columns if gates else ()), *by]))
    frozen = read_baseline(base, columns).only(columns)
    return decide(frozen, on_blocks(RunFolder(candidate), frozen), gates, by, Resampling(seed=seed))


def decide(base: Baseline, candidate: Candidate, gates: Gates | None = None,
           by: Sequence[str] = (), resampling: Resampling = DEFAULT) -> Comparison:
    """``compare`` of what was read. ``resampling`` is for intervals and tests; its level is the
    gates'."""
    pairing = Pairing(base, candidate)
    headline = [key for key in pairing.keys if is_headline(key[2], base.facts.metrics)]
    gates = gates or usual_gates(dict.fromkeys(key[2] for key in headline))
    _check_metrics(base.facts.metrics, gates)
    asked = [[(key, part) for key in pairing.keys if _matches(gate, key)
              for part in scopes(pairing, key, gate.scope)] for gate in gates.gates]
    beside = [(key, part) for key in headline
              for scope in (Scope("overall"), *(Scope("every", column) for column in by))
              for part in scopes(pairing, key, scope)]
    gated = list(dict.fromkeys(at for ats in asked for at in ats))
    resampling = replace(resampling, level=1 - gates.level)
    found = {at: find(pairing, *at, gates.level, resampling) for at in [*gated, *beside]}
    table: dict[At, Change] = {}
    for family in (list(found), gated):
        tests = tested([found[at] for at in family], gates.level, resampling)
        table |= zip(family, tests, strict=True)
    results = [GateResult(gate, [_check(gate, table[at], gates.level) for at in ats])
               for gate, ats in zip(gates.gates, asked, strict=True)]
    return Comparison(base.name, candidate.name, gates.level, base.facts.metrics, results,
                      list(table.values()),
                      [*completeness.problems(base, candidate), *_undecided(results)],
                      completeness.notes(base, candidate))


def _matches(gate: Gate, key: Key) -> bool:
    return (key[2] == gate.metric and gate.pipeline in {None, key[0]}
            and gate.condition in {None, key[1]})


def is_headline(metric: str, facts: Mapping[str, Fact]) -> bool:
    """Neither a part of another metric nor one of which neither more nor less is better."""
    return metric in facts and facts[metric].is_headline


def _check_metrics(facts: Mapping[str, Fact], gates: Gates) -> None:
    for gate in gates.gates:
        fact = facts.get(gate.metric)
        if fact is None:
            raise ConfigError(f"gate {gate}: the base has no metric {gate.metric!r}; there are "
                              f"{', '.join(facts)}")
        if fact.higher_is_better is None:
            raise ConfigError(f"gate {gate}: {gate.metric} is neither better high nor low")
        if fact.scale > 1 and gate.tolerance.absolute >= LARGEST_SHARE:
            raise ConfigError(
                f"gate {gate}: absolute: {gate.tolerance.absolute:g} of {gate.metric} is "
                f"{fact.scale * gate.tolerance.absolute:g} points; write 0.005 for half a point")


def _check(gate: Gate, change: Change, level: float) -> Check:
    budget = gate.tolerance.budget(change.base)
    certain = change.why is None and change.most_worsening <= budget
    exceeds = change.worsening > budget
    status: Status
    if change.why is not None:
        status, reason = "not judged", change.why
    elif gate.require == "certain":
        status = "passed" if certain else "failed"
        reason = "certainly within the tolerance" if certain else (
            "not certain to be within the tolerance")
    elif exceeds and change.verdict == "worse":
        status, reason = "failed", "worse by more than the tolerance, and not by chance"
    else:
        status = "passed"
        reason = "within the tolerance" if not exceeds else (
            f"worse by more than the tolerance, as chance may have it (p > {level:g})")
    return Check(change, budget, certain, status, reason)


def _undecided(results: Sequence[GateResult]) -> Iterator[str]:
    if not results:
        yield "nothing to compare: no metric of one pipeline and condition is in both runs"
    for result in results:
        if not result.checks:
            yield f"gate {result.gate} matches nothing that both runs have"
        elif result.status == "not judged":
            yield f"gate {result.gate} cannot be judged: {result.checks[0].reason}"


def _plain_check(check: Check) -> dict[str, Any]:
    return {"status": check.status, "reason": check.reason, "certain": check.certain,
            "budget": plain_data(check.budget), **_plain_change(check.change)}


def _plain_change(change: Change) -> dict[str, Any]:
    tree: dict[str, Any] = plain_data(change)
    return tree | {"scope": str(change.scope)}
