"""Commands about versions: ``compare``, ``history``, ``baseline`` and ``export``."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from evalkit import api
from evalkit.cli.misuse import MISUSE, said
from evalkit.cli.options import (
    EXIT_CODES,
    INCOMPLETE,
    AllowOutcome,
    Command,
    Run,
    Seed,
    not_of_a_run,
    pair,
    say,
)
from evalkit.core.errors import one_line
from evalkit.core.text import count

if TYPE_CHECKING:
    from evalkit.store.documents.comparison import Comparison

baseline = typer.Typer(no_args_is_help=True, help="Keep what a later version is compared with.")
export = typer.Typer(no_args_is_help=True, help="Hand results to other tools.")


def compare(base: Annotated[Path, typer.Argument(help="A run folder or a frozen baseline.")],
            candidate: Run,
            gates: Annotated[Path | None, typer.Option(
                help="gates.yaml; default: no significant change for the worse in any metric "
                     "as a whole.")] = None,
            by: Annotated[list[str] | None, typer.Option(
                help="Show the groups of this column too, or of cohorts.FINDER. Repeatable.")
                ] = None,
            junit: Annotated[Path | None, typer.Option(
                callback=not_of_a_run, help="Write JUnit XML.")] = None,
            markdown: Annotated[Path | None, typer.Option(
                callback=not_of_a_run, help="Write Markdown.")] = None,
            json: Annotated[Path | None, typer.Option(
                callback=not_of_a_run, help="Write JSON.")] = None,
            mapping: Annotated[list[str] | None, typer.Option(
            "--map", metavar="BASE=CANDIDATE", help="A pipeline of the base goes by another name "
            "in the candidate. Repeatable; not needed where each has one pipeline.")] = None,
        github: Annotated[bool, typer.Option(
                "--github", help="Print annotations for GitHub Actions.")] = False,
            seed: Seed = 0, allow_outcome: AllowOutcome = None) -> None:
    """Compare a version with an older one. Exit code 0: pass, 1: regression, 2: incomplete.

    The files that are asked for are written whatever the outcome, also where the two cannot be
    compared at all.

    Examples:

        evalkit compare runs/v1 runs/v2

        evalkit compare baseline.json.gz runs/v2 --gates gates.yaml --junit j.xml --github

        evalkit compare runs/v1 runs/v2 --map small=medium
    """
    wanted = _Wanted(junit, markdown, json, github)
    try:
        comparison = api.compare(base, candidate, gates=gates, by=by or (), seed=seed,
                                 mapping=dict(pair("--map", text) for text in mapping or ()),
                                 allow_outcomes=allow_outcome or ())
    except Exception as error:
        wanted.write_failure(base, candidate, one_line(error))
        raise
    from evalkit.terminal import print_comparison

    wanted.write(comparison)
    print_comparison(comparison)
    wanted.annotate(comparison)
    raise typer.Exit(comparison.exit_code)


class Compare(Command):
    """Writes the files that are asked for also where the words make no comparison: a variable of
    the shell that is not set, for instance."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The words that remain. Raises what they are refused with."""
        try:
            return super().parse_args(ctx, list(args))
        except MISUSE as error:
            given = self._understood(ctx, args)
            junit, markdown, json = (_file(given.get(name))
                                     for name in ("junit", "markdown", "json"))
            wanted = _Wanted(junit, markdown, json, bool(given.get("github")))
            with suppress(OSError):
                wanted.write_failure(given.get("base") or "", given.get("candidate") or "",
                                     said(error))
            raise

    def _understood(self, ctx: Any, args: list[str]) -> dict[str, Any]:
        """The options and arguments among ``args``, whatever else is wrong."""
        parser = self.make_parser(ctx)
        parser.ignore_unknown_options, ctx.resilient_parsing = True, True
        try:
            return dict(parser.parse_args(list(args))[0])
        finally:
            ctx.resilient_parsing = False


def _file(name: str | None) -> Path | None:
    """Where a file is written; nowhere where the name is empty or that of a part of a run."""
    try:
        return not_of_a_run(Path(name) if name else None)
    except typer.BadParameter:
        return None


class _Wanted(NamedTuple):
    """In which files and for whom a comparison is written."""

    junit: Path | None
    markdown: Path | None
    json: Path | None
    github: bool

    def write(self, comparison: Comparison) -> None:
        """Writes every file that was named."""
        from evalkit.compare import formats
        from evalkit.core.files import replacing

        for path, text in ((self.junit, formats.junit), (self.markdown, formats.markdown)):
            if path is not None:
                with replacing(path) as temporary:
                    temporary.write_text(text(comparison), encoding="utf-8")
        if self.json is not None:
            comparison.write(self.json)

    def annotate(self, comparison: Comparison) -> None:
        """Prints GitHub's annotations where they were asked for."""
        if self.github:
            from evalkit.compare import formats

            print(*formats.github(comparison), sep="\n")

    def write_failure(self, base: Path | str, candidate: Path | str, why: str) -> None:
        """The same of a comparison that could not be made, so that what reads the files next does
        not fail for want of them."""
        if any(self):
            from evalkit.store.documents.comparison import Comparison

            failed = Comparison.failed(str(base), str(candidate), why)
            self.write(failed)
            self.annotate(failed)


