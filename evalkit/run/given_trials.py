"""Speaker verification from scores that other tools gave: a run of trials alone, without models,
audio and texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evalkit.core.config import parse_config
from evalkit.core.errors import ConfigError
from evalkit.core.text import count
from evalkit.core.types import Utterance
from evalkit.corpora.gathering import row_of
from evalkit.metrics.score_files import ScoreFile, read_score_file
from evalkit.metrics.verification import read_trial_list
from evalkit.results.labels import NONE, Labels
from evalkit.run.given_tables import GIVEN
from evalkit.run.occupied import check_folder
from evalkit.run.runner import Work, run
from evalkit.store.manifest import Manifest, read_manifest, write_manifest
from evalkit.store.runfolder import RunFolder
from evalkit.store.scores import GIVEN as ELSEWHERE


@dataclass(frozen=True)
class Scored:
    """Files of scores by system, the list of their trials, where they have no labels themselves,
    and who the utterances are: of a manifest, or those of the trials, whose speaker is what
    ``speaker_pattern`` finds at the beginning of the id."""

    scores: Mapping[str, Path]
    trials: Path | None = None
    manifest: Path | None = None
    speaker_pattern: str | None = None
    labels: Labels = NONE


def score_trials(given: Scored, out: Path, *, overwrite: bool = False,
                 say: Callable[[str], None] = lambda line: None) -> RunFolder:
    """Writes a run of the trials into the folder ``out``. Raises ManifestError and ConfigError for
    files that cannot be used."""
    files = {name: read_score_file(path) for name, path in given.scores.items()}
    for name, file in files.items():
        say(f"{given.scores[name]}: {count(len(file.table), 'score')}, read as {file.form}")
        for note in file.notes(given.scores[name].name):
            say(note)
    first = next(iter(given.scores.values()))
    read = _utterances(given, files)
    utterances, left_out = given.labels.applied(read, first.name, say)
    manifest = out / GIVEN / (first.resolve().parent.name or "trials") / f"{first.stem}.jsonl"
    check_folder(out, "score", Manifest(manifest, utterances, (), ()), overwrite=overwrite)
    write_manifest(manifest, [row_of(u, manifest.parent.resolve()) for u in utterances])
    trials = {"scores": {name: str(path.resolve()) for name, path in given.scores.items()},
              **({"list": str(given.trials.resolve())} if given.trials else {})}
    config = parse_config({
        "corpus": manifest.resolve(), "conditions": [ELSEWHERE], "metrics": ["wer"],
        "pipelines": [{"name": name, "metrics": []} for name in given.scores], "trials": trials,
        "outside": True, "shard_size": 10_000, "canonical": [*map(str, given.labels.canonical)],
        "places": [*given.labels.places]}, manifest)
    return run(config, out, Work(), command="score", say=say, left_out=left_out,
               overwrite=overwrite)


def _utterances(given: Scored, files: Mapping[str, ScoreFile]) -> tuple[Utterance, ...]:
    """Raises ConfigError for a pattern that is none, ManifestError for a bad manifest or list."""
    speaker = _speaker(given.speaker_pattern)
    if given.manifest is not None:
        read = read_manifest(given.manifest, texts_only=True).utterances
        return tuple(replace(u, audio=None, speaker=u.speaker or speaker(u.id)) for u in read)
    tables = [read_trial_list(given.trials)[0]] if given.trials else [
        file.table for file in files.values()]
    ids = dict.fromkeys(name for table in tables for side in ("enroll_id", "test_id")
                        for name in table[side])
    return _spoken(tuple(Utterance(name, speaker=speaker(name)) for name in ids),
                   given.speaker_pattern)


def _spoken(utterances: tuple[Utterance, ...], pattern: str | None) -> tuple[Utterance, ...]:
    """``utterances``. Raises ConfigError where the ``pattern`` found no speaker of any."""
    if pattern and not any(u.speaker for u in utterances):
        raise ConfigError(f"--speaker-pattern {pattern!r}: begins no id, such as "
                          f"{utterances[0].id!r}; correct it, or leave it out")
    return utterances


def _speaker(pattern: str | None) -> Callable[[str], str | None]:
    try:
        expression = re.compile(pattern or "")
    except re.error as error:
        raise ConfigError(f"--speaker-pattern {pattern!r}: is no regular expression: {error}"
                          ) from error

    def found(name: str) -> str | None:
        match = expression.match(name)
        return (match[match.lastindex or 0] or None) if match else None
    return found


def systems_of(scores: Sequence[tuple[str | None, Path]]) -> dict[str, Path]:
    """The files by the names of their systems, or else their own."""
    named = {name or path.stem: path for name, path in scores}
    if len(named) < len(scores):
        raise ConfigError("two files of scores have one name; write NAME=FILE")
    return named
