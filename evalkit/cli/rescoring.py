"""The command ``rescore``: lattices or lists of best guesses under a language model."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evalkit.cli.options import INCOMPLETE, not_of_a_run, say
from evalkit.core.errors import ConfigError

if TYPE_CHECKING:
    from evalkit.models.language.ngrams import Ngrams
    from evalkit.models.language.rescoring import Source
    from evalkit.models.language.tuning import Tuned


def rescore(source: Annotated[Path, typer.Argument(
                metavar="LATTICES", help="A folder of lattices in HTK's form, a file of Kaldi's "
                "in text, or lists of best guesses with scores in JSON lines.")],
            lm: Annotated[Path, typer.Option(help="The language model, ARPA (.gz).")],
            out: Annotated[Path, typer.Option(
                "--out", "-o", callback=not_of_a_run,
                help="JSON lines of hypotheses to write.")],
            weight: Annotated[float | None, typer.Option(
                min=0, help="What the language model weighs.")] = None,
            insertion: Annotated[float, typer.Option(
                help="What every word adds to the score.")] = 0.0,
            dev: Annotated[Path | None, typer.Option(
                help="Other lattices or lists of the same recognizer, which choose --weight, "
                "--insertion and --own.")] = None,
            references: Annotated[Path | None, typer.Option(
                help="A manifest with the texts of --dev.")] = None,
            own: Annotated[float | None, typer.Option(
                help="What the lattices' own language scores weigh; default: 1, or with --dev "
                "what it chooses.")] = None,
            acoustic: Annotated[float, typer.Option(
                min=0, help="What their acoustic scores weigh.")] = 1.0,
            symbols: Annotated[Path | None, typer.Option(
                help="Kaldi's table of words and numbers.")] = None) -> None:
    """Find the best path through lattices, or of lists the best guess, under a language model.

    What is written is what `evalkit score` reads. Scores are natural logarithms.

    Examples:

        evalkit rescore test/ --lm lm.arpa --dev dev/ --references dev.jsonl -o test.jsonl

        evalkit rescore nbest.jsonl --lm lm.arpa --weight 0.5 --insertion 1 -o test.jsonl
    """
    _check(weight, insertion, dev, references)
    _check_finite({"--insertion": insertion, "--own": own or 0.0, "--acoustic": acoustic})
    from evalkit.core.files import write
    from evalkit.core.ledger import plural
    from evalkit.models.language import rescoring
    from evalkit.models.language.search import Weights
    from evalkit.terminal import print_left_out

    model, read = _read(lm, source, symbols)
    weights = Weights(weight or 0.0, insertion, 1.0 if own is None else own, acoustic)
    left_out = []
    if dev is not None and references is not None:
        tuned = _tuned(rescoring.source_at(dev, symbols), references, model, acoustic, own)
        weights, left_out = tuned.best.weights, list(tuned.left_out)
    made = rescoring.rescore(read, model, weights, say)
    write(out, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in made.rows()))
    print_left_out([*left_out, *made.left_out])
    print(f"{out}: {plural('hypothesis', len(made.lists))}, weight {weights.language:g}, "
          f"insertion {weights.insertion:g}" + (
              "" if weights.own == 1 else f", own {weights.own:g}"))
    if made.left_out:
        raise typer.Exit(INCOMPLETE)


def _check(weight: float | None, insertion: float, dev: Path | None, references: Path | None
           ) -> None:
    """Raises ConfigError."""
    if (dev is None) != (references is None):
        raise ConfigError("--dev and --references: one needs the other, lattices and the manifest "
                          "with what was said in them")
    if (weight is None) == (dev is None):
        raise ConfigError("say --weight, or --dev and --references, which choose it; one of both")
    if dev is not None and insertion:
        raise ConfigError("--insertion: is chosen by --dev; leave one of them away")


def _check_finite(said: Mapping[str, float]) -> None:
    """Raises ConfigError for a weight that is no number."""
    for option, value in said.items():
        if not math.isfinite(value):
            raise ConfigError(f"{option} {value:g}: must be a number")


def _read(lm: Path, source: Path, symbols: Path | None) -> tuple[Ngrams, Source]:
    """The model, and what is to be rescored; says what the model does not know of it."""
    from evalkit.models.language.arpa import read_arpa
    from evalkit.models.language.rescoring import source_at, unknown_words

    say(f"reading {lm}")
    model, read = read_arpa(lm), source_at(source, symbols)
    unknown, total = unknown_words(read, model)
    if unknown:
        (word, _), = unknown.most_common(1)
        say(f"{unknown.total():,} of {total:,} words of the first utterances in {source} are "
            f"unknown to {lm.name}, most often {word!r}; both should write words in one way")
    return model, read


def _tuned(dev: Source, references: Path, model: Ngrams, acoustic: float, own: float | None
           ) -> Tuned:
    """The weights that were chosen; prints the word error rates of those beside them."""
    from evalkit.models.language.tuning import tune
    from evalkit.store.manifest import read_manifest

    manifest = read_manifest(references, texts_only=True)
    texts = {each.id: each.text for each in manifest.utterances if each.text is not None}
    tuned = tune(dev, texts, model, say, acoustic=acoustic, own=own)
    _print(tuned)
    best, before = tuned.best, tuned.tried[0]
    print(f"chosen by the word errors of {best.words:,} words: {best.errors:,} "
          f"({best.percent} %), without the model {before.errors:,} ({before.percent} %)")
    return tuned


def _print(tuned: Tuned) -> None:
    """The best of each weight of the lattices' own scores, and with the one that was chosen, all
    others."""
    from evalkit.models.language.tuning import BONUS, LANGUAGE
    from evalkit.terminal import print_table

    own = tuned.best.weights.own
    by_own = tuned.by_own()
    if len(by_own) > 1:
        print("word error rate in % by the weight of the lattices' own language scores")
        print_table([f"{each:g}" for each in by_own], [[
            min(tried, key=lambda each: each.errors).percent for tried in by_own.values()]])
    print("word error rate in % by weight, and by insertion as a multiple of it"
          + (f"; own {own:g}" if len(by_own) > 1 else ""))
    none, *others = (each.percent for each in by_own[own])
    n = len(BONUS)
    print_table(["weight", *(f"{bonus:+g}" if bonus else "0" for bonus in BONUS)],
                [["0", none, *[""] * (n - 1)],
                 *([f"{weight:g}", *others[row * n:row * n + n]]
                   for row, weight in enumerate(LANGUAGE))])
