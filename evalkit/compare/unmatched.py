"""Why a gate speaks of nothing."""

from __future__ import annotations

from collections.abc import Iterator

from evalkit.compare.gates import Gate
from evalkit.compare.pairing import Pairing
from evalkit.core.names import listed, offer
from evalkit.statistics.groups import FLOORS
from evalkit.store.documents.baseline import Key


def why_nothing(pairing: Pairing, gate: Gate) -> str:
    """Why nothing that both runs have is what the gate asks for, in one line."""
    wanted = {"pipeline": gate.pipeline, "condition": gate.condition, "metric": gate.metric}
    for i, (what, name) in enumerate(wanted.items()):
        names = sorted({key[i] for key in pairing.keys})
        if name is not None and name not in names:
            return f"gate {gate} matches nothing that both runs have: no {what} {name!r}; " \
                   f"{offer(name, names)}"
    keys = [key for key in pairing.keys if gate.matches(key)]
    if not keys:
        return (f"gate {gate} matches nothing that both runs have: {gate.metric} was not measured "
                f"there; it is in {listed(_places(pairing, gate.metric))}")
    scope, groups = gate.scope, pairing.base.groups(gate.scope.column)
    if scope.kind == "group":
        return (f"gate {gate} matches nothing that both runs have: no group {scope.group!r}; "
                f"{offer(scope.group, groups)}")
    return (f"gate {gate} cannot be judged: too few groups of {scope.column} have "
            f"{FLOORS.speakers} speakers and {FLOORS.utterances} utterances in both runs: "
            f"{listed(_sizes(pairing, keys[0], scope.column, groups))}")


def _places(pairing: Pairing, metric: str) -> list[str]:
    return [f"{key[0]} {key[1]}" for key in pairing.keys if key[2] == metric]


def _sizes(pairing: Pairing, key: Key, column: str, groups: list[str]) -> Iterator[str]:
    for group in groups:
        paired = pairing.paired(key, column, group)
        yield f"{group} has {int(paired.has_part.sum())} and {paired.n}"
