"""What to type next, once a run is scored."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evalkit.cli.outcome import RunFolders
    from evalkit.store.runfolder import RunFolder

FEW = 3
"""Columns that the example names."""


def next_steps(folders: RunFolders, report: Path | None) -> Iterator[str]:
    """Commands, a line each, with what they are for; of several corpora those about the first."""
    yield "next:"
    yield from _about(next(iter(folders.values())), report)


def _about(folder: RunFolder, report: Path | None) -> Iterator[str]:
    from evalkit.statistics.grouping import usual_columns

    record, run = folder.record(), shlex.quote(str(folder.path))
    columns = usual_columns(folder.utterances(), record.metrics)
    if columns:
        by = " ".join(f"--by {shlex.quote(column)}" for column in columns[:FEW])
        more = f"  # there are also {', '.join(columns[FEW:10])}" if len(columns) > FEW else ""
        yield f"  evalkit groups {run} {by}{more}"
        yield f"  evalkit cohorts {run}"
    else:
        yield (f"  evalkit score {run} --join speakers.csv  # labels to group by: there are none "
               "yet")
    if len(record.pipelines) > 1:
        yield f"  evalkit systems {run}"
    if report is None:
        yield f"  evalkit report {run} --out {shlex.quote(str(Path('reports') / folder.path.name))}"
    yield f"  evalkit compare {run} LATER_RUN"
