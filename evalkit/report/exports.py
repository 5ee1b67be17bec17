"""What stands beside the page for programs: every table as CSV, and the findings as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from markupsafe import Markup

from evalkit.core.text import printable
from evalkit.report.groups import Groups
from evalkit.report.listing import Cell, Line, Listing, to_csv
from evalkit.report.mitigation import Experiment
from evalkit.statistics.groups import plain_data
from evalkit.store.documents.findings import Findings
from evalkit.store.documents.run import RunRecord
from evalkit.store.runfolder import write_json

TABLES = "tables"
FINDINGS = "findings.json"
SCHEMA_VERSION = 1
"""Of a report's findings.json."""


def write_tables(folder: Path, listings: Iterable[Listing]) -> None:
    """Writes ``folder / TABLES / NAME.csv`` for every listing."""
    (folder / TABLES).mkdir()
    for listing in listings:
        (folder / TABLES / f"{listing.name}.csv").write_text(to_csv(listing), encoding="utf-8")


def mitigation_tables(experiments: Iterable[Experiment]) -> list[Listing]:
    """The tables of mitigation experiments; a value's interval or change is in its cell."""
    return [Listing(f"mended-{i}-{j}", f"{experiment.name}: {table.caption}",
                    [table.corner, *table.columns],
                    [Line([Cell(heading), *map(_with_interval, cells)])
                     for heading, cells in table.rows])
            for i, experiment in enumerate(experiments, 1)
            for j, table in enumerate(experiment.tables, 1)]


def _with_interval(cell: Cell) -> Cell:
    return Cell(f"{cell.text} [{cell.interval}]" if cell.interval else cell.text)


def write_findings(folder: Path, info: RunRecord, lede: Sequence[Markup],
                   groups: Groups | None, cohorts: Findings | None) -> None:
    """Writes ``folder / FINDINGS``: which run, the summary's sentences, what statistics say of
    the groups, and the run's own findings of cohorts, None where none were looked for."""
    write_json(folder / FINDINGS, {
        "schema": SCHEMA_VERSION, "corpus": printable(info.corpus.name),
        "created": info.created, "evalkit": info.evalkit, "seed": info.seed,
        "summary": [sentence.striptags() for sentence in lede],
        "groups": [plain_data(report) for report in groups.reports] if groups else [],
        "cohorts": cohorts and cohorts.to_dict()})
