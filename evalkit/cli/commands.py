"""The commands by name, and how each ends: in a line and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Annotated, NoReturn

import typer

from evalkit import __version__
from evalkit.cli import (
    corpora,
    exports,
    learning,
    merging,
    questions,
    releases,
    runs,
    scoring,
    starting,
    trials,
)
from evalkit.cli.causality import causality
from evalkit.cli.doctor import doctor
from evalkit.cli.endpoints import endpoints
from evalkit.cli.frontier import frontier
from evalkit.cli.meetings import meetings
from evalkit.cli.misuse import MISUSE, said
from evalkit.cli.options import EXIT_CODES, INCOMPLETE, Command, GoesOn, say
from evalkit.cli.planning import plan
from evalkit.cli.rescoring import rescore
from evalkit.cli.schemas import schema
from evalkit.cli.stopping import is_stopped, stopping
from evalkit.core.errors import EvalkitError, one_line
from evalkit.core.files import misnamed, trouble
from evalkit.core.folders import by_name, from_here
from evalkit.core.plugins import is_extra, missing_package
from evalkit.core.text import printable

TRACEBACK = "EVALKIT_TRACEBACK"
"""Environment variable with which a defect shows its traceback."""

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None,
                  help="Evaluate speech systems, find whom they serve badly, and show it.",
                  context_settings={"help_option_names": ["-h", "--help"]})
for command, kind in ((starting.init, Command), (runs.run, GoesOn), (scoring.score, GoesOn),
                      (merging.merge, GoesOn), (meetings, Command),
                      (rescore, Command), (trials.trials, GoesOn),
                      (questions.report, Command),
                      (questions.groups, Command), (questions.latency, Command),
                      (endpoints, Command),
                      (questions.systems, Command), (frontier, Command),
                      (questions.cohorts, Command),
                      (learning.mitigate, GoesOn), (plan, Command),
                      (releases.compare, releases.Compare), (releases.history, Command),
                      (causality, Command), (schema, Command), (doctor, Command)):
    app.command(cls=kind, epilog=EXIT_CODES)(command)
for name, group in (("corpus", corpora.corpus), ("train", learning.train),
                    ("baseline", releases.baseline), ("export", exports.export)):
    app.add_typer(group, name=name)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
             ) -> None:
    if version:
        print(f"evalkit {__version__}")
        raise typer.Exit


def main() -> None:
    """Runs the command that sys.argv says. A mistake of the user's and a defect are one line and
    exit code 2. Exit code 1 is a gate of `evalkit compare` that stops a release, and
    nothing else."""
    with stopping():
        _main()


def _main() -> None:
    try:
        code = app(standalone_mode=False)
    except EvalkitError as error:
        _stop(str(error) if isinstance(error.__cause__, OSError) else by_name(str(error)))
    except MISUSE as error:
        _misuse(error)
    except typer.Abort:
        _stop("the input ended")
    except SystemExit as end:
        raise SystemExit(INCOMPLETE if end.code == 1 else end.code) from None
    except Exception as error:
        if known := _known(error):
            _stop(known)
        if os.environ.get(TRACEBACK):
            traceback.print_exc()
        _stop(f"internal error: {type(error).__name__}: {error}; please report it, with "
              f"{TRACEBACK}=1 for the whole of it")
    raise SystemExit(code)


def _known(error: Exception) -> str | None:
    """What a person can do about an error that is no defect: a package that is not installed, a
    full disk, a name that is no UTF-8."""
    if isinstance(error, ModuleNotFoundError) and is_extra(error):
        return str(missing_package(error, "this command"))
    if isinstance(error, UnicodeEncodeError):
        return misnamed(error.object)
    return trouble(error) if isinstance(error, OSError) else None


def _misuse(error: Exception) -> NoReturn:
    """Says what is wrong with the words of the command line, or shows the commands that there are
    where none was given."""
    message = said(error)
    if message.startswith("Usage:"):
        say(message)
        raise SystemExit(INCOMPLETE) from None
    _stop(message)


def _stop(message: str) -> NoReturn:
    """Says why on one line, whatever names are in it. What a signal interrupted may end in any
    error, of which there is nothing to say."""
    if not is_stopped():
        line = f"error: {' '.join(map(one_line, message.split()))}"
        print(printable(from_here(line)), file=sys.stderr, flush=True)
    raise SystemExit(INCOMPLETE) from None
