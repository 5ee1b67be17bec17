"""From a run folder to a folder with one page."""

from __future__ import annotations

import hashlib
import os
import shutil
from base64 import b64encode
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, UndefinedError
from markupsafe import Markup

from evalkit.errors import ConfigError, RunError
from evalkit.report import text
from evalkit.report.figures import MOST_GROUPS, error_rates_by_group
from evalkit.report.groups import METRIC, by_group
from evalkit.report.lede import write_lede
from evalkit.report.recordings import COPIES, Recordings
from evalkit.report.tables import TITLES, bounds, failures, matrices, read_headline
from evalkit.report.worst import worst_examples
from evalkit.runfolder import RunFolder
from evalkit.statistics.runs import headline_intervals

PAGE = "index.html"
_MALFORMED = (AttributeError, KeyError, TypeError, ValueError, UndefinedError)


def write_report(run: Path, out: Path, *, by: str | None = None) -> Path:
    """Writes a static page of the run folder ``run`` into the folder ``out``, which a report
    written there before gives way to, and returns the page's path. The same run folder gives
    the same bytes.

    ``by`` names the metadata column that word error rates are grouped by; without it, "accent"
    or else the first column of 2 to 12 values. Raises RunError for a run folder that cannot be
    read, ConfigError where ``by`` is no metadata column or ``out`` holds something else.
    """
    out = Path(os.path.realpath(out))
    _check_replaceable(out)
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        page = _render(_content(RunFolder(Path(run)), temporary, by))
        (temporary / PAGE).write_text(page, encoding="utf-8")
        _put(temporary, out)
    except _MALFORMED as error:
        raise RunError(f"{run}: cannot be shown, its files are not as evalkit writes them "
                       f"({type(error).__name__}: {error}); run it again") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return out / PAGE


def _check_replaceable(out: Path) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise ConfigError(f"{out}: is a file; give the name of a folder to write")
    others = {path.name for path in out.iterdir()} - {PAGE, COPIES}
    if others:
        raise ConfigError(f"{out}: holds {sorted(others)[0]!r}, which no report does; give a new "
                          "folder, since a report replaces the whole folder")


def _put(made: Path, out: Path) -> None:
    """Renames ``made`` to ``out``, and takes away what was there only then."""
    old = made.with_name(f"{made.name}.old")
    if out.exists():
        out.rename(old)
    made.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def _content(run: RunFolder, folder: Path, by: str | None) -> dict[str, Any]:
    """Everything the page shows, under the names that its template has for it."""
    info, summary = run.info(), run.summary()
    utterances, scores = run.utterances(), run.scores()
    intervals = headline_intervals(run, list(info["metrics"]))
    headline = read_headline(info, summary, intervals)
    groups = by_group(utterances, scores, headline, by)
    failed = failures(summary)
    return {
        "info": info, "headline": headline, "matrices": matrices(headline),
        "groups": groups, "failures": failed,
        "figures": error_rates_by_group(groups) if groups else [],
        "lede": write_lede(info, headline, groups, sum(row["n"] for row in failed)),
        "has_words": METRIC in headline.facts,
        "examples": worst_examples(headline, utterances, scores, run.outputs(),
                                   Recordings(run, info, folder)),
    }


def _render(content: dict[str, Any]) -> str:
    environment = Environment(
        loader=PackageLoader("evalkit.report"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, finalize=_finalize)
    environment.globals |= {
        "bounds": bounds, "chance": text.chance, "count": text.count,
        "markdown": text.markdown, "number": text.number, "yaml_text": text.yaml_text,
        "titles": TITLES, "most_groups": MOST_GROUPS}
    style, script = (_template(name) for name in ("style.css", "page.js"))
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("page.html.j2").render(
        content, style=style, script=script, script_digest=digest)


def _finalize(value: Any) -> Any:
    """What a page is given is printable, whoever wrote the template."""
    return value if isinstance(value, Markup) else text.printable(value)


def _template(name: str) -> Markup:
    source = files("evalkit.report") / "templates" / name
    return Markup(source.read_text(encoding="utf-8"))  # noqa: S704 -- our own
