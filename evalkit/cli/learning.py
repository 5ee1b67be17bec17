"""Commands that teach models: ``mitigate``, ``train recognizer``, ``train pronunciation``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evalkit import __version__, api
from evalkit.cli.options import EXIT_CODES, Command, Out, Seed, Workers, processes, say

train = typer.Typer(no_args_is_help=True, help="Train the reference models.")


def mitigate(config: Annotated[Path, typer.Argument(help="mitigate.yaml")],
             out: Annotated[Path, typer.Option("--out", "-o", help="Run folder to write into.")],
             workers: Workers = None) -> None:
    """Train again for the cohorts that are served worst; compare before and after.

    An experiment that was stopped goes on where it was when it is started again.

    Example:

        evalkit mitigate mitigate.yaml --out runs/v2
    """
    say(f"evalkit {__version__}: {config} -> {out}")
    names = [folder.name for folder in api.mitigate(config, out, workers=processes(workers),
                                                    say=say)]
    from evalkit.store.runfolder import RunFolder
    from evalkit.terminal import print_mitigation

    results = RunFolder(out).mitigations()
    for name in names:
        print_mitigation(name, results[name])


@train.command(cls=Command, epilog=EXIT_CODES)
def recognizer(corpus_folder: Annotated[Path, typer.Argument(
                   metavar="CORPUS", help="Folder with train.jsonl, dev.jsonl and test.jsonl.")],
               out: Out, seed: Seed = 0) -> None:
    """Train the reference recognizer and write its weights and card.

    Example:

        evalkit train recognizer datasets/accents --out runs/recognizer
    """
    say(f"training the reference recognizer on {corpus_folder}")
    from evalkit.models.ctc.card import train_reference

    def show(epoch: int, epochs: int, loss: float, seconds: float) -> None:
        say(f"epoch {epoch}/{epochs}: {loss:.3f} nats a character on dev, {seconds:.0f} s, "
            f"{seconds / epoch * (epochs - epoch):.0f} s left")

    card = train_reference(corpus_folder, out, seed=seed, workers=min(2, processes(None)),
                           progress=show)
    print(card.markdown())


@train.command(cls=Command, epilog=EXIT_CODES)
def pronunciation(manifest: Annotated[Path, typer.Argument(help="Speech to fit it to.")],
                  folder: Annotated[Path, typer.Argument(
                      help="Holds recognizer.safetensors; pronunciation.safetensors is written.")],
                  ) -> None:
    """Fit the pronunciation encoder to a recognizer. No label is read.

    Example:

        evalkit train pronunciation datasets/accents/train.jsonl runs/recognizer
    """
    say(f"fitting the pronunciation encoder to {folder} on {manifest}")
    from evalkit.models.ctc.network import CtcRecognizer
    from evalkit.models.ctc.training import reference_recordings
    from evalkit.models.pronunciation.encoder import RECOGNIZER, fit

    waves = (recording.wave for recording in reference_recordings(manifest))
    fit(CtcRecognizer.load(folder / RECOGNIZER), waves).save(folder)
