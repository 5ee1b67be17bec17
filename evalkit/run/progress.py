"""What is shown while shards are worked on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from evalkit.run.tables import ShardResult


class Meter:
    """Counts utterances and hours of audio over all pipelines and conditions. Where the bar is
    not shown, ``say`` receives a line for every tenth of the utterances."""

    def __init__(self, progress: Progress, total: int, say: Callable[[str], None]) -> None:
        self._progress = progress
        self._task = progress.add_task("running", total=total, audio="")
        self._started = time.monotonic()
        self._total = total
        self._say = say
        self._done = 0
        self._seconds = 0.0
        self._failed = 0

    def __call__(self, result: ShardResult) -> None:
        """Moves the bar by one finished shard."""
        tenths = 10 * self._done // self._total
        self._done += result.utterances
        self._seconds += result.seconds
        self._failed += result.failed
        speed = self._seconds / max(1e-9, time.monotonic() - self._started)
        audio = (f", {self._seconds / 3600:.2f} h of audio, {speed:.1f} x real time"
                 if self._seconds else "")
        failed = f", [red]{self._failed} failed[/red]" if self._failed else ""
        self._progress.update(self._task, advance=result.utterances, audio=audio + failed)
        if self._progress.disable and tenths < 10 * self._done // self._total < 10:
            self._say(f"{self._done} of {self._total} utterances{audio}, {self._failed} failed")


@contextmanager
def meter(total: int, say: Callable[[str], None]) -> Iterator[Meter]:
    """A progress bar over ``total`` utterances on standard error, or lines to ``say`` where that
    is no terminal."""
    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("utterances{task.fields[audio]},"),
               TimeRemainingColumn(), TextColumn("left"))
    with Progress(*columns, console=console, disable=not console.is_terminal,
                  transient=True) as progress:
        yield Meter(progress, total, say)
