"""Where a report is written: into a folder that is new, or that holds a report and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from evalkit.core.errors import ConfigError
from evalkit.store.remote import shown, url_of

PAGE, COPIES, PICTURES, TABLES, FINDINGS = (
    "index.html", "audio", "pictures", "tables", "findings.json")
"""What a report is made of."""


def check_replaceable(out: Path) -> None:
    """Raises ConfigError where ``out`` is a URL, holds something else than a report, or where no
    folder can be made there."""
    _check_here(out)
    if not out.exists():
        _check_room(out)
        return
    if not out.is_dir():
        raise ConfigError(f"{out}: is a file; give the name of a folder to write")
    others = {path.name for path in _others(out) if not _is_report(path)}
    if others:
        raise ConfigError(f"{out}: holds {sorted(others)[0]!r}, which no report does; give a new "
                          "folder, since a report replaces the whole folder")


def _check_here(out: Path) -> None:
    if (url := url_of(out)) is not None:
        raise ConfigError(f"{shown(url)}: a page is written into a folder of this machine; give "
                          "one, and copy it there")


def _check_room(out: Path) -> None:
    parent = next(path for path in out.parents if path.exists())
    try:
        with TemporaryDirectory(dir=parent):
            pass
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written ({parent}: {error.strerror}); give a place "
                          "that can be read and written to") from error


def _others(folder: Path) -> Iterator[Path]:
    """What is in a folder and in no report of one run."""
    known = {PAGE, COPIES, PICTURES, TABLES, FINDINGS}
    return (path for path in folder.iterdir() if path.name not in known)


def _is_report(path: Path) -> bool:
    """Whether it is the report of a corpus, beside those of others."""
    return (path / PAGE).is_file() and not any(_others(path))
