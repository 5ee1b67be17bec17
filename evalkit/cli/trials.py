"""The command ``trials``: speaker verification from files of scores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evalkit import __version__, api
from evalkit.cli.named import file_of, listed
from evalkit.cli.options import MOST_FAILED, MaxFailed, Out, Overwrite, Report, say
from evalkit.cli.outcome import judge, show
from evalkit.store.remote import named


def trials(scores: Annotated[list[str], typer.Argument(
               metavar="[NAME=]SCORES ...", help="Files of scores, one a system: `enrol test "
               "score` (Kaldi), with target or nontarget (wespeaker) or 1 or 0 (SpeechBrain) "
               "where --trials is not given.")],
           out: Out,
           pairs: Annotated[Path | None, typer.Option(
               "--trials", help="The list of trials, as VoxCeleb or Kaldi have it.")] = None,
           manifest: Annotated[Path | None, typer.Option(
               "--manifest", "-m", help="Who speaks in the utterances, and what is known of "
               "them.")] = None,
           speaker_pattern: Annotated[str | None, typer.Option(
               metavar="REGEX", help="What at the beginning of an id, or its first group, names "
               "the speaker, such as '[^/]+'.")] = None,
           join: Annotated[list[str] | None, typer.Option(
               metavar="[COLUMN=]FILE", help="Add the columns of a table of speakers or "
               "utterances. Repeatable.")] = None,
           canonical: Annotated[str | None, typer.Option(
               metavar="KIND,…", help="Bring labels into one form: gender, age, country, accent.")
               ] = None,
           merge: Annotated[list[str] | None, typer.Option(
               metavar="'COLUMN: OLD=NEW, …'", help="Make labels one. Repeatable.")] = None,
           report: Report = None, overwrite: Overwrite = False,
           max_failed: MaxFailed = MOST_FAILED) -> None:
    """Speaker verification from scores that other tools gave: equal error rate and costs.

    A trial without a score has failed, and is counted.

    Examples:

        evalkit trials scores.txt --speaker-pattern '[^/]+' --join speakers.csv --out runs/sv

        evalkit trials old=a.scores new=b.scores --trials trials.txt -m test.jsonl --out runs/ab

        evalkit groups runs/sv --by gender --metric eer --threshold runs/dev
    """
    say(f"evalkit {__version__}: {', '.join(scores)} -> {named(out)}")
    pairs_of = [file_of(text) for text in scores]
    run = api.score_trials(
        [(name, path) for path, name in pairs_of], out, trials=pairs, manifest=manifest,
        speaker_pattern=speaker_pattern, join=[file_of(text) for text in join or ()],
        merge=merge or (), canonical=listed(canonical), overwrite=overwrite, say=say)
    show({None: run})
    if report is not None:
        print(api.report(run.path, report))
    judge({None: run}, max_failed)
