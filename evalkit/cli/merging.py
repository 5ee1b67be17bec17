"""The command ``merge``, and what a shard that it makes a run of says of itself."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from evalkit import __version__, api
from evalkit.cli.options import MOST_FAILED, MaxFailed, Out, Overwrite, Report, say
from evalkit.cli.outcome import RunFolders, judge, show
from evalkit.core.errors import ConfigError
from evalkit.store.remote import named

Shard = Annotated[str | None, typer.Option(
    "--shard", metavar="I/N", help="Make the share I of N alone, in a folder of its own, as a job "
    "of an array does; `evalkit merge` makes the run of all.")]


def merge(folders: Annotated[list[Path], typer.Argument(
              metavar="FOLDER...", help="The folders of all shards of a run, or their URLs.")],
          out: Out, report: Report = None, overwrite: Overwrite = False,
          max_failed: MaxFailed = MOST_FAILED) -> None:
    """Make a run of its shards, which `evalkit run --shard` or `evalkit score --shard` made.

    Its tables are those of a run on one machine, byte for byte but for the times that were taken.
    The shards stay as they are. The corpus and the models must be where the shards found them;
    no model is run.

    Example:

        evalkit merge runs/v2.* --out runs/v2 --report reports/v2
    """
    say(f"evalkit {__version__}: {', '.join(map(named, folders))} -> {named(out)}")
    made = api.merge(folders, out, overwrite=overwrite, say=say)
    show(made)
    if report is not None:
        print(api.report(out, report))
    judge(made, max_failed)


def check_shard(shard: str | None, report: Path | None) -> None:
    """Raises ConfigError where a page is asked of a shard alone."""
    if shard is not None and report is not None:
        raise ConfigError(f"--report: shard {shard} alone is no run; give it to `evalkit merge`")


def show_shard(shard: str, folders: RunFolders) -> None:
    """Says where a share is, and what comes next."""
    name, folder = next(iter(folders.items()))
    whole = str(folder.path if name is None else folder.path.parent)
    say(f"shard {shard}: {whole}")
    say(f"next, when all are there: evalkit merge {shlex.quote(whole)} OTHERS... --out RUN")
