"""What stands beside the page for programs: every table as CSV, and the findings as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from evalkit.core.text import printable
from evalkit.report.place import FINDINGS, TABLES
from evalkit.report.reported import ReportedRun
from evalkit.report.section import Filled
from evalkit.report.table import Table, to_csv
from evalkit.store.documents.report import ReportFindings


def write_tables(folder: Path, tables: Iterable[Table]) -> None:
    """Writes ``folder / TABLES / NAME.csv`` for every table."""
    (folder / TABLES).mkdir()
    for table in tables:
        (folder / TABLES / f"{table.name}.csv").write_text(to_csv(table), encoding="utf-8")


def write_findings(folder: Path, run: ReportedRun, sections: Sequence[Filled]) -> None:
    """Writes ``folder / FINDINGS``: which run, the summary's sentences, and what each section
    found."""
    record = run.record
    ReportFindings(
        corpus=printable(record.corpus.name), created=record.created, evalkit=record.evalkit,
        seed=record.seed, summary=[sentence.striptags() for filled in sections
                                   for sentence in filled.sentences],
        sections={filled.section.id: dict(filled.content.findings) for filled in sections
                  if filled.content.findings}).write(folder / FINDINGS)
