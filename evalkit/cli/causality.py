"""The command ``causality``: how far ahead systems look, and whether their streams are sound."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evalkit.cli.options import INCOMPLETE, Pipeline, say
from evalkit.core.errors import ConfigError

if TYPE_CHECKING:
    from evalkit.core.config import EvalConfig, PipelineConfig
    from evalkit.core.types import Audio
    from evalkit.run.causality import Examined


def causality(config: Annotated[Path, typer.Argument(help="eval.yaml")],
              pipeline: Pipeline = None,
              audio: Annotated[Path | None, typer.Option(
                  help="The recording to look with; default: the first of the corpus.")] = None,
              ) -> None:
    """Show how far ahead systems look, and whether their streams depend on how audio is cut.

    Noise is put in the place of parts of the input, and streams are given it in pieces of many
    lengths. Exit code 2 where a system is not causal, or its stream is not the same for any cut.

    Examples:

        evalkit causality eval.yaml

        evalkit causality eval.yaml --pipeline live --audio speech.wav
    """
    from evalkit.core.config import read_config
    from evalkit.corpora.beside import with_manifest_here
    from evalkit.run.causality import SECONDS, examine

    read = with_manifest_here(read_config(config))
    chosen = _chosen(read, pipeline)
    heard = _audio(read, audio)
    if heard.duration > SECONDS:
        say(f"of {heard.duration:.1f} s the first {SECONDS:g} are looked at")
    found: list[Examined] = []
    for each in chosen:
        say(f"looking at {each.name}")
        found += examine(each, heard)
    if not found:
        raise ConfigError(f"{config}: no pipeline has an enhancer, a recognizer or an end-pointer")
    _print(found)
    if any(each.faults for each in found):
        raise typer.Exit(INCOMPLETE)


def _chosen(config: EvalConfig, name: str | None) -> list[PipelineConfig]:
    from evalkit.core.names import offer

    found = [each for each in config.pipelines if name in (None, each.name)]
    if not found:
        raise ConfigError(f"--pipeline {name}: there is none; "
                          f"{offer(str(name), [each.name for each in config.pipelines])}")
    return found


def _audio(config: EvalConfig, path: Path | None) -> Audio:
    """That of the file, or of the corpus's first utterance that has any."""
    from evalkit.recordings.reading import load
    from evalkit.run.utterances import read_corpus

    if path is not None:
        return load(path)
    for each in read_corpus(config, say=say).utterances:
        if each.audio is not None:
            say(f"listening to {each.audio}")
            return load(each.audio, offset=each.offset, duration=each.duration,
                        channel=config.channel)
    raise ConfigError("the corpus has no recording; give one with --audio")


def _print(found: list[Examined]) -> None:
    """A table, then a line a system."""
    from evalkit.terminal import line, print_table

    print_table(["pipeline", "system", "looks ahead ms", "looks back ms", "outputs ms",
                 "states ms", "streams", "sound"],
                [[each.pipeline, each.system, _ms(each.ahead), _ms(each.behind), _ms(each.step),
                  _ms(each.states), "yes" if each.streams else "no",
                  "no" if each.faults else "yes"]
                 for each in found])
    for each in found:
        print(line(f"{each.pipeline}: {each.system}: {each.verdict}"))
        for fault in each.faults[1:]:
            print(line(f"{each.pipeline}: {each.system}: {fault}"))


def _ms(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    return "all" if math.isinf(seconds) else f"{1000 * seconds:.0f}"
