"""From a run folder to a folder with one page."""

from __future__ import annotations

import hashlib
import os
import shutil
from base64 import b64encode
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, UndefinedError
from markupsafe import Markup

from evalkit.core.errors import ConfigError, RunError
from evalkit.core.files import replacing
from evalkit.core.text import count, printable
from evalkit.report import groups, measures, tables, text
from evalkit.report.cohorts import discovery
from evalkit.report.exports import (
    FINDINGS,
    TABLES,
    mitigation_tables,
    write_findings,
    write_tables,
)
from evalkit.report.figures import MOST_GROUPS, error_rates_by_group
from evalkit.report.groups import METRIC, by_group
from evalkit.report.lede import write_lede
from evalkit.report.listing import Listing
from evalkit.report.markdown import summary as page_in_short
from evalkit.report.mitigation import mitigation_section
from evalkit.report.real import pairs, reality
from evalkit.report.recordings import COPIES, Recordings
from evalkit.report.tables import matrices, read_headline
from evalkit.report.verification import verification
from evalkit.report.versions import versions
from evalkit.report.worst import changed_examples, worst_examples
from evalkit.statistics.runs import headline_intervals
from evalkit.store.runfolder import RunFolder

PAGE = "index.html"
_MALFORMED = (AttributeError, KeyError, TypeError, ValueError, UndefinedError)


def write_report(run: Path, out: Path, *, by: str | None = None, earlier: Sequence[Path] = (),
                 markdown: Path | None = None) -> Path:
    """Writes a static page of the run folder ``run`` into the folder ``out``, which a report
    written there before gives way to, and returns the page's path. The same run folder gives
    the same bytes.

    ``by`` names the metadata column that word error rates are grouped by; without it, "accent"
    or else the first column of 2 to 12 values. The run folders ``earlier``, the oldest first,
    are set beside ``run``; ``markdown`` is a file for a summary. Raises RunError for a run folder
    that cannot be read, ConfigError where ``by`` is no metadata column or ``out`` holds something
    else.
    """
    out = Path(os.path.realpath(out))
    _check_replaceable(out)
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    _make(temporary, out)
    try:
        content = _content(RunFolder(Path(run)), temporary, by,
                           [RunFolder(Path(path)) for path in earlier])
        (temporary / PAGE).write_text(_render(content), encoding="utf-8")
        _write_beside(temporary, content)
        summary = page_in_short(content)
        _put(temporary, out)
    except _MALFORMED as error:
        raise RunError(f"{run}: cannot be shown, its files are not as evalkit writes them "
                       f"({type(error).__name__}: {error}); run it again") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    if markdown is not None:
        with replacing(markdown) as unfinished:
            unfinished.write_text(summary, encoding="utf-8")
    return out / PAGE


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


def _content(run: RunFolder, folder: Path, by: str | None, earlier: Sequence[RunFolder]
             ) -> dict[str, Any]:
    """Everything the page shows, under the names that its templates have for it."""
    info, summary = run.record(), run.summary()
    utterances, scores = run.utterances(), run.scores()
    intervals = headline_intervals(run, list(info.metrics))
    headline = read_headline(info, summary, intervals)
    found, cohorts = by_group(utterances, scores, headline, by), discovery(run)
    outputs, recordings = run.outputs(), Recordings(run, info, folder)
    n_failed = sum(row.n for row in summary.failures)
    return {
        "versions": versions([*earlier, run]) if earlier else None,
        "info": info, "headline": headline, "matrices": matrices(headline),
        "values": tables.values(headline), "failures": tables.what_failed(summary.failures),
        "groups": found, "rates": groups.rates(found, headline.facts[METRIC]) if found else None,
        "figures": error_rates_by_group(found) if found else [],
        "verification": verification(run, headline, groups.choose_column(utterances, by)),
        "discovery": cohorts,
        "reality": reality(found, utterances, scores, headline) if found else None,
        "pairs": pairs(scores, headline),
        "lede": write_lede(info, headline, found, cohorts, n_failed),
        "mitigation": mitigation_section(run),
        "has_words": METRIC in headline.facts,
        "examples": worst_examples(headline, utterances, scores, outputs, recordings),
        "changes": changed_examples(headline, utterances, scores, outputs, recordings),
        "pipelines": measures.pipelines(info), "conditions": measures.conditions(info),
        "definitions": measures.definitions(headline.facts),
    }


def _write_beside(folder: Path, content: dict[str, Any]) -> None:
    """Every table of the page as CSV, and the findings."""
    parts = [*content.values(), *(value for name in ("discovery", "reality", "verification")
                                  if content[name]
                                  for value in vars(content[name]).values())]
    parts += content["discovery"].regions if content["discovery"] else []
    listings = [part for part in parts if isinstance(part, Listing) and part.lines]
    write_tables(folder, [*listings, *mitigation_tables(content["mitigation"])])
    write_findings(folder, content["info"], content["lede"], content["groups"],
                   content["discovery"] and content["discovery"].findings)


def _render(content: dict[str, Any]) -> str:
    environment = Environment(
        loader=PackageLoader("evalkit.report"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, finalize=_finalize)
    environment.globals |= {
        "count": count, "markdown": text.markdown,
        "yaml_text": lambda config: text.yaml_text(config.model_dump(mode="json")),
        "most_groups": MOST_GROUPS, "directions": measures.DIRECTIONS}
    style, script = (_template(name) for name in ("style.css", "page.js"))
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("page.html.j2").render(
        content, style=style, script=script, script_digest=digest)


def _finalize(value: Any) -> Any:
    """What a page is given is printable, whoever wrote the template."""
    return value if isinstance(value, Markup) else printable(value)


def _template(name: str) -> Markup:
    source = files("evalkit.report") / "templates" / name
    return Markup(source.read_text(encoding="utf-8"))  # noqa: S704 -- our own
