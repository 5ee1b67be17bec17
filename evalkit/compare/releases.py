"""Releases of a series in one table, and which may not be in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from evalkit.compare.baseline import facts_of, read_baseline
from evalkit.core.errors import ConfigError
from evalkit.store.documents.baseline import Facts
from evalkit.store.documents.comparison import Comparison
from evalkit.store.runfolder import RunFolder

Folders = Mapping[str | None, Path]
"""Of a run by corpus (evalkit.api.folders)."""


def order_notes(baseline: Folders, releases: Sequence[Folders]) -> list[list[str]]:
    """What to know of each release's place in the list. Raises ConfigError where one is listed
    twice, or is the baseline itself: it would take the level of a release."""
    before = {name: read_baseline(path, []).facts for name, path in baseline.items()}
    seen: list[tuple[dict[str | None, Facts], tuple[Path, ...]]] = []
    notes, last = [], ""
    for folders in releases:
        first = next(iter(folders.values()))
        own = {name: facts_of(RunFolder(path)) for name, path in folders.items()}
        if own == before:
            raise ConfigError(f"{first}: is the baseline itself; leave it out of the releases")
        if any(own == facts or _places(folders) == places for facts, places in seen):
            raise ConfigError(f"{first}: is listed twice, or a copy of one before; a release has "
                              "one place in the series")
        seen.append((own, _places(folders)))
        made = min(facts.created for facts in own.values())
        notes.append(["made before the release that stands before it: releases are judged in the "
                      "order that they are given in"] if made < last else [])
        last = made
    return notes


def _places(folders: Folders) -> tuple[Path, ...]:
    return tuple(path.resolve() for path in folders.values())


def table(judged: Sequence[Comparison]) -> tuple[list[str], list[list[str]]]:
    """Head and rows: one a release, with what every gate says of it, the level of a two-sided
    p-value, and what of the chance of any false failure is spent and left."""
    gates = list(dict.fromkeys(str(result.gate) for each in judged for result in each.gates))
    head = ["look", "release", "outcome", *gates, "level", "spent %", "left %"]
    return head, [_row(each, gates) for each in judged]


def _row(comparison: Comparison, gates: Sequence[str]) -> list[str]:
    said = {str(result.gate): result.status for result in comparison.gates}
    place = comparison.series
    if place is None:
        raise ValueError(f"{comparison.candidate} stands in no series")
    return [str(place.look), Path(comparison.candidate).name, comparison.outcome,
            *(said.get(gate, "") for gate in gates), f"{place.level:.4f}",
            f"{100 * place.spent:.2f}", f"{100 * place.left:.2f}"]
