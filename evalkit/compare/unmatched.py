"""Why two versions have nothing in common, or nothing of what a gate asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from evalkit.compare.baseline import Candidate
from evalkit.compare.completeness import mapping, named, parts
from evalkit.compare.gates import Gate, names_of
from evalkit.compare.pairings import Pairings
from evalkit.core.errors import ConfigError
from evalkit.core.names import listed, offer
from evalkit.core.types import Fact
from evalkit.statistics.groups import FLOORS
from evalkit.store.documents.baseline import Baseline, Key


def check_common(base: Baseline, candidate: Candidate) -> None:
    """Raises ConfigError where no pipeline, condition, metric or utterance is in both, naming those
    of each and what to do."""
    facts = base.facts.metrics | candidate.facts.metrics
    for (what, _), old, new in parts(base, candidate):
        if old and new and not old & new and what in _REMEDIES:
            ours, theirs = _whole(old, facts), _whole(new, facts)
            raise ConfigError(f"no {what} is in both versions: the base has {named(ours)}, the "
                              f"candidate {named(theirs)}; {_REMEDIES[what](ours, theirs)}")


_REMEDIES: Mapping[str, Callable[[set[str], set[str]], str]] = {
    "pipeline": lambda old, new: f"say which is which: {mapping(old, new)}",
    "condition": lambda old, new: "run both under one condition",
    "metric": lambda old, new: f"score one anew: evalkit score RUN --metric {min(old)}",
    "utterance": lambda old, new: "compare two versions on one corpus, under the same ids"}
"""By what two versions have none of in common."""


def _whole(names: set[str], facts: Mapping[str, Fact]) -> set[str]:
    """Without metrics that are parts of another."""
    return {name for name in names if name not in facts or facts[name].part_of is None} or names


def why_nothing(pairing: Pairings, gate: Gate) -> str:
    """Why nothing that both runs have is what the gate asks for, in one line."""
    wanted = {"pipeline": gate.pipeline, "condition": gate.condition, "metric": gate.metric}
    for i, (what, name) in enumerate(wanted.items()):
        names = sorted({key[i] for key in pairing.keys})
        if name is not None and not any(name in names_of(each) for each in names):
            return f"gate {gate} matches nothing that both runs have: no {what} {name!r}; " \
                   f"{offer(name, names)}"
    keys = [key for key in pairing.keys if gate.matches(key)]
    if not keys:
        return (f"gate {gate} matches nothing that both runs have: {gate.metric} was not measured "
                f"there; it is in {listed(_places(pairing, gate.metric))}")
    scope, groups = gate.scope, pairing.groups(gate.scope.column)
    if scope.kind == "group":
        return (f"gate {gate} matches nothing that both runs have: no group {scope.group!r}; "
                f"{offer(scope.group, groups)}")
    return (f"gate {gate} cannot be judged: too few groups of {scope.column} have "
            f"{FLOORS.speakers} speakers and {FLOORS.utterances} utterances in both runs: "
            f"{listed(_sizes(pairing, keys[0], scope.column, groups))}")


def _places(pairing: Pairings, metric: str) -> list[str]:
    return [f"{key[0]} {key[1]}" for key in pairing.keys if key[2] == metric]


def _sizes(pairing: Pairings, key: Key, column: str, groups: list[str]) -> Iterator[str]:
    for group in groups:
        paired = pairing.paired(key, column, group)
        yield f"{group} has {int(paired.has_part.sum())} and {paired.n}"
