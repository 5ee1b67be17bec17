"""From a run of several corpora to a folder of pages: one of each corpus, and one that sets them
side by side without ever pooling them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from markupsafe import Markup, escape

from evalkit.core.errors import ConfigError, EvalkitError
from evalkit.core.files import write
from evalkit.core.names import listed
from evalkit.report.exports import write_tables
from evalkit.report.headline import Headline, Matrix, matrices, ordered
from evalkit.report.markdown import in_brief
from evalkit.report.page import render, report_folder, write_page
from evalkit.report.place import PAGE
from evalkit.report.reported import ReportedRun
from evalkit.report.section import Content, Filled, Section
from evalkit.report.sections import groups, left_out, results
from evalkit.report.table import Table
from evalkit.store.runfolder import RunFolder

ABOVE = frozenset({results.SECTION.id, left_out.ID})
"""Sections whose tables the first page has elsewhere, or in a sentence."""


@dataclass(frozen=True)
class SideBySide:
    """The headline of all corpora, and which of them other versions lack."""

    matrices: Sequence[Matrix]
    one_sided: Sequence[str]


@dataclass(frozen=True)
class OneCorpus:
    """What the first page says of a corpus: the sentences and the tables of its own ``page`` in
    brief, and how its texts were normalised."""

    name: str
    page: str
    normalisers: Sequence[str]
    sentences: Sequence[Markup]
    tables: Sequence[Table]
    groups: Table | None


def write_reports(runs: Mapping[str, Path], out: Path, *, by: str | None = None,
                  earlier: Sequence[Mapping[str, Path]] = (), markdown: Path | None = None,
                  allowed: Sequence[str] = (), pipeline: str | None = None, title: str = ""
                  ) -> Path:
    """Writes the page of every corpus into the folder of its name in ``out``, and beside them one
    of all of them, whose path it returns. ``earlier`` are runs of several corpora too; the rest is
    as for evalkit.report.page.write_report."""
    with report_folder(out) as unfinished:
        written = {name: _written(name, ReportedRun(
            RunFolder(path), unfinished / name, by,
            [RunFolder(each[name]) for each in earlier if name in each], allowed,
            pipeline)) for name, path in runs.items()}
        _write_first(written, list(_one_sided(runs, earlier)), unfinished, title)
    if markdown is not None:
        write(markdown, "\n".join(in_brief(run, sections) for run, sections in written.values()))
    return Path(os.path.realpath(out)) / PAGE


def _written(name: str, run: ReportedRun) -> tuple[ReportedRun, list[Filled]]:
    """The page of one corpus. What is raised names it."""
    run.page_folder.mkdir()
    try:
        return run, write_page(run)
    except EvalkitError as error:
        raise ConfigError(f"corpus {name}: {error}") from error


def _one_sided(runs: Mapping[str, Path], earlier: Sequence[Mapping[str, Path]]) -> Iterator[str]:
    """Which corpora are only in the run or only in an earlier one, in a line each."""
    for each in earlier:
        folder = next(iter(each.values())).parent.name
        if new := [name for name in runs if name not in each]:
            yield f"Not in the earlier run {folder}, and compared with nothing of it: {listed(new)}"
        if gone := [name for name in each if name not in runs]:
            yield f"In the earlier run {folder} only, and not shown: {listed(gone)}"


def _write_first(written: Mapping[str, tuple[ReportedRun, list[Filled]]],
                 one_sided: Sequence[str], folder: Path, title: str) -> None:
    """The page that leads to the others."""
    headline = side_by_side({name: run.headline for name, (run, _) in written.items()})
    values = results.values(headline)
    first = Filled(Section("results", "How good is it, on which corpus?", lambda _: None,
                           "several.html.j2"), Content(
                       SideBySide(matrices(headline), one_sided), [values]))
    sections = [first, *_of_each(written)]
    record = next(iter(written.values()))[0].record
    (folder / PAGE).write_text(
        render("corpora.html.j2", sections, None, None, names=list(written), record=record,
               title=title, sentences=[]), encoding="utf-8")
    write_tables(folder, [values])


def side_by_side(headlines: Mapping[str, Headline]) -> Headline:
    """The values of all corpora, the conditions of each under its name."""
    facts = {metric: fact for each in headlines.values() for metric, fact in each.facts.items()}
    conditions = [f"{name}/{condition}" for name, each in headlines.items()
                  for condition in each.conditions]
    pipelines = list(dict.fromkeys(p for each in headlines.values() for p in each.pipelines))
    rows = [replace(row, condition=f"{name}/{row.condition}")
            for name, each in headlines.items() for row in each.rows]
    metrics = ordered(facts, facts)
    rows.sort(key=lambda row: (metrics.index(row.metric), pipelines.index(row.pipeline),
                               conditions.index(row.condition)))
    return Headline(pipelines, conditions, facts, rows)


def _of_each(written: Mapping[str, tuple[ReportedRun, Sequence[Filled]]]) -> Iterator[Filled]:
    """A section a corpus; the links of its sentences lead to its own page."""
    for number, (name, (run, sections)) in enumerate(written.items(), 1):
        page = f"{name}/{PAGE}"
        sentences = [Markup(str(sentence).replace('href="#', f'href="{escape(page)}#'))  # noqa: S704
                     for filled in sections for sentence in filled.sentences]
        tables = [table for filled in sections if filled.section.id not in ABOVE
                  for table in filled.content.in_brief if table.rows]
        normalisers = [run.record.normaliser, *run.record.further_normalisers]
        by_group = {filled.section.id: filled.content.named_tables for filled in sections}
        content = Content(OneCorpus(name, page, [each.version for each in normalisers], sentences,
                                    tables, by_group[groups.SECTION.id].get("groups")))
        yield Filled(Section(f"corpus-{number}", name, lambda _: None, "one_corpus.html.j2"),
                     content)
