"""Commands that teach models: ``mitigate``, and ``train`` for the reference models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from evalkit import __version__, api
from evalkit.cli.options import (
    EXIT_CODES,
    Command,
    GoesOn,
    Out,
    Seed,
    Workers,
    not_of_a_run,
    processes,
    run_here,
    say,
)

train = typer.Typer(no_args_is_help=True, help="Train the reference models.")


def mitigate(config: Annotated[Path, typer.Argument(help="mitigate.yaml")],
             out: Annotated[Path, typer.Option("--out", "-o", callback=run_here,
                                         help="Run folder to write into.")],
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

    card = train_reference(corpus_folder, out, seed=seed, workers=min(2, processes(None)),
                           progress=_say_epochs())
    print(card.markdown())


@train.command(cls=GoesOn, epilog=EXIT_CODES)
def transducer(corpus_folder: Annotated[Path, typer.Argument(
                   metavar="CORPUS", help="Folder with train.jsonl, dev.jsonl and test.jsonl.")],
               out: Out, recipe: Annotated[Path | None, typer.Option(
                   help="transducer.yaml: what differs from the shipped one.")] = None,
               seed: Annotated[int | None, typer.Option(
                   min=0, help="Seed of everything random. Default: the recipe's, or 0.")] = None,
               ) -> None:
    """Train the reference streaming recognizer, a transducer; write its weights and card.

    A training that was stopped goes on where it was when it is started again.

    Example:

        evalkit train transducer datasets/accents --out runs/transducer
    """
    say(f"training the reference transducer on {corpus_folder}")
    from evalkit.models.transducer.card import train_transducer
    from evalkit.models.transducer.training import read_recipe
    from evalkit.store.lock import locked

    config = read_recipe(recipe) if recipe else None
    with locked(out, "train"):
        card = train_transducer(corpus_folder, out, seed=seed, workers=min(2, processes(None)),
                                config=config, progress=_say_epochs())
    print(card.markdown())


def _say_epochs() -> Callable[[int, int, float, float], None]:
    """Says of each epoch what it came to, and how long the others will take."""
    first: list[int] = []  # not 1 where a training goes on

    def show(epoch: int, epochs: int, loss: float, seconds: float) -> None:
        first.append(epoch)
        since = epoch - first[0] + 1
        say(f"epoch {epoch}/{epochs}: {loss:.3f} nats a character on dev, {seconds:.0f} s, "
            f"{seconds / since * (epochs - epoch):.0f} s left")

    return show


@train.command(cls=GoesOn, epilog=EXIT_CODES)
def enhancer(recipe: Annotated[Path, typer.Argument(help="enhancer.yaml: speech, noise and "
                                                         "training.")],
             out: Out,
             workers: Annotated[int | None, typer.Option(
                 "--workers", "-j", min=1, help="Processes that draw mixtures while the network "
                                                "learns. Default: one a core but one.")] = None,
             device: Annotated[str, typer.Option(help="Where the network learns: cpu, cuda.")
                               ] = "cpu") -> None:
    """Train PercepNet, the reference enhancer; write its weights and card.

    A training that was stopped goes on where it was when it is started again.

    Example:

        evalkit train enhancer enhancer.yaml --out runs/enhancer
    """
    say(f"evalkit {__version__}: {recipe} -> {out}")
    from evalkit.models.percepnet.recipe import WEIGHTS, read_recipe, train_enhancer
    from evalkit.store.lock import locked
    from evalkit.terminal import print_left_out

    read = read_recipe(recipe)
    with locked(out, "train"):
        card = train_enhancer(read, out, device=device, say=say, told=print_left_out,
                              workers=workers or max(1, processes(None) - 1))
    print(card.markdown(out / WEIGHTS))


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


@train.command("language-model", cls=Command, epilog=EXIT_CODES)
def language_model(text: Annotated[Path, typer.Argument(
                       help="Sentences, one a line, words parted by spaces; UTF-8.")],
                   out: Annotated[Path, typer.Option(
                       "--out", "-o", callback=not_of_a_run, help="ARPA file to write.")],
                   order: Annotated[int, typer.Option(
                       min=1, max=9, help="The longest n-grams.")] = 3) -> None:
    """Train an n-gram language model with modified Kneser-Ney smoothing, for `evalkit rescore`.

    Example:

        evalkit train language-model sentences.txt --out lm.arpa
    """
    from evalkit.models.language.arpa import write_arpa
    from evalkit.models.language.kneser_ney import FALLBACK, train
    from evalkit.models.language.sentences import read_sentences

    say(f"counting the n-grams of {text}")
    sentences = read_sentences(text)
    model, undiscounted = train(sentences, order)
    if undiscounted:
        say(f"too few {', '.join(map(str, undiscounted))}-grams to estimate their discounts, which "
            f"are {', '.join(f'{each:g}' for each in FALLBACK)}")
    write_arpa(model, out)
    print(f"{out}: {len(model.probabilities):,} n-grams of {len(sentences):,} sentences")
