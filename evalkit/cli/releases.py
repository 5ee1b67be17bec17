"""Commands about versions: ``compare``, ``history`` and ``baseline``."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from evalkit import api
from evalkit.cli.misuse import MISUSE, said
from evalkit.cli.options import (
    EXIT_CODES,
    After,
    AllowOutcome,
    Command,
    Look,
    Run,
    Seed,
    not_of_a_run,
    pair,
)
from evalkit.core.errors import ConfigError, one_line
from evalkit.store.remote import named

if TYPE_CHECKING:
    from evalkit.store.documents.comparison import Comparison

Mapping = Annotated[list[str] | None, typer.Option(
    "--map", metavar="BASE=CANDIDATE", help="A pipeline of the base goes by another name in the "
    "candidate. Repeatable; not needed where each has one pipeline.")]

baseline = typer.Typer(no_args_is_help=True, help="Keep what a later version is compared with.")


def compare(base: Annotated[Path, typer.Argument(
                help="A run folder, its URL, or a frozen baseline.")],
            candidate: Annotated[Path, typer.Argument(
                help="A run folder, or the URL of one on an object store.")],
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
            mapping: Mapping = None,
            github: Annotated[bool, typer.Option(
                "--github", help="Print annotations for GitHub Actions.")] = False,
            look: Look = None, after: After = None,
            base_run: Annotated[list[Path] | None, typer.Option(
                metavar="RUN", help="A further run of the base: another seed, another day. "
                                    "Repeatable. Means are compared, and how runs of one version "
                                    "differ enters intervals and gates.")] = None,
            run: Annotated[list[Path] | None, typer.Option(
                help="The same of the candidate. Repeatable.", metavar="RUN")] = None,
            seed: Seed = 0, allow_outcome: AllowOutcome = None) -> None:
    """Compare a version with an older one. Exit code 0: pass, 1: regression, or a gate that is
    inconclusive and may not be, 2: incomplete.

    The files that are asked for are written whatever the outcome, also where the two cannot be
    compared at all.

    Examples:

        evalkit compare runs/v1 runs/v2

        evalkit compare baseline.json.gz runs/v2 --gates gates.yaml --junit j.xml --github

        evalkit compare runs/v1 runs/v2 --map small=medium

        evalkit compare runs/v1 runs/v3 --gates gates.yaml --after v2.json --json v3.json

        evalkit compare runs/v1 runs/v2 --base-run runs/v1_again --run runs/v2_b --run runs/v2_c
    """
    wanted = _Wanted(junit, markdown, json, github)
    try:
        comparison = api.compare(base, candidate, gates=gates, by=by or (), seed=seed,
                                 mapping=dict(pair("--map", text) for text in mapping or ()),
                                 look=look, after=after, base_runs=base_run or (),
                                 runs=run or (),
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

            failed = Comparison.failed(named(base), named(candidate), why)
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


def history(runs: Annotated[list[Path], typer.Argument(
                help="Run folders, their URLs, or baselines.")],
            metric: Annotated[list[str] | None, typer.Option(
                help="Default: every headline metric. Repeatable.")] = None,
            out: Annotated[Path | None, typer.Option(
                "--out", "-o", callback=not_of_a_run,
                help="Write a page (.html) or its figure (.svg).")] = None,
            baseline: Annotated[Path | None, typer.Option(
                help="Judge the runs as releases, in the order given, against this run or frozen "
                     "baseline.")] = None,
            gates: Annotated[Path | None, typer.Option(
                help="Of --baseline: gates.yaml, whose `series` says how the chance of any false "
                     "failure is spent.")] = None,
            json: Annotated[Path | None, typer.Option(
                callback=not_of_a_run, help="Of --baseline: write what was judged, JSON.")] = None,
            mapping: Mapping = None, seed: Seed = 0, allow_outcome: AllowOutcome = None) -> None:
    """Show metrics over versions, old to new, with intervals over speakers; or judge releases.

    With --baseline it is a line for every release, with the verdict of each gate, and the exit code
    is the newest release's, as of `evalkit compare`.

    Examples:

        evalkit history runs/v1 runs/v2 --metric wer --out history.html

        evalkit history runs/v2 runs/v3 runs/v4 --baseline runs/v1 --json all.json
    """
    if baseline is None:
        if gates or mapping or json:
            raise ConfigError("--gates, --map and --json judge releases: say against what, "
                              "--baseline RUN")
        return _show_history(runs, metric, out)
    judged = api.releases(runs, baseline=baseline, gates=gates, seed=seed,
                          mapping=dict(pair("--map", text) for text in mapping or ()),
                          allow_outcomes=allow_outcome or ())
    _show_series(judged, json)
    if metric or out is not None:
        _show_history(runs, metric, out)
    raise typer.Exit(judged[-1].exit_code)


def _show_series(judged: list[Comparison], file: Path | None) -> None:
    """A line for every release, and of the newest one why; all of it in a ``file``."""
    if file is not None:
        from evalkit.store.documents.releases import Releases

        Releases.of(judged).write(file)
    from evalkit.compare import formats
    from evalkit.compare.releases import table
    from evalkit.terminal import line, print_left_out, print_table

    print_table(*table(judged))
    newest = judged[-1]
    print(*(line(f"problem: {problem}") for problem in newest.problems),
          *(line(f"note: {note}") for note in newest.notes), sep="\n")
    print_left_out(newest.left_out)
    print(*map(line, formats.reasons(newest)),
          line(f"{Path(newest.candidate).name}: {formats.headline(newest)}"), sep="\n")


def _show_history(runs: list[Path], metric: list[str] | None, out: Path | None) -> None:
    table, facts = api.history(runs, metrics=metric or (), out=out)
    from evalkit.compare.history import HEAD, cells
    from evalkit.terminal import print_table

    print_table(HEAD, cells(table, facts))
    if out is not None:
        print(out)
