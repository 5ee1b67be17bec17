"""Pipelines that the candidate calls otherwise than the base."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

from evalkit.compare.baseline import Candidate
from evalkit.core.errors import ConfigError
from evalkit.core.names import offer
from evalkit.store.documents.baseline import Baseline, Cell, TrialCell

Scored = TypeVar("Scored", Cell, TrialCell)


def renamed(base: Baseline, candidate: Candidate, mapping: Mapping[str, str]) -> Candidate:
    """The candidate with its pipelines called as the base calls them: ``mapping`` says by which
    name of the candidate each of the base goes. Where each has one pipeline and nothing is mapped,
    they are one. Raises ConfigError for a name that there is not, or that would be there twice."""
    before, after = base.facts.pipelines, candidate.facts.pipelines
    if not mapping and len(before) == len(after) == 1 and before.keys() != after.keys():
        mapping = {next(iter(before)): next(iter(after))}
    _check_known("base", mapping.keys(), before.keys())
    _check_known("candidate", mapping.values(), after.keys())
    new = {theirs: ours for ours, theirs in mapping.items()}
    names = [new.get(name, name) for name in after]
    if len(new) < len(mapping) or len(set(names)) < len(names):
        twice = next((name for name in names if names.count(name) > 1), next(iter(new)))
        raise ConfigError(f"--map: {twice!r} would be two pipelines of the candidate, or one would "
                          "be two of the base; map each to one")
    facts = candidate.facts.model_copy(update={
        "pipelines": dict(zip(names, after.values(), strict=True))})
    return candidate._replace(facts=facts, scores=_called(candidate.scores, new),
                              trials=_called(candidate.trials, new), renamed=dict(mapping))


def _check_known(side: str, asked: Iterable[str], known: Collection[str]) -> None:
    if unknown := [name for name in asked if name not in known]:
        raise ConfigError(f"--map: the {side} has no pipeline {unknown[0]!r}; "
                          f"{offer(unknown[0], known)}")


def _called(cells: list[Scored], new: Mapping[str, str]) -> list[Scored]:
    return [cell.model_copy(update={"pipeline": new.get(cell.pipeline, cell.pipeline)})
            for cell in cells]
