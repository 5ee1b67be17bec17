"""What is shown while shards are worked on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from evalkit.run.plan import Shard
from evalkit.run.tables import ShardResult

WHAT = {False: "utterances", True: "utterances heard alone too, to check batches"}
"""What is counted: of the run itself, and of its check of batches."""


@dataclass
class _Count:
    """How far the utterances of one kind are."""

    what: str
    total: int
    task: TaskID
    done: int = 0
    seconds: float = 0.0
    failed: int = 0

    def add(self, result: ShardResult) -> bool:
        """Whether another tenth is done."""
        tenths = 10 * self.done // self.total
        self.done += result.utterances
        self.seconds += result.seconds
        self.failed += result.failed
        return tenths < 10 * self.done // self.total


class Meter:
    """Counts utterances and hours of audio over all pipelines and conditions, those that are heard
    alone to check batches apart. Where the bar is not shown, ``say`` receives a line for every
    tenth of the utterances, the last when all are done."""

    def __init__(self, progress: Progress, totals: dict[bool, int], say: Callable[[str], None]
                 ) -> None:
        self._progress = progress
        self._counts = {alone: _Count(WHAT[alone], total, progress.add_task(
            WHAT[alone], total=total, more="")) for alone, total in totals.items() if total}
        self._started = time.monotonic()
        self._say = say

    def __call__(self, result: ShardResult) -> None:
        """Moves the bar by one finished shard."""
        count = self._counts[result.alone]
        is_tenth = count.add(result)
        seconds = sum(each.seconds for each in self._counts.values())
        speed = seconds / max(1e-9, time.monotonic() - self._started)
        audio = (f", {count.seconds / 3600:.2f} h of audio, {speed:.1f} x real time"
                 if count.seconds else "")
        failed = f", [red]{count.failed:,} failed[/red]" if count.failed else ""
        self._progress.update(count.task, advance=result.utterances, more=audio + failed)
        if self._progress.disable and is_tenth:
            self._say(f"{count.done:,} of {count.total:,} {count.what}{audio}, "
                      f"{count.failed:,} failed")


@contextmanager
def meter(shards: Sequence[Shard], say: Callable[[str], None]) -> Iterator[Meter]:
    """Progress bars over the utterances of ``shards`` on standard error, or lines to ``say`` where
    that is no terminal."""
    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(),
               TextColumn("{task.description}{task.fields[more]},"), TimeRemainingColumn(),
               TextColumn("left"))
    totals = {alone: sum(len(shard.utterances) for shard in shards if shard.cell.alone is alone)
              for alone in WHAT}
    with Progress(*columns, console=console, disable=not console.is_terminal,
                  transient=True) as progress:
        yield Meter(progress, totals, say)
