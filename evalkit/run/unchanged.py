"""Audio that nothing has changed against what metrics compare it with. A comparison of such audio
says nothing: where it has no value it is no failure, and no score."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence, Set

from evalkit.core.errors import IDENTICAL
from evalkit.core.ledger import NAMED, LeftOut
from evalkit.core.types import Fact
from evalkit.run.plan import Cell, Plan
from evalkit.store.outputs import Row
from evalkit.store.runfolder import RunFolder

Key = tuple[str, str, str]
"""A pipeline, a condition and a metric."""
WHY = "nothing has changed the audio that it compares"


def is_unchanged(row: Row, cell: Cell) -> bool:
    """Whether the score says of what no enhancer has heard that it is the same as its reference, as
    every recording is under no condition."""
    return (cell.pipeline.enhancer is None and row["error"] is not None
            and row["error"].partition(":")[0] == IDENTICAL)


def not_compared(plan: Plan, run: RunFolder) -> list[LeftOut]:
    """For the ledger: which metric of the ``run`` has no score of which utterances, since there was
    nothing to compare."""
    wanted = _wanted(plan)
    if not wanted:
        return []
    scores = run.scores().groupby(["pipeline", "condition", "metric"], observed=True)
    known: dict[Hashable, set[str]] = {key: set(rows) for key, rows in scores["utterance_id"]
                                       if key in wanted}
    return [item for key, ids in wanted.items()
            for item in _gone(key, ids, known.get(key, set()))]


def _wanted(plan: Plan) -> dict[Key, list[str]]:
    """The utterances that are compared with their references as no enhancer has heard them."""
    wanted: dict[Key, list[str]] = {}
    for shard in plan.shards:
        for name in _comparing(plan, shard.cell):
            key = shard.cell.pipeline.name, shard.cell.condition_name, name
            wanted.setdefault(key, []).extend(u.id for u in shard.utterances)
    return wanted


def _comparing(plan: Plan, cell: Cell) -> list[str]:
    """The first name of every metric that compares, of those that it always gives."""
    if cell.pipeline.enhancer is not None:
        return []
    return [name for each in plan.metrics if each.asked in cell.metrics
            and "reference_audio" in each.metric.needs for name in _always(each.facts)]


def _gone(key: Key, utterances: Sequence[str], measured: Set[str]) -> Iterator[LeftOut]:
    pipeline, condition, name = key
    where = f"{pipeline} {condition}"
    gone = [each for each in utterances if each not in measured]
    if gone and not measured:
        yield LeftOut("metric", where, WHY, names=(name,))
    elif gone:
        yield LeftOut("utterance", where, f"{name}: {WHY}", len(gone), tuple(gone[:NAMED]))


def _always(facts: Mapping[str, Fact]) -> list[str]:
    """The first name of what a metric measures of every utterance, where there is any."""
    return [name for name, fact in facts.items() if not fact.derived and not fact.sometimes][:1]
