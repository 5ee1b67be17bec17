"""From a run folder to a folder with one page."""

from __future__ import annotations

import hashlib
import os
import shutil
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from evalkit.core.errors import ConfigError
from evalkit.core.files import replacing
from evalkit.core.text import count, printable
from evalkit.report import text
from evalkit.report.exports import FINDINGS, TABLES, write_findings, write_tables
from evalkit.report.markdown import in_brief
from evalkit.report.recordings import COPIES
from evalkit.report.reported import ReportedRun
from evalkit.report.section import Filled
from evalkit.report.sections import filled_sections
from evalkit.report.sections.definitions import DIRECTIONS
from evalkit.store.runfolder import RunFolder

PAGE = "index.html"


def write_report(run: Path, out: Path, *, by: str | None = None, earlier: Sequence[Path] = (),
                 markdown: Path | None = None, allowed: Sequence[str] = ()) -> Path:
    """Writes a static page of the run folder ``run`` into the folder ``out``, which a report
    written there before gives way to, and returns the page's path. The same run folder gives
    the same bytes.

    ``by`` names the metadata column that results are grouped by; without it, "accent" or else the
    first column of 2 to 12 values. The run folders ``earlier``, the oldest first, are set beside
    ``run``; ``markdown`` is a file for a summary; ``allowed`` are columns to group by although they
    are outcomes. Raises RunError for a run folder that cannot be
    read, ConfigError where ``by`` is no metadata column or ``out`` holds something else.
    """
    out = Path(os.path.realpath(out))
    _check_replaceable(out)
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    _make(temporary, out)
    try:
        subject = ReportedRun(RunFolder(Path(run)), temporary, by,
                              [RunFolder(Path(path)) for path in earlier], allowed)
        brief = _write(subject, temporary)
        _put(temporary, out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    if markdown is not None:
        with replacing(markdown) as unfinished:
            unfinished.write_text(brief, encoding="utf-8")
    return out / PAGE


def _write(run: ReportedRun, folder: Path) -> str:
    """Writes the page and what stands beside it, and returns its summary in Markdown."""
    sections = filled_sections(run)
    (folder / PAGE).write_text(_render(run, sections), encoding="utf-8")
    write_tables(folder, [table for filled in sections
                          for table in filled.content.named_tables.values()])
    write_findings(folder, run, sections)
    return in_brief(run, sections)


def _check_replaceable(out: Path) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise ConfigError(f"{out}: is a file; give the name of a folder to write")
    others = {path.name for path in out.iterdir()} - {PAGE, COPIES, TABLES, FINDINGS}
    if others:
        raise ConfigError(f"{out}: holds {sorted(others)[0]!r}, which no report does; give a new "
                          "folder, since a report replaces the whole folder")


def _make(temporary: Path, out: Path) -> None:
    try:
        temporary.mkdir(parents=True)
    except OSError as error:
        raise ConfigError(f"{out}: cannot be made ({error.strerror}); give a folder whose parent "
                          "can be written to") from error


def _put(made: Path, out: Path) -> None:
    """Renames ``made`` to ``out``, and takes away what was there only then."""
    old = made.with_name(f"{made.name}.old")
    if out.exists():
        out.rename(old)
    made.rename(out)
    shutil.rmtree(old, ignore_errors=True)


@dataclass(frozen=True)
class Rendered:
    """A section as a part of the page."""

    id: str
    title: str
    html: Markup


def _render(run: ReportedRun, sections: Sequence[Filled]) -> str:
    environment = _environment()
    style, script = (_template(name) for name in ("style.css", "page.js"))
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("page.html.j2").render(
        record=run.record, sections=[_section(environment, run, filled) for filled in sections],
        sentences=[sentence for filled in sections for sentence in filled.sentences],
        style=style, script=script, script_digest=digest)


def _section(environment: Environment, run: ReportedRun, filled: Filled) -> Rendered:
    section, content = filled.section, filled.content
    html = environment.get_template(section.template).render(
        run=run, content=content.shown, tables=content.named_tables)
    return Rendered(section.id, section.title, Markup(html))  # noqa: S704 -- escaped there


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("evalkit.report"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, finalize=_finalize)
    environment.globals |= {
        "count": count, "markdown": text.markdown, "in_sentence": text.in_sentence,
        "yaml_text": lambda config: text.yaml_text(config.model_dump(mode="json")),
        "directions": DIRECTIONS}
    return environment


def _finalize(value: Any) -> Any:
    """What a page is given is printable, whoever wrote the template."""
    return value if isinstance(value, Markup) else printable(value)


def _template(name: str) -> Markup:
    source = files("evalkit.report") / "templates" / name
    return Markup(source.read_text(encoding="utf-8"))  # noqa: S704 -- our own
