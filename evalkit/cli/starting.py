"""The command ``init``: what to begin with."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evalkit.cli.options import not_of_a_run, say
from evalkit.core.errors import ConfigError, EvalkitError

if TYPE_CHECKING:
    from evalkit.results.columns import Chosen


def init(source: Annotated[Path, typer.Argument(
             help="A corpus (its folder, manifest or table), a folder of recordings, or a table "
                  "of results.")],
         out: Annotated[Path, typer.Option(
             "--out", "-o", callback=not_of_a_run, help="File to write.")] = Path("eval.yaml"),
         ) -> None:
    """Write a commented eval.yaml for a corpus; for a table of results, print the command that
    scores it.

    Examples:

        evalkit init LibriSpeech/test-other

        evalkit init results.csv
    """
    say(f"looking at {source}")
    command, why = _score_command(source) if source.is_file() else (None, "")
    if command is not None:
        print(command)
        return
    if out.exists():
        raise ConfigError(f"{out}: is there already; give another name with --out")
    from evalkit.core.files import write
    from evalkit.corpora.starting import starting_config, typed

    written = starting_config(source, str(out), why)
    write(out, written)
    say(written.splitlines()[0].removeprefix("# "))
    say(f"next: evalkit run {typed(str(out))} --out runs/first")
    print(out)


def _score_command(source: Path) -> tuple[str | None, str]:
    """How the table of results ``source`` is scored; None where it is none, and why."""
    from evalkit.results.cells import read_cells
    from evalkit.results.columns import Columns, choose, system_column

    try:
        cells = read_cells(source, Columns().known)
        chosen = choose(source.name, cells.columns, Columns(), hypotheses=True, named=cells.named)
    except EvalkitError as error:  # a corpus, or nothing
        return None, str(error)
    return _command(source, chosen, system_column(cells.columns, chosen.used)), ""


def _command(source: Path, chosen: Chosen, system: str | None) -> str:
    from evalkit.corpora.starting import typed

    options = {"--id": chosen.id, "--ref": next(iter(chosen.references), None),
               "--speaker": chosen.speaker, "--system": system}
    pairs = [*options.items(), *(("--hyp", column) for column in chosen.hypotheses.values()),
             *(("--count", f"{kind}={column}") for kind, column in chosen.counts.items()),
             ("--out", f"runs/{source.stem}"), ("--report", f"reports/{source.stem}")]
    words = [word for option, value in pairs if value is not None for word in (option, value)]
    return f"evalkit score {typed(str(source))} {shlex.join(words)}"
