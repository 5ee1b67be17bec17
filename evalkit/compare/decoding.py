"""Further runs of base and candidate, and what is told of the noise between them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from evalkit.compare.baseline import Candidate, on_blocks
from evalkit.compare.renaming import renamed
from evalkit.compare.reruns import Reruns
from evalkit.core.errors import ConfigError
from evalkit.core.text import count
from evalkit.statistics.decoding import LITTLE
from evalkit.store.documents.baseline import Baseline
from evalkit.store.documents.comparison import Change
from evalkit.store.runfolder import RunFolder

OfCorpora = tuple[Sequence[Mapping[str, Path]], Sequence[Mapping[str, Path]]]
"""Further runs of the base and of the candidate, by the names of their corpora."""


def of_corpus(more: OfCorpora, name: str) -> tuple[list[Path], list[Path]]:
    """Those of one corpus. Raises ConfigError for a run that does not have it."""
    for run in (*more[0], *more[1]):
        if name not in run:
            raise ConfigError(f"{next(iter(run.values())).parent}: has no corpus {name}, which the "
                              "first run of its version has")
    return [run[name] for run in more[0]], [run[name] for run in more[1]]


def read_reruns(sides: tuple[Baseline, Candidate], more: tuple[Sequence[Path], Sequence[Path]],
                mapping: Mapping[str, str], allowed: Collection[str]) -> Reruns:
    """Further runs of base and candidate, ``sides``; those of the base may be frozen. Raises
    RunError for what cannot be read, ConfigError for a baseline that is not of the same speakers,
    groups and utterances, and for a run with the very outputs of another of its version."""
    base, candidate = sides
    found = Reruns([_of_base(path, base, allowed) for path in more[0]],
                   [renamed(base, on_blocks(RunFolder(path), base, allowed), mapping)
                    for path in more[1]])
    _check_no_copy([base, *found.base])
    _check_no_copy([candidate, *found.candidate])
    return found


def _check_no_copy(runs: Sequence[Baseline | Candidate]) -> None:
    """Raises ConfigError where two runs of a version have all sums of all speakers in common: one
    of them is a copy, and the noise between runs would seem to be nothing."""
    for i, run in enumerate(runs):
        for other in runs[:i]:
            if (run.scores, run.trials) == (other.scores, other.trials):
                raise ConfigError(
                    f"{run.name}: its outputs are those of {other.name}; a copy, or what a system "
                    "that always says the same says again, tells nothing of how runs differ: "
                    "leave it out")


def _of_base(path: Path, base: Baseline, allowed: Collection[str]) -> Candidate:
    if path.is_dir():
        return renamed(base, on_blocks(RunFolder(path), base, allowed), {})
    frozen = Baseline.read(path)
    if not set(base.columns) <= set(frozen.columns) or frozen.only(base.columns).blocks != (
            base.blocks):
        raise ConfigError(f"{path}: has not the speakers, groups and utterances of {base.name}; "
                          "freeze the runs of one version alike")
    kept = frozen.only(base.columns)
    return renamed(base, Candidate(str(path), kept.facts, frozenset(base.block_of), kept.scores,
                                   kept.trials), {})


def check_distinct(runs: Iterable[Path]) -> None:
    """Raises ConfigError where one run stands for two, of one version or of both: the noise of
    decoding, or the change, would seem to be nothing."""
    seen: set[Path] = set()
    for run in runs:
        if run.resolve() in seen:
            raise ConfigError(f"{run}: is given twice; a run counts once, as one of the base or of "
                              "the candidate")
        seen.add(run.resolve())


def noise_notes(changes: Sequence[Change]) -> Iterator[str]:
    """Of each score on the whole, what share decoding has in the variance of its change."""
    for change in changes:
        if change.decoding is not None and change.scope == "overall":
            yield (f"decoding: {change.metric} of {change.pipeline}, {change.condition}: "
                   f"{100 * change.decoding.share:.0f} % of the variance of the change, with "
                   f"{count(change.runs[0], 'run')} of the base and {change.runs[1]} of the "
                   f"candidate; {_advice(change)}")


def _advice(change: Change) -> str:
    enough = change.decoding.enough if change.decoding else None
    if enough is None:
        return "the versions differ by nothing else"
    if min(change.runs) >= enough:
        return f"at most {100 * LITTLE:.0f} % with {count(enough, 'run')} of each"
    return f"{count(enough, 'run')} of each would bring it under {100 * LITTLE:.0f} %"
