"""What several commands share: their options, and lines for a person."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core

from evalkit.cli.stopping import at_work
from evalkit.core.errors import ConfigError
from evalkit.core.files import misnamed
from evalkit.core.folders import by_name, from_here
from evalkit.core.text import printable
from evalkit.store.documents.begun import BEGUN
from evalkit.store.documents.corpora import CORPORA
from evalkit.store.lock import HOLDER, LOCK
from evalkit.store.remote import shown, url_of

INCOMPLETE = 2
"""Exit code of misuse, of defects, and of a run in which nothing could be measured."""

EXIT_CODES = ("Exit codes: 0 done; 1 a regression, or a gate that may not be inconclusive, of "
              "`evalkit compare` and `evalkit history --baseline` alone; 2 a mistake, or a result "
              "that is incomplete; 130 and 143 stopped by a signal.")
"""What every command's help ends with."""

_OF_A_RUN = frozenset({CORPORA, "run.json", "summary.json", "findings.json", LOCK, HOLDER})
_IN_A_RUN = frozenset({"outputs", "scores", "shards", "audio", "mitigation"})


def not_of_a_run(path: Path | None) -> Path | None:
    """A file to write. Raises BadParameter for a URL, and for one that a run folder is made of."""
    if path is not None and (url := url_of(path)) is not None:
        raise typer.BadParameter(f"{shown(url)} is a URL; give a file of this machine, and copy it "
                                 "there")
    if path is not None and (run := _run_of(path.resolve())):
        raise typer.BadParameter(f"{path} is a part of the run folder {run}, which would be lost; "
                                 "give another name")
    return path


def _run_of(path: Path) -> str | None:
    """The name of the run folder that ``path`` is a part of."""
    for folder in path.parents:
        if any((folder / name).exists() for name in (CORPORA, "run.json", BEGUN)):
            first = path.relative_to(folder).parts[0]
            whole = path.parent == folder and (first in _OF_A_RUN or path.suffix == ".parquet")
            if whole or first in _IN_A_RUN:
                return folder.name
    return None


def for_a_report(path: Path | None) -> Path | None:
    """The folder of a page, before the work begins that it is of. Raises ConfigError where it
    cannot be written."""
    from evalkit.report.place import check_replaceable

    if path is not None:
        check_replaceable(path.resolve())
    return path


def run_here(path: Path | None) -> Path | None:
    """A run folder, or a copy of the one at a URL. Raises RunError where there is none."""
    from evalkit.store.objects import here

    return path if path is None or url_of(path) is None else here(path)


Workers = Annotated[int | None, typer.Option(
    "--workers", "-j", min=0, help="Processes; 0 works in this one, which keeps no limit of "
                                           "time. Default: one a core.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything random.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder to write.")]
Report = Annotated[Path | None, typer.Option(
    callback=for_a_report, help="Folder to write the page into.")]
Overwrite = Annotated[bool, typer.Option(
    "--overwrite", help="Let the run of another corpus or command, or another shard, in the "
    "folder give way.")]
MOST_FAILED = 0.25
MaxFailed = Annotated[float, typer.Option(
    "--max-failed", min=0, max=1, metavar="SHARE",
    help="Exit code 2 where more of the utterances of any score failed.")]
Run = Annotated[Path, typer.Argument(
    callback=run_here, help="A run folder, or the URL of one on an object store.")]
Pipeline = Annotated[str | None, typer.Option(help="One pipeline; default: every one.")]
ConditionName = Annotated[str | None, typer.Option(
    "--condition", help="One condition; default: all, pooled.")]
AllowOutcome = Annotated[list[str] | None, typer.Option(
    "--allow-outcome", metavar="COLUMN", help="Use a column although it is an outcome: it is named "
    "like a metric, a hypothesis or a path, or determines what was measured. Repeatable.")]
Look = Annotated[int | None, typer.Option(
    min=1, help="Of --gates: this is that release of a series against one base, counted from 1: "
                "gates then fail at the level that the series gives it.")]
After = Annotated[Path | None, typer.Option(
    metavar="JSON", help="Instead: this is the release after the one whose comparison is in that "
                         "file, or after the last one in a file of `evalkit history --json`.")]
Costs = Annotated[Path | None, typer.Option(
    metavar="FILE", help="Costs that the run does not know, which are set against errors: a table "
    "with a column pipeline and macs_per_second, bytes, weights, peak_bytes, real_time_factor or "
    "latency_ms; or YAML.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


class Command(typer.core.TyperCommand):
    """A command that signals stop, and that takes an option twice only where it is said to be
    repeatable: of two values, one would be left out unsaid."""

    when_stopped = ""
    """What becomes of its work then."""

    def invoke(self, ctx: Any) -> Any:
        """Does the work."""
        with at_work(self.when_stopped):
            return super().invoke(ctx)

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """Writes examples as they stand, so that they can be pasted."""
        self.help = (self.help or "").replace("\n\n    ", "\n\n\b\n    ")
        super().format_help_text(ctx, formatter)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The words that remain. Raises ConfigError naming what is no UTF-8, BadParameter naming
        the option that was given twice, or without a value."""
        if wrong := misnamed("\n".join(args)):
            raise ConfigError(wrong)
        if "" in args:
            raise typer.BadParameter("is empty; is a variable of the shell not set?", ctx,
                                     param_hint=f"'{args[max(0, args.index('') - 1)]}'")
        given = self.make_parser(ctx).parse_args(list(args))[2]
        for option in given:
            if (isinstance(option, typer.core.TyperOption) and given.count(option) > 1
                    and not option.multiple and not option.is_flag):
                raise typer.BadParameter("was given twice, and takes one value", ctx, option)
        return super().parse_args(ctx, args)


class GoesOn(Command):
    """A command that goes on where it was stopped."""

    when_stopped = "what was finished is kept; start the same command again to go on"


def say(line: str) -> None:
    """A line for a person, beside what a script reads: what is in the working folder by its name
    from there, what is in a copy by the name of what was copied."""
    print(printable(from_here(by_name(line))), file=sys.stderr, flush=True)


def processes(workers: int | None) -> int:
    """As many as were asked for, or one for each core that this process may use."""
    from evalkit.core.processes import cores

    return cores() if workers is None else workers


def pair(option: str, text: str) -> tuple[str, str]:
    """The two names of "KEY=VALUE". Raises ConfigError, naming the option, where there is no =."""
    key, separator, value = text.partition("=")
    if not separator:
        raise ConfigError(f"{option} {text!r}: expected two names with = between them")
    return key, value
