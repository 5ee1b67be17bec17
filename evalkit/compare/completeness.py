"""Whether two runs can be compared at all: what is gone, what failed, what was measured
in another way. Each finding is one line."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from evalkit.compare.baseline import Candidate
from evalkit.core.errors import one_line
from evalkit.core.ledger import NAMED, Kind, LeftOut
from evalkit.core.names import nearest
from evalkit.core.text import count
from evalkit.store.documents.base import Part
from evalkit.store.documents.baseline import Baseline, Cell, Facts, Key
from evalkit.store.documents.run import Pipeline
from evalkit.store.scores import GIVEN, GIVEN_MEANS


def problems(base: Baseline, candidate: Candidate) -> list[str]:
    """What makes the comparison incomplete: definitions that differ, and what the base had and
    the candidate lacks."""
    return [one_line(line) for line in
            (*_otherwise(base, candidate), *_gone(base, candidate), *_failed(base, candidate))]


def notes(base: Baseline, candidate: Candidate) -> list[str]:
    """What differs and may: the systems themselves."""
    before, after = base.facts, candidate.facts
    lines = [f"pipeline {ours} of the base is compared with {theirs} of the candidate"
             for ours, theirs in candidate.renamed.items()]
    lines += [f"pipeline {name}: its {part} differs"
             for name in sorted(before.pipelines.keys() & after.pipelines.keys())
             for part in _differing(before.pipelines[name], after.pipelines[name])]
    if before.evalkit != after.evalkit:
        lines.append(f"evalkit {before.evalkit} measured the base, {after.evalkit} the candidate")
    if GIVEN in before.conditions.keys() ^ after.conditions.keys():
        lines.append(GIVEN_MEANS)
    if any(block.speaker is None for block in base.blocks):
        lines.append("every utterance without a speaker id counts as a speaker of its own: if some "
                     "have one speaker in common, p-values are too small")
    return [one_line(line) for line in lines]


def run_notes(first: Facts, run: Facts, name: str) -> Iterator[str]:
    """What differs in a further run of a version from the first: seeds may, systems should not.
    Nothing where outputs were made elsewhere, since it is not known by what."""
    if "score" in {first.command, run.command}:
        return
    for pipeline in sorted(first.pipelines.keys() & run.pipelines.keys()):
        for part in _differing(first.pipelines[pipeline], run.pipelines[pipeline]):
            yield one_line(f"run {name}: its {part} of pipeline {pipeline} is not that of the "
                           "first run of its version")


def in_one_only(base: Baseline, candidate: Candidate) -> Iterator[LeftOut]:
    """What one of the two versions has and the other has not."""
    for (what, text), old, new in parts(base, candidate):
        for side, only in (("base", old - new), ("candidate", new - old)):
            if only:
                yield LeftOut(what, f"comparison: {text}", f"only in the {side}", len(only),
                              tuple(sorted(only)[:NAMED]))


def named(names: Collection[str]) -> str:
    """The first few, and how many more."""
    shown = ", ".join(repr(name) for name in sorted(names)[:NAMED])
    return shown + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _otherwise(base: Baseline, candidate: Candidate) -> Iterator[str]:
    """What was not measured in the same way."""
    before, after = base.facts, candidate.facts
    for what, old, new in _ways(before, after):
        if old != new:
            yield _not_the_same(what, _plain(old), _plain(new))
    for name in sorted(before.metrics.keys() & after.metrics.keys()):
        if before.metrics[name] != after.metrics[name]:
            yield f"not the same definition of {name}"
    for name in sorted(before.conditions.keys() & after.conditions.keys()):
        if before.conditions[name] != after.conditions[name]:
            yield _not_the_same(f"condition {name}", before.conditions[name],
                                after.conditions[name])


def _ways(before: Facts, after: Facts) -> Iterator[tuple[str, object, object]]:
    """What decides how all metrics are measured, in the base and in the candidate."""
    yield "normaliser", before.normaliser, after.normaliser
    further = {each.name: each for each in after.further_normalisers}
    for each in before.further_normalisers:
        if each.name in further:
            yield "further normaliser", each, further[each.name]
    yield "alignment costs", before.alignment_costs, after.alignment_costs
    if {before.command, after.command} != {"score"}:  # else it names files: see _other_trials
        yield "trials", before.trials, after.trials
        yield "resampler", before.resampler, after.resampler
    if before.corpus["digest"] != after.corpus["digest"]:
        old, new = (f"{side.corpus['name']} {side.corpus['digest'][:12]}"
                    for side in (before, after))
        yield "corpus", old, new


def _not_the_same(what: str, old: str, new: str) -> str:
    return f"not the same {what}: {old} in the base, {new} in the candidate"


def _gone(base: Baseline, candidate: Candidate) -> Iterator[str]:
    for (_, what), old, new in parts(base, candidate):
        if lost := old - new:
            yield f"{what} gone: {named(lost)}{_instead(what, lost, new - old)}"
    keys = _keys(candidate)
    places, metrics = {key[:2] for key in keys}, {key[2] for key in keys}
    for key in sorted(measured(base) - keys):
        if key[:2] in places and key[2] in metrics:
            yield f"scores gone: {', '.join(key)}"


def _instead(what: str, lost: set[str], new: set[str]) -> str:
    """What to do about names that are gone where others are new."""
    if what == "pipelines" and new:
        return f"; new: {named(new)}; where two are one, say so: {mapping(lost, new)}"
    return ""


def mapping(lost: set[str], new: set[str]) -> str:
    """The option by which a pipeline of the base would be one of the candidate."""
    old = min(lost)
    return f"--map {old}={nearest(old, new) or min(new)}"


def _keys(side: Baseline | Candidate) -> set[Key]:
    return {cell.key for cell in side.scores} | {cell.key for cell in side.trials}


def measured(side: Baseline | Candidate) -> set[Key]:
    """Without what failed for every utterance that has it: no value of it can be lost."""
    return ({cell.key for cell in side.scores if any(cell.n)}
            | {cell.key for cell in side.trials if cell.n})


def defined(side: Baseline | Candidate) -> set[Key]:
    """Of which there is a value: one whose utterances all failed, or had nothing to count, has
    none."""
    return ({cell.key for cell in side.scores if any(cell.weight)}
            | {cell.key for cell in side.trials if cell.n})


_PARTS: tuple[tuple[Kind, str], ...] = (
    ("pipeline", "pipelines"), ("condition", "conditions"), ("metric", "metrics"))


def parts(base: Baseline, candidate: Candidate
           ) -> Iterator[tuple[tuple[Kind, str], set[str], set[str]]]:
    """The names of every kind of thing in the base and in the candidate."""
    new = _keys(candidate)
    old = measured(base) | (_keys(base) & new)
    for i, what in enumerate(_PARTS):
        yield what, {key[i] for key in old}, {key[i] for key in new}
    yield ("utterance", "utterances"), set(base.block_of), set(candidate.utterances)
    left = base.model_copy(update={"blocks": [
        block for block in base.blocks
        if not candidate.utterances.isdisjoint(block.utterances)]})
    for column in base.columns:
        yield ("group", f"groups by {column}"), set(base.groups(column)), set(left.groups(column))


def _failed(base: Baseline, candidate: Candidate) -> Iterator[str]:
    before = {cell.key: cell for cell in base.scores}
    for cell in candidate.scores:
        if cell.key in before and base.facts.metrics[cell.metric].part_of is None:
            yield from _failed_in(cell, before[cell.key], candidate.utterances)
    yield from _other_trials(base, candidate)


def _failed_in(cell: Cell, before: Cell, utterances: frozenset[str]) -> Iterator[str]:
    where = ", ".join(cell.key)
    if new := set(cell.failed) - set(before.failed):
        yield f"{where}: {count(len(new), 'failure')} that the base did not have: {named(new)}"
    elif sum(cell.n) < sum(before.n) and not set(before.failed) - utterances:
        lost = sum(before.n) - sum(cell.n)
        yield f"{where}: {count(lost, 'utterance')} no longer measured"


def _other_trials(base: Baseline, candidate: Candidate) -> Iterator[str]:
    before = {cell.key: cell for cell in base.trials if cell.column is None}
    for cell in candidate.trials:
        if cell.column is None and cell.key in before and cell.trials != before[cell.key].trials:
            yield (f"{', '.join(cell.key)}: not the same trials have a score: "
                   f"{before[cell.key].n} in the base, {cell.n} in the candidate, where "
                   f"{cell.n_failed} failed")


def _differing(before: Pipeline, after: Pipeline) -> list[str]:
    """The parts of two pipelines that differ."""
    old, new = before.model_dump(), after.model_dump()
    return [part for part in old if old[part] != new[part]]


def _plain(value: object) -> str:
    if isinstance(value, Part):
        return " ".join(str(item) for _, item in value)
    return str(value)
