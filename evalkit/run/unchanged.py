"""Audio that nothing has changed against what metrics compare it with. A comparison of such audio
says nothing: where it has no value it is no failure, and no score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from evalkit.core.errors import IDENTICAL
from evalkit.core.ledger import NAMED, LeftOut
from evalkit.core.types import Fact
from evalkit.run.plan import Cell, Plan, Shard
from evalkit.store.outputs import Row
from evalkit.store.runfolder import RunFolder


def is_unchanged(row: Row, cell: Cell) -> bool:
    """Whether the score says of what no enhancer has heard that it is the same as its reference, as
    every recording is under no condition."""
    return (cell.pipeline.enhancer is None and row["error"] is not None
            and row["error"].partition(":")[0] == IDENTICAL)


def not_compared(plan: Plan, run: RunFolder) -> list[LeftOut]:
    """For the ledger: which metric of the ``run`` has no score of which utterances, since there was
    nothing to compare."""
    cells: dict[tuple[str, str], list[Shard]] = {}
    for shard in plan.shards:
        if shard.cell.pipeline.enhancer is None:
            cells.setdefault((shard.cell.pipeline.name, shard.cell.condition_name), []).append(shard)
    comparing = [each for each in plan.metrics if "reference_audio" in each.metric.needs]
    if not (cells and comparing):
        return []
    scores = run.scores().groupby(["pipeline", "condition", "metric"], observed=True)
    known = {key: set(rows["utterance_id"]) for key, rows in scores if key[:2] in cells}
    return [item for place, shards in cells.items() for metric in comparing
            if metric.asked in shards[0].cell.metrics
            for name in _always(metric.facts) for item in _in_cell(place, name, known, shards)]


def _in_cell(place: tuple[str, str], name: str, known: Mapping[tuple[str, ...], set[str]],
             shards: Sequence[Shard]) -> Iterator[LeftOut]:
    measured, where = known.get((*place, name), set()), " ".join(place)
    gone = [u.id for shard in shards for u in shard.utterances if u.id not in measured]
    if gone and not measured:
        yield LeftOut("metric", where, "nothing has changed the audio that it compares",
                      names=(name,))
    elif gone:
        yield LeftOut("utterance", where, f"{name}: nothing has changed the audio that it compares",
                      len(gone), tuple(gone[:NAMED]))


def _always(facts: Mapping[str, Fact]) -> list[str]:
    """The first name of what a metric measures of every utterance, where there is any."""
    return [name for name, fact in facts.items() if not fact.derived and not fact.sometimes][:1]
