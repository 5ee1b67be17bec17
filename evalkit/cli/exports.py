"""What is handed on: ``export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evalkit import api
from evalkit.cli.options import (
    EXIT_CODES,
    INCOMPLETE,
    AllowOutcome,
    Command,
    Run,
    Seed,
    not_of_a_run,
    say,
)
from evalkit.core.errors import ConfigError
from evalkit.core.text import count

if TYPE_CHECKING:
    from evalkit.exports.publication import Publication

Publish = Annotated[bool, typer.Option(
    "--publish", help="Leave out values of few speakers, and names of speakers and of what they "
                      "said.")]
Salt = Annotated[Path | None, typer.Option(
    callback=not_of_a_run, help="Of --publish: a file with a secret, by which ids become digests. "
                                "It is made where there is none; keep it to yourself.")]
MinSpeakers = Annotated[int | None, typer.Option(
    min=2, help="Of --publish: fewer speakers than these are few. Default: 10.")]
export = typer.Typer(no_args_is_help=True, help="Hand results to other tools and people.")


@export.command(cls=Command, epilog=EXIT_CODES)
def card(run: Run,
         out: Annotated[Path, typer.Option(
             "--out", "-o", callback=not_of_a_run, help="File to write.")],
         form: Annotated[str, typer.Option(
             "--format", help="markdown: a model card with Hugging Face's model-index; cyclonedx: "
                              "a bill of materials, CycloneDX 1.6, JSON; annex-iv: a skeleton of "
                              "the technical documentation that the EU AI Act asks for, "
                              "Markdown.")] = "markdown",
         pipeline: Annotated[str | None, typer.Option(
             help="Which one it is of; may be left out where there is one.")] = None,
         by: Annotated[list[str] | None, typer.Option(
             help="Metadata column to group by; columns joined by commas are crossed. Repeatable. "
                  "Default: those of the report.")] = None,
         title: Annotated[str, typer.Option(help="What the system is called. Default: as the "
                                                 "pipeline.")] = "",
         publish: Publish = False, salt: Salt = None, min_speakers: MinSpeakers = None,
         seed: Seed = 0, allow_outcome: AllowOutcome = None) -> None:
    """Write what a run says of one pipeline, by group with intervals, as others ask for it.

    Examples:

        evalkit export card runs/v2 --out README.md

        evalkit export card runs/v2 --format cyclonedx --out bom.json --publish --salt salt.txt
    """
    api.read_run(run)
    publication = _publication(out, publish, salt, min_speakers)
    from evalkit.exports.evidence import Asked
    from evalkit.exports.forms import export_card

    asked = Asked(run, pipeline, by or (), title, seed, allow_outcome or ())
    print(export_card(asked, out, form, publication))


def _publication(out: Path, publish: bool, salt: Path | None, min_speakers: int | None
                 ) -> Publication | None:
    """What may be said to everybody; None where the file is not for everybody. Raises
    ConfigError."""
    if not publish and (salt is not None or min_speakers is not None):
        raise ConfigError("--salt and --min-speakers are of --publish; add it")
    if salt is not None and salt.absolute() == out.absolute():
        raise ConfigError(f"--salt {salt}: would be overwritten by --out; give another file")
    from evalkit.exports.publication import to_publish

    return to_publish(salt, min_speakers) if publish else None


@export.command(cls=Command, epilog=EXIT_CODES)
def utterances(run: Run,
               out: Annotated[Path, typer.Option(
                   "--out", "-o", callback=not_of_a_run,
                   help="File to write, which ends in .csv or .parquet.")],
               by: Annotated[list[str] | None, typer.Option(
                   help="Metadata column to write. Repeatable. Default: all; with --publish "
                        "none.")] = None,
               publish: Publish = False, salt: Salt = None, min_speakers: MinSpeakers = None
               ) -> None:
    """Write a row for every utterance, pipeline and condition: texts, errors by kind, all scores.

    Examples:

        evalkit export utterances runs/v2 --out utterances.parquet

        evalkit export utterances runs/v2 --out public.csv --publish --salt salt.txt --by accent
    """
    api.read_run(run)
    publication = _publication(out, publish, salt, min_speakers)
    from evalkit.exports.utterances import export_utterances
    from evalkit.terminal import print_left_out

    n, left_out = export_utterances(run, out, by or None, publication)
    print(f"{out}: {count(n, 'row')}")
    print_left_out(left_out)


@export.command(cls=Command, epilog=EXIT_CODES)
def dataset(run: Run,
            out: Annotated[Path, typer.Option("--out", "-o", callback=not_of_a_run,
                                              help="New folder to write.")]) -> None:
    """Write a run's scores divided by pipeline and condition, for DuckDB, Polars and Spark.

    Parquet in folders such as scores/pipeline=v2/condition=clean, beside utterances.parquet.

    Example:

        evalkit export dataset runs/v2 --out v2.dataset
    """
    from evalkit.exports.dataset import export_dataset

    api.read_run(run)
    made = export_dataset(run, out)
    print(f"{out}: {count(made.rows, 'row')} in {count(made.files, 'file')}")


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
           report: Annotated[Path | None, typer.Option(
               help="Folder of the run's page, which is logged with its tables.")] = None) -> None:
    """Log a run's headline values with MLflow (extra: mlflow), and its page.

    Examples:

        evalkit export mlflow runs/v2 --uri file:mlruns

        evalkit export mlflow runs/v2 --uri file:mlruns --report reports/v2
    """
    from evalkit.compare.tracking import export_mlflow

    api.read_run(run)
    print(f"MLflow run {export_mlflow(run, uri, experiment, report)} in {uri}")


@export.command(cls=Command, epilog=EXIT_CODES)
def wandb(run: Run,
          out: Annotated[Path, typer.Option("--out", "-o", callback=not_of_a_run,
                                            help="Folder to write into.")],
          project: Annotated[str, typer.Option(help="Name of the project.")] = "evalkit",
          report: Annotated[Path | None, typer.Option(
              help="Folder of the run's page, which goes along with its tables.")] = None) -> None:
    """Write a run's headline values as an offline run of Weights & Biases (extra: wandb).

    Nothing is sent; `wandb sync` sends the folder that is printed.

    Example:

        evalkit export wandb runs/v2 --out tracked --report reports/v2
    """
    from evalkit.compare.wandb_tracking import export_wandb

    api.read_run(run)
    print(export_wandb(run, out, project, report))
