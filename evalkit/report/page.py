"""From a run folder to a folder with one page."""

from __future__ import annotations

import hashlib
import os
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from evalkit.compare.gates import Gates, read_gates
from evalkit.compare.series import Place, asked_place
from evalkit.core.errors import ConfigError
from evalkit.core.files import replacing_folder, write
from evalkit.core.text import count, printable
from evalkit.report import text
from evalkit.report.exports import write_findings, write_tables
from evalkit.report.first_screen import FirstScreen, first_screen
from evalkit.report.markdown import in_brief
from evalkit.report.place import COPIES, PAGE, check_replaceable
from evalkit.report.reported import ReportedRun
from evalkit.report.section import Filled
from evalkit.report.sections import filled_sections
from evalkit.report.sections.definitions import DIRECTIONS
from evalkit.report.view import packed
from evalkit.store.documents.frontier import Taken
from evalkit.store.runfolder import RunFolder

SCRIPTS = ("page.js", "selection.js", "utterances.js", "save.js")
"""Of a page, in the order in which they run."""
_COMMENT = re.compile(r"^ *(//.*\n)?", re.MULTILINE)
"""A line of its own, or how far one is set in."""
NOTHING = Markup()
NO_COSTS: Mapping[str, Taken] = {}


def write_report(run: Path, out: Path, *, by: str | None = None, earlier: Sequence[Path] = (),
                 markdown: Path | None = None, allowed: Sequence[str] = (),
                 pipeline: str | None = None, title: str = "", gates: Path | None = None,
                 look: int | None = None, after: Path | None = None,
                 costs: Mapping[str, Taken] = NO_COSTS) -> Path:
    """Writes a static page of the run folder ``run`` into the folder ``out``, which a report
    written there before gives way to, and returns the page's path. The same run folder gives
    the same bytes.

    ``by`` names the metadata column that results are grouped by; without it, "accent" or else the
    first column of 2 to 12 values. The run folders ``earlier``, the oldest first, are set beside
    ``run``; ``markdown`` is a file for a summary; ``allowed`` are columns to group by although they
    are outcomes; ``pipeline`` is the one that ships, which the first screen is about instead of the
    best; ``title`` stands over the page instead of the corpus's name. The first of ``earlier`` may
    be a frozen baseline; what changed is said against it, and judged by the file ``gates``, as
    release number ``look`` of a series, or as the one after that of the comparison in ``after``.
    ``costs`` are by pipeline what the run does not know, for the section of cost against error.
    Raises RunError for a run folder that cannot be read, ConfigError where ``by`` is no metadata
    column, ``pipeline`` has no value, ``gates`` have nothing to judge, ``costs`` make no frontier
    or ``out`` holds something else.
    """
    baseline, before = versions_beside(earlier, gates)
    judging, place = _judging(gates, look, after)
    with report_folder(out) as unfinished:
        subject = ReportedRun(RunFolder(Path(run)), unfinished, by, before, allowed, pipeline,
                              title, baseline, judging, place, costs)
        sections = write_page(subject)
    if markdown is not None:
        write(markdown, in_brief(subject, sections))
    return Path(os.path.realpath(out)) / PAGE


def versions_beside(earlier: Sequence[Path], gates: Path | None
                    ) -> tuple[Path | None, list[RunFolder]]:
    """The frozen baseline among the ``earlier`` versions, and the run folders. Raises ConfigError
    for a file that is not the first, and for ``gates`` without an earlier version."""
    if gates and not earlier:
        raise ConfigError(f"--gates {gates}: judges a version against an earlier one; name both: "
                          "evalkit report OLD NEW")
    later = [path for path in earlier[1:] if Path(path).is_file()]
    if later:
        raise ConfigError(f"{later[0]}: a frozen baseline is what changes are said against: name "
                          "it first")
    frozen = Path(earlier[0]) if earlier and Path(earlier[0]).is_file() else None
    return frozen, [RunFolder(Path(path)) for path in earlier[frozen is not None:]]


def _judging(gates: Path | None, look: int | None, after: Path | None
             ) -> tuple[Gates | None, Place | None]:
    """The gates, and which release of a series they judge. Raises ConfigError for a release without
    gates."""
    if gates is None:
        if (look, after) != (None, None):
            raise ConfigError("--look and --after say which release gates judge; add --gates")
        return None, None
    read = read_gates(gates)
    return read, asked_place(read, look, after)


def write_page(run: ReportedRun) -> list[Filled]:
    """Writes the page and what stands beside it, and returns its sections."""
    sections, folder = filled_sections(run), run.page_folder
    first = first_screen(run, sections)
    page = render("page.html.j2", sections, run, first, record=run.record,
                  sound=(folder / COPIES).is_dir(), title=run.title or run.record.corpus.name,
                  selections=packed(first.views, _environment()),
                  sentences=[sentence for filled in sections for sentence in filled.sentences])
    (folder / PAGE).write_text(page, encoding="utf-8")
    write_tables(folder, [table for filled in sections
                          for table in filled.content.named_tables.values()])
    write_findings(folder, run, sections)
    return sections


@contextmanager
def report_folder(out: Path) -> Iterator[Path]:
    """A folder that takes the place of ``out`` once all is in it. Raises ConfigError where ``out``
    holds something else than a report."""
    out = Path(os.path.realpath(out))
    check_replaceable(out)
    with replacing_folder(out) as unfinished:
        yield unfinished


@dataclass(frozen=True)
class Rendered:
    """A section as a part of the page."""

    id: str
    title: str
    html: Markup


def render(template: str, sections: Sequence[Filled], run: ReportedRun | None,
           first: FirstScreen | None, *, selections: Markup = NOTHING, **values: Any) -> str:
    """A page of ``sections``, those of one ``run`` or none's, with its ``first`` screen if it has
    one, and the ``selections`` beside it, ``packed``; ``values`` are for its template."""
    environment = _environment()
    style, script = _template("style.css"), _script()
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template(template).render(
        sections=[_section(environment, run, filled, first) for filled in sections],
        style=style, script=script, script_digest=digest, first=first,
        selections=selections, **values)


def _section(environment: Environment, run: ReportedRun | None, filled: Filled,
             first: FirstScreen | None) -> Rendered:
    section, content = filled.section, filled.content
    html = environment.get_template(section.template).render(
        run=run, content=content.shown, tables=content.named_tables, first=first,
        people=_people(run))
    return Rendered(section.id, section.title, Markup(html))  # noqa: S704 -- escaped there


def _people(run: ReportedRun | None) -> str:
    """What is resampled and compared, for running text."""
    return "speakers" if run is None or run.record.corpus.speakers else "utterances"


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


def _script() -> Markup:
    """The scripts of a page as one, in the order in which they run, without their comments."""
    return Markup(_COMMENT.sub("", "\n".join(map(_template, SCRIPTS))))  # noqa: S704 -- our own


def _template(name: str) -> Markup:
    source = files("evalkit.report") / "templates" / name
    return Markup(source.read_text(encoding="utf-8"))  # noqa: S704 -- our own
