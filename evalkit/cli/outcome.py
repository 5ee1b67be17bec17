"""How a run ended: its headline, what was left out, and the exit code."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

import typer

from evalkit.cli.options import INCOMPLETE, say
from evalkit.core.errors import IDENTICAL
from evalkit.core.text import count

if TYPE_CHECKING:
    from evalkit.store.documents.run import Failure, RunRecord, Score, Summary
    from evalkit.store.runfolder import RunFolder

RunFolders: TypeAlias = "Mapping[str | None, RunFolder]"
"""By the names of their corpora; the only one under None."""


def show(folders: RunFolders) -> None:
    """Prints the headline of every run, and says what was left out and where it is: there where it
    was brought to, if that is ``out``."""
    for name, folder in folders.items():
        if name is not None:
            print(f"corpus {name}")
        _show(folder)


def _show(folder: RunFolder) -> None:
    from evalkit.core.ledger import lines
    from evalkit.statistics.batching import by_systems
    from evalkit.terminal import line, print_batching, print_summary

    record, summary = folder.record(), folder.summary()
    print_summary(summary, record.metrics)
    if record.command == "score":
        for name, condition in record.conditions.items():
            say(line(f"condition {name}: {condition.identity}"))
    print_batching(by_systems(record))
    for text in lines(record.left_out):
        say(text)
    say(f"run folder: {folder.path}")


def judge(folders: RunFolders, max_failed: float) -> None:
    """Says what failed, with exit code 2, where of any score that is no part of another more than
    the share ``max_failed`` did."""
    from evalkit.terminal import line

    why = {name: _incomplete(folder.record(), folder.summary(), max_failed)
           for name, folder in folders.items()}
    for name, reason in why.items():
        if reason:
            say(line(f"error: {reason}" if name is None else f"error: corpus {name}: {reason}"))
    if any(why.values()):
        raise typer.Exit(INCOMPLETE)


def _incomplete(record: RunRecord, summary: Summary, max_failed: float) -> str | None:
    """Why the run cannot stand for its corpus; None where it can."""
    rows = [row for row in (*summary.scores, *summary.trials)
            if record.metrics[row.metric].is_headline and not record.metrics[row.metric].derived]
    shares = [_failed(row, summary, record) for row in rows]
    most = max(shares, default=0.0)
    worst = rows[shares.index(most)] if rows else None
    if not _says_anything(summary):
        return f"nothing could be measured; {_why_nothing(summary, worst)}"
    if (lines := record.corpus.unusable) > max_failed * (lines + record.corpus.utterances):
        return (f"{lines:,} of {lines + record.corpus.utterances:,} rows of the corpus are left "
                f"out, more than --max-failed {max_failed:g} allows; repair them, or allow more")
    if worst is None or most <= max_failed:
        return None
    return (f"{100 * most:.0f} % failed, more than --max-failed {max_failed:g} allows; "
            f"{_reason(summary, worst)}; the values are those of the rest alone")


def _says_anything(summary: Summary) -> bool:
    """Whether any utterance has a score, or trials of both kinds an error rate."""
    return any(row.n for row in summary.scores) or any(
        not math.isnan(row.value) for row in summary.trials)


def _why_nothing(summary: Summary, worst: Score | None) -> str:
    if any(row.n for row in summary.trials):
        return "its trials are all of one speaker or all of two; an error rate takes both kinds"
    return _reason(summary, worst) if worst else "no metric of the run is one of its pipelines"


def _failed(row: Score, summary: Summary, record: RunRecord) -> float:
    """The share of the utterances of the run, or of the trials, that failed."""
    trials = any(row is each for each in summary.trials)
    whole = row.n + row.n_failed if trials else record.corpus.utterances
    fine = sum(failure.n for failure in _failures(summary, row)
               if failure.kind in _faultless(record))
    return (row.n_failed - fine) / max(1, whole)


def _faultless(record: RunRecord) -> set[str]:
    """The kinds of failures that are none: what has no words is measured all the same where the
    run has the mixed error rate."""
    from evalkit.metrics.words import NO_WORDS, MixedErrors

    return {IDENTICAL, NO_WORDS} if MixedErrors.name in record.metrics else {IDENTICAL}


def _reason(summary: Summary, row: Score) -> str:
    """The most frequent reason for the failures of a score, and how many other kinds there are."""
    found = _failures(summary, row)
    if not found:
        return "no reason is known"
    others = f"; {count(len(found) - 1, 'other kind')} of failure beside it"
    return f"most often {max(found, key=lambda each: each.n)}" + (others if found[1:] else "")


def _failures(summary: Summary, row: Score) -> list[Failure]:
    """Those of a score, by kind."""
    return [failure for failure in summary.failures if row.metric in failure.metrics
            and (failure.pipeline, failure.condition) == (row.pipeline, row.condition)]
