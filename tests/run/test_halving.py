"""What kills a process or never ends costs its utterance: the law of halving, without processes.
That real processes behave as the one made up here is shown in test_workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.core.errors import RunError, UtteranceError
from evalkit.core.processes import DeadWorkerError
from evalkit.core.types import Utterance
from evalkit.core.worker import Note
from evalkit.run import halving
from evalkit.run.made import Made
from evalkit.run.plan import Shard
from evalkit.run.watch import Begun


def rows(utterances: Sequence[Utterance], error: str | None = None) -> Made:
    return Made({"recognised": {u.id: {"error": error} for u in utterances}})


@dataclass
class MadeUp:
    """A worker that hears in batches of ``batch``, the last utterance first. It dies of ``fatal``
    utterances, never ends with ``endless`` ones, and dies at the calls of ``chance`` at their
    ``after``-th batch; what it told of is of all but its last ``kept_back`` batches."""

    batch: int
    fatal: frozenset[int] = frozenset()
    endless: frozenset[int] = frozenset()
    chance: frozenset[int] = frozenset()
    after: int = 0
    kept_back: int = 0
    calls: int = 0
    deaths: int = 0
    heard: list[tuple[str, ...]] = field(default_factory=list)

    def call(self, work: Callable[..., Any], shard: Shard, run: Path,
             part: tuple[Utterance, ...] | None = None, before: Made | None = None, *,
             limit: Callable[[Note], float], heard: Callable[[Any], None]) -> Any:
        self.calls += 1
        made = before or Made()
        order = (shard.utterances if part is None else part)[::-1]
        heard(Begun(tuple(u.id for u in order)))
        untold: list[tuple[Utterance, ...]] = []
        for first in range(0, len(order), self.batch):
            group = order[first:first + self.batch]
            self._hear(group, Note(first, len(group), 0.0), limit)
            made.extend(rows(group))
            untold.append(group)
            if len(untold) > self.kept_back:
                heard(rows(untold.pop(0)))
        return made

    def _hear(self, group: Sequence[Utterance], note: Note, limit: Callable[[Note], float]) -> None:
        self.heard.append(tuple(u.id for u in group))
        numbers = {int(u.id) for u in group}
        by_chance = self.calls - 1 in self.chance and note.first >= self.after * self.batch
        if by_chance or numbers & self.fatal or numbers & self.endless:
            self.deaths += 1
            assert limit(note) == 7 * note.n and limit(Note(0, 0, 0.0)) == halving.LOADING_LIMIT
            overdue = not by_chance and not numbers & self.fatal
            raise DeadWorkerError("SIGSEGV", note, overdue=overdue)


@pytest.fixture(autouse=True)
def _no_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    def failed(shard: Shard, error: UtteranceError) -> Made:
        return rows(shard.utterances, str(error))

    monkeypatch.setattr(halving, "failed", failed)
    monkeypatch.setattr(halving, "begun", lambda shard, run: (Made(), [shard.utterances]))
    monkeypatch.setattr(halving, "replace", lambda shard, utterances: SimpleNamespace(
        **vars(shard) | {"utterances": utterances}))


def minded(worker: MadeUp, count: int) -> dict[int, str | None]:
    """The error of every utterance of a shard."""
    cell = SimpleNamespace(time_limit=7.0, pipeline=SimpleNamespace(name="p"))
    shard: Any = SimpleNamespace(utterances=tuple(Utterance(str(i)) for i in range(count)),
                                 cell=cell)
    made: Any = halving.process_minded(worker, shard, Path())  # type: ignore[arg-type]
    return {int(name): row["error"] for name, row in made.outputs["recognised"].items()}


CRASHED = "Crashed: the process that worked on this utterance died (SIGSEGV)"
TIMED_OUT = "TimedOut: not done after 7 s"


@given(count=st.integers(1, 40), batch=st.integers(1, 40), kept_back=st.integers(0, 3),
       bad=st.lists(st.integers(0, 39), max_size=4, unique=True), split=st.integers(0, 4))
def test_the_guilty_fail_and_all_others_are_made(
        count: int, batch: int, kept_back: int, bad: list[int], split: int) -> None:
    bad = [number for number in bad if number < count]
    fatal, endless = frozenset(bad[:split]), frozenset(bad[split:])
    errors = minded(MadeUp(batch, fatal, endless, kept_back=kept_back), count)
    assert errors == {number: CRASHED if number in fatal else TIMED_OUT if number in endless
                      else None for number in range(count)}


@given(count=st.integers(1, 40), batch=st.integers(1, 8), kept_back=st.integers(0, 3),
       after=st.integers(0, 8), chance=st.integers(0, 3))
def test_a_chance_death_blames_nobody_and_changes_no_batch(
        count: int, batch: int, kept_back: int, after: int, chance: int) -> None:
    calm, killed = MadeUp(batch), MadeUp(batch, chance=frozenset({chance - 1}), after=after,
                                         kept_back=kept_back)
    assert minded(killed, count) == minded(calm, count) == dict.fromkeys(range(count))
    assert set(killed.heard) == set(calm.heard)


@pytest.mark.parametrize("batch", [1, 8, 512])
@pytest.mark.parametrize("guilty", [0, 200, 511])
def test_one_guilty_of_512_costs_at_most_twelve_starts(batch: int, guilty: int) -> None:
    worker = MadeUp(batch, frozenset({guilty}))
    errors = minded(worker, 512)
    assert [number for number, error in errors.items() if error] == [guilty]
    assert worker.deaths <= 12
    times = [sum(str(number) in batch for batch in worker.heard) for number in range(512)]
    assert sum(times) <= 512 + 4 * batch  # nothing but the batch is heard again


@pytest.mark.parametrize(("overdue", "words"), [
    (True, "pipeline 'p': not loaded after 1800 s"),
    (False, r"pipeline 'p': its process died 3 times with no utterance in hand \(SIGSEGV\)")])
def test_a_system_that_cannot_be_loaded_ends_the_run(overdue: bool, words: str) -> None:
    class Unloadable(MadeUp):
        def call(self, *_: Any, **__: Any) -> Any:
            self.deaths += 1
            raise DeadWorkerError("SIGSEGV", Note(0, 0, 0.0), overdue=overdue)

    worker = Unloadable(1)
    with pytest.raises(RunError, match=words):
        minded(worker, 4)
    assert worker.deaths == (1 if overdue else 3)
