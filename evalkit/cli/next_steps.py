"""What to type next, once a run is scored."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.cli.options import say
from evalkit.core.text import HINT

if TYPE_CHECKING:
    from evalkit.cli.outcome import RunFolders

FEW = 3
"""Columns that the example names."""
MOST = 10
"""Columns that are named at all."""
YOURS = "YOUR_SPEAKERS.csv"
"""What stands for a file of the user's."""

@dataclass(frozen=True)
class Hints:
    """Says lines as they come; those that begin with HINT are ``kept`` for the end."""

    kept: list[str] = field(default_factory=list)

    def say(self, line: str) -> None:
        """A line for a person."""
        if line.startswith(HINT):
            self.kept.append(line)
        else:
            say(line)


def next_steps(folders: RunFolders, report: Path | None) -> Iterator[str]:
    """Commands, a line each, with what they are for; of several corpora those that are for all, and
    where these have no labels in common one for each."""
    from evalkit.statistics.grouping import has_usual
    from evalkit.statistics.speaker_labels import speaker_labels
    from evalkit.store.metadata import metadata_of

    names = {folder: str(folder.path) for folder in folders.values()}
    records = {name: folder.record() for folder, name in names.items()}
    tables = {name: metadata_of(folder.path) for folder, name in names.items()}
    first, record = next(iter(records.items()))
    metrics = list(record.metrics)
    columns = {name: list(islice(speaker_labels(table, metrics), MOST))
               for name, table in tables.items()}
    whole = first if None in folders else first.rpartition("/")[0]
    yield "next:"
    yield from _grouping(whole, columns, heard=record.command == "run")
    run = shlex.quote(whole)
    if all(has_usual(table, metrics) for table in tables.values()):
        yield f"  evalkit cohorts {run}"
    if len(record.pipelines) > 1:
        yield f"  evalkit systems {run}"
    if report is None:
        yield f"  evalkit report {run} --out {shlex.quote(f'reports/{Path(whole).name}')}"
    yield f"  evalkit compare {run} LATER_RUN"


def say_next(folders: RunFolders) -> None:
    """The ``next_steps`` of a run that has no page."""
    for line in next_steps(folders, None):
        say(line)


def _grouping(whole: str, columns: Mapping[str, Sequence[str]], *, heard: bool
              ) -> Iterator[str]:
    """How to group speakers: by columns that all runs have, or those of each."""
    first, *others = columns.values()
    if shared := [column for column in first if all(column in each for each in others)]:
        yield _grouped(whole, shared, heard=heard)
    else:
        for name, own in columns.items():
            yield _grouped(name, own, heard=heard)


def _grouped(name: str, columns: Sequence[str], *, heard: bool) -> str:
    """Labels are added to a run that ``heard`` audio by its configuration."""
    run = shlex.quote(name)
    if not columns and heard:
        return (f"  # labels to group by that several speakers share: there are none yet in "
                f"{run}; `join: [{YOURS}]` in the configuration adds those of your table")
    if not columns:
        return (f"  evalkit score {run} --join {YOURS}  # a table of yours: no labels yet that "
                "several speakers share, to group by")
    by = " ".join(f"--by {shlex.quote(column)}" for column in columns[:FEW])
    more = f"  # there are also {', '.join(columns[FEW:])}" if len(columns) > FEW else ""
    return f"  evalkit groups {run} {by}{more}"
