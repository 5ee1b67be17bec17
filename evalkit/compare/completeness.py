"""Whether two runs can be compared at all: what is gone, what failed, what was measured
otherwise. Each finding is one line."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from evalkit.compare.baseline import Baseline, Candidate, Cell, Key
from evalkit.core.errors import one_line
from evalkit.store.documents.base import Part
from evalkit.store.documents.run import Pipeline

SHOWN = 5


def problems(base: Baseline, candidate: Candidate) -> list[str]:
    """What makes the comparison incomplete: definitions that differ, and what the base had and
    the candidate lacks."""
    return [one_line(line) for line in
            (*_otherwise(base, candidate), *_gone(base, candidate), *_failed(base, candidate))]


def notes(base: Baseline, candidate: Candidate) -> list[str]:
    """What differs and may: the systems themselves, and what is new."""
    before, after = base.facts, candidate.facts
    lines = [f"pipeline {name}: its {part} differs"
             for name in sorted(before.pipelines.keys() & after.pipelines.keys())
             for part in _differing(before.pipelines[name], after.pipelines[name])]
    if before.evalkit != after.evalkit:
        lines.append(f"evalkit {before.evalkit} measured the base, {after.evalkit} the candidate")
    lines += [f"new {what}: {named(new - old)}" for what, old, new in _parts(base, candidate)
              if new - old]
    if any(block.speaker is None for block in base.blocks):
        lines.append("utterances without a speaker id are taken for speakers of their own: where "
                     "they share speakers, p-values are too small")
    return [one_line(line) for line in lines]


def named(names: Collection[str]) -> str:
    """The first few, and how many more."""
    shown = ", ".join(repr(name) for name in sorted(names)[:SHOWN])
    return shown + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _otherwise(base: Baseline, candidate: Candidate) -> Iterator[str]:
    before, after = base.facts, candidate.facts
    parts = ["normaliser", "alignment_costs", "trials"]
    if {before.command, after.command} != {"score"}:
        parts.append("resampler")
    for part in parts:
        old, new = getattr(before, part), getattr(after, part)
        if old != new:
            yield _not_the_same(part.replace("_", " "), _plain(old), _plain(new))
    if before.corpus["digest"] != after.corpus["digest"]:
        yield _not_the_same("corpus", *(f"{side.corpus['name']} {side.corpus['digest'][:12]}"
                                        for side in (before, after)))
    for name in sorted(before.metrics.keys() & after.metrics.keys()):
        if before.metrics[name] != after.metrics[name]:
            yield f"not the same definition of {name}"
    for name in sorted(before.conditions.keys() & after.conditions.keys()):
        if before.conditions[name] != after.conditions[name]:
            yield _not_the_same(f"condition {name}", before.conditions[name],
                                after.conditions[name])


def _not_the_same(what: str, old: str, new: str) -> str:
    return f"not the same {what}: {old} in the base, {new} in the candidate"


def _gone(base: Baseline, candidate: Candidate) -> Iterator[str]:
    for what, old, new in _parts(base, candidate):
        if lost := old - new:
            yield f"{what} gone: {named(lost)}"
    has = _keys(candidate)
    there = {key[:2] for key in has}, {key[2] for key in has}
    for key in sorted(_keys(base) - has):
        if key[:2] in there[0] and key[2] in there[1]:
            yield f"scores gone: {', '.join(key)}"


def _keys(side: Baseline | Candidate) -> set[Key]:
    return {cell.key for cell in side.scores} | {cell.key for cell in side.trials}


def _parts(base: Baseline, candidate: Candidate) -> list[tuple[str, set[str], set[str]]]:
    old, new = _keys(base), _keys(candidate)
    parts = [(what, {key[i] for key in old}, {key[i] for key in new})
             for i, what in enumerate(("pipelines", "conditions", "metrics"))]
    utterances = {u for block in base.blocks for u in block.utterances}
    parts.append(("utterances", utterances, set(candidate.utterances)))
    for at, column in enumerate(base.columns):
        whole = {label for block in base.blocks for label in block.labels[at]}
        left = {label for block in base.blocks for label in block.labels[at]
                if not candidate.utterances.isdisjoint(block.utterances)}
        parts.append((f"groups by {column}", whole, left))
    return parts


def _failed(base: Baseline, candidate: Candidate) -> Iterator[str]:
    before = {cell.key: cell for cell in base.scores}
    for cell in candidate.scores:
        if cell.key in before and base.facts.metrics[cell.metric].part_of is None:
            yield from _failed_in(cell, before[cell.key], candidate.utterances)
    trials = {cell.key: cell for cell in base.trials if cell.column is None}
    for now in candidate.trials:
        if now.column is None and now.key in trials and now.trials != trials[now.key].trials:
            yield (f"{', '.join(now.key)}: not the same trials have a score: {trials[now.key].n} "
                   f"in the base, {now.n} in the candidate, where {now.n_failed} failed")


def _failed_in(cell: Cell, before: Cell, there: frozenset[str]) -> Iterator[str]:
    where = ", ".join(cell.key)
    if new := set(cell.failed) - set(before.failed):
        yield f"{where}: {len(new)} failures that the base had not: {named(new)}"
    elif sum(cell.n) < sum(before.n) and not set(before.failed) - there:
        yield f"{where}: {sum(before.n) - sum(cell.n)} utterances are not measured any more"


def _differing(before: Pipeline, after: Pipeline) -> list[str]:
    """The parts of two pipelines that differ."""
    old, new = before.model_dump(), after.model_dump()
    return [part for part in old if old[part] != new[part]]


def _plain(value: object) -> str:
    if isinstance(value, Part):
        return " ".join(str(item) for _, item in value)
    return str(value)