@baseline.command(cls=Command, epilog=EXIT_CODES)
def freeze(run: Run,
           out: Annotated[Path, typer.Option(
               "--out", "-o", callback=not_of_a_run,
               help="File to write, JSON; compressed where it ends in .gz.")],
           by: Annotated[list[str] | None, typer.Option(
               help="Keep the groups of this column too: metadata columns joined by commas are "
                    "crossed, cohorts.FINDER are found ones. Repeatable.")] = None,
           allow_outcome: AllowOutcome = None) -> None:
    """Keep a run's sums of every speaker in a small file, without audio and text.

    Example:

        evalkit baseline freeze runs/v1 --out baseline.json.gz
    """
    frozen = api.freeze(run, out, by=by or (), allow_outcomes=allow_outcome or ())
    from evalkit.terminal import line, print_left_out

    print(line(f"{out}: {len({block.name for block in frozen.blocks})} speakers, groups by "
               f"{', '.join(frozen.columns) or 'nothing'}"))
    print_left_out(frozen.left_out)


def history(runs: Annotated[list[Path], typer.Argument(help="Run folders or baselines.")],
            metric: Annotated[list[str] | None, typer.Option(
                help="Default: every headline metric. Repeatable.")] = None,
            out: Annotated[Path | None, typer.Option(
                "--out", "-o", callback=not_of_a_run,
                help="Write a page (.html) or its figure (.svg).")] = None) -> None:
    """Show metrics over versions, old to new, with intervals over speakers.

    Example:

        evalkit history runs/v1 runs/v2 --metric wer --out history.html
    """
    table, facts = api.history(runs, metrics=metric or (), out=out)
    from evalkit.compare.history import HEAD, cells
    from evalkit.terminal import print_table

    print_table(HEAD, cells(table, facts))
    if out is not None:
        print(out)


@export.command(cls=Command, epilog=EXIT_CODES)
def texts(run: Run,
          out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write into.")],
          form: Annotated[str, typer.Option(
              "--format", help="trn, as sclite reads it, or jsonl with text and pred_text, as NeMo "
                               "has it.")] = "jsonl") -> None:
    """Write references and hypotheses of a run, a file for every pipeline and condition.

    Example:

        evalkit export texts runs/v2 --format trn --out texts
    """
    from evalkit.compare.texts import export_texts
    from evalkit.terminal import print_left_out

    api.read_run(run)
    written, left_out = export_texts(run, out, form)
    print(*written, sep="\n")
    print_left_out(left_out)


@export.command(cls=Command, epilog=EXIT_CODES)
def audio(run: Run,
          out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write into.")],
          condition: Annotated[list[str] | None, typer.Option(
              help="Only this condition. Repeatable.")] = None,
          utterance: Annotated[list[str] | None, typer.Option(
              "--id", help="Only the utterance of this id. Repeatable.")] = None) -> None:
    """Write what the systems of a run heard, made again sample by sample, and its recipes.

    Example:

        evalkit export audio runs/v2 --condition babble_5db --id u17 --out heard
    """
    from evalkit.core.plugins import packages_for
    from evalkit.terminal import print_left_out

    with packages_for("evalkit export audio"):
        from evalkit.run.mixtures import export_mixtures
    made = export_mixtures(run, out, conditions=condition or (), utterances=utterance or ())
    print(f"{count(made.written, 'recording')} and {made.recipes}")
    print_left_out(made.left_out)


@export.command(cls=Command, epilog=EXIT_CODES)
def lattices(run: Run,
             out: Annotated[Path, typer.Option("--out", "-o", callback=not_of_a_run,
                                               help="Folder to write into.")],
             pipeline: Annotated[list[str] | None, typer.Option(
                 help="Only this pipeline. Repeatable; default: all that give lattices.")] = None,
             condition: Annotated[list[str] | None, typer.Option(
                 help="Only this condition. Repeatable.")] = None) -> None:
    """Write lattices of what recognizers took into account, hearing the run's recordings again.

    HTK's form, a folder for every pipeline and condition, which `evalkit rescore` reads. Exit code
    2 where an utterance has none.

    Example:

        evalkit export lattices runs/v2 --pipeline beam --condition babble_5db --out lattices
    """
    from evalkit.core.plugins import packages_for
    from evalkit.terminal import print_left_out

    with packages_for("evalkit export lattices"):
        from evalkit.run.lattices import export_lattices
    made = export_lattices(run, out, pipelines=pipeline or (), conditions=condition or (), say=say)
    for folder, written in made.written.items():
        print(f"{folder}: {count(written, 'lattice')}")
    print_left_out(made.left_out)
    if made.left_out:
        raise typer.Exit(INCOMPLETE)


@export.command(cls=Command, epilog=EXIT_CODES)
def mlflow(run: Run,
           uri: Annotated[str, typer.Option(help="Of the tracking store, such as file:mlruns.")],
           experiment: Annotated[str, typer.Option(help="Name of the experiment.")] = "evalkit",
           ) -> None:
    """Log a run's headline values with MLflow (extra: mlflow).

    Example:

        evalkit export mlflow runs/v2 --uri file:mlruns
    """
    from evalkit.compare.tracking import export_mlflow

    api.read_run(run)
    print(f"MLflow run {export_mlflow(run, uri, experiment)} in {uri}")
