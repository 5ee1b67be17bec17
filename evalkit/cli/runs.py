"""The command ``run``, which makes a run folder of audio."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evalkit import __version__, api
from evalkit.cli.merging import Shard, check_shard, show_shard
from evalkit.cli.next_steps import say_next
from evalkit.cli.options import (
    MOST_FAILED,
    MaxFailed,
    Out,
    Overwrite,
    Report,
    Workers,
    say,
)
from evalkit.cli.outcome import judge, show
from evalkit.store.remote import named


def run(config: Annotated[Path, typer.Argument(help="eval.yaml")], out: Out, report: Report = None,
        workers: Workers = None,
        scorers: Annotated[int | None, typer.Option(
            min=0, help="Further processes, which score what the others make. Default: one a core "
                        "that is left where a system works on a graphics processor, with one "
                        "worker for each such processor; 0 elsewhere.")] = None,
        settings: Annotated[list[str] | None, typer.Option(
            "--set", metavar="KEY=VALUE", help="Override a key of the configuration.")] = None,
        scheduler: Annotated[str | None, typer.Option(
            help="Address of a Dask scheduler, instead of processes here.")] = None,
        shard: Shard = None,
        prune: Annotated[bool, typer.Option(
            "--prune", help="Remove what earlier configurations left in the folder.")] = False,
        outside: Annotated[bool, typer.Option(
            "--outside", help="Allow audio outside the corpus folder: `outside: true`.")] = False,
        overwrite: Overwrite = False, max_failed: MaxFailed = MOST_FAILED) -> None:
    """Run pipelines over a corpus, or several, under conditions, and score every utterance.

    Of several `corpora:` each has a run folder of its own in the folder, and none is pooled with
    another. A run that was stopped goes on where it was when it is started again.

    Examples:

        evalkit run eval.yaml --out runs/v2 --report reports/v2

        evalkit run eval.yaml --out runs/v2 --set seed=3 --set conditions.1.snr_db=10

        evalkit run eval.yaml --out runs/v2.1 --shard 1/16
    """
    check_shard(shard, report)
    on = f", on the Dask scheduler {scheduler}" if scheduler else ""
    say(f"evalkit {__version__}: {config} -> {named(out)}{on}")
    settings = [*(settings or ()), *(["outside=true"] if outside else ())]
    made = api.run_corpora(config, out, settings=settings, workers=workers, scorers=scorers,
                           scheduler=scheduler, shard=shard, prune=prune, overwrite=overwrite,
                           say=say)
    if shard is not None:
        return show_shard(shard, made)
    show(made)
    if report is not None:
        print(api.report(out, report))
    else:
        say_next(made)
    judge(made, max_failed)
