"""A recognition experiment: cohorts are found on dev, arms train on the worst, test measures."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from evalkit.core.errors import ConfigError
from evalkit.core.ledger import LeftOut, merged
from evalkit.core.plugins import create
from evalkit.mitigation.adapted import AdaptedRecognizer
from evalkit.mitigation.recognition.cohorts import FoundCohorts, find_cohorts
from evalkit.mitigation.recognition.conclusion import conclude
from evalkit.mitigation.recognition.config import RecognitionConfig
from evalkit.mitigation.recognition.evaluation import Fixed, arm_results, small_regions
from evalkit.mitigation.recognition.selection import frontier, recommended, tried_strengths
from evalkit.mitigation.recognition.splits import Speech, adaptation_speakers, size, word_errors
from evalkit.mitigation.recognition.trials import (
    SCORES,
    Setting,
    Trial,
    adaptation_data,
    make_arm,
    reproducible,
    run_trials,
    scores_path,
    selection,
    speech_of,
    trials_of,
)
from evalkit.mitigation.trainable import load_trainable
from evalkit.statistics.bootstrap import Resampling
from evalkit.statistics.groups import FLOORS
from evalkit.store.documents.mitigation import (
    START,
    MitigationResults,
    RecognitionResults,
    RecognitionSplits,
    TrialKey,
)
from evalkit.store.sealed import write_table
from evalkit.training.data import check_texts
from evalkit.training.fisher import content
from evalkit.training.trainable import parameters

Say = Callable[[str], None]


def run_recognition(config: RecognitionConfig, out: Path, *, run: str | None = None,
                    say: Say = lambda line: None, workers: int = 0) -> Path:
    """Runs the experiment into the folder ``out`` (docs/mitigation.md says what is in it) and
    returns the path of its results.json.

    Trials that an earlier, perhaps killed, call left there are used where nothing that decides
    them has changed. ``workers`` processes share the trials; this one does them all where 0, or
    where there is a graphics processor. ``run`` is the digest of the run beside it. Raises
    EvalkitError for what the user can correct."""
    started = perf_counter()
    prepared = _prepare(config, out, say)
    setting, trials = prepared.setting, prepared.trials
    _remove_others(setting, trials)
    run_trials(trials, setting, 0 if torch.cuda.is_available() else workers,
               _reporter(trials, setting, say))
    scores = pd.concat([pq.read_table(scores_path(setting, trial)).to_pandas()
                        for trial in trials], ignore_index=True)
    write_table(out / "scores.parquet", pa.Table.from_pandas(scores, SCORES, preserve_index=False))
    results = _results(config, prepared, scores, started)
    MitigationResults(run=run, results=results).write(out / "results.json")
    say(results.conclusion)
    return out / "results.json"


class _Prepared(NamedTuple):
    setting: Setting
    trials: list[Trial]
    cohorts: FoundCohorts
    speech: Speech
    start: str  # digest of the start's weights


def _prepare(config: RecognitionConfig, folder: Path, say: Say) -> _Prepared:
    """Cohorts, splits and trials; what several trials need is computed here, once."""
    for plugin in config.arms:
        make_arm(plugin)
    finder = create("cohorts", config.cohorts.name, config.cohorts.options)
    with reproducible(config.seed):
        model = AdaptedRecognizer(load_trainable("recognizer", config.model))
        speech = _checked_speech(config, model, say)
        cohorts = find_cohorts(finder, speech, word_errors(model, speech.dev))
        start = content(parameters(model.module), [])
        setting = _setting(config, folder, cohorts, speech)
        _warm_up(config, setting, speech)
    best, worst = cohorts.on_dev[-1], cohorts.on_dev[0]
    say(f"{len(cohorts.on_dev)} cohorts; training on {', '.join(setting.targets)} "
        f"(word error rate on dev {worst.value:.1%}, best cohort {best.value:.1%})")
    trials = trials_of(config.arms, config.seeds, _decisive(config, setting, speech, start))
    return _Prepared(setting, trials, cohorts, speech, start)


def _checked_speech(config: RecognitionConfig, model: AdaptedRecognizer, say: Say) -> Speech:
    """Raises ManifestError for a text that the model cannot spell."""
    speech = speech_of(config.general, config.dev, config.test, model.system.rate)
    for path, part in ((config.general, speech.general), (config.dev, speech.dev),
                       (config.test, speech.test)):
        check_texts((recording.utterance for recording in part), path, model.system.spell)
    say(f"{len(speech.general)} general, {len(speech.dev)} development and {len(speech.test)} "
        "test utterances; looking for the cohorts with the highest word error rates")
    return speech


def _decisive(config: RecognitionConfig, setting: Setting, speech: Speech, start: str
              ) -> list[object]:
    """All that decides the result of a trial, beside its arm, strength and seed."""
    return [start, content({}, speech.all), sorted(setting.adapting), setting.targets,
            sorted(setting.of.items()), config.schedule.model_dump(), config.fisher_utterances,
            config.model.name, torch.__version__]


def _setting(config: RecognitionConfig, folder: Path, cohorts: FoundCohorts, speech: Speech
             ) -> Setting:
    names = [cohort.cohort for cohort in cohorts.on_dev]
    targets = names[:config.targets]
    if len(names) <= len(targets):
        raise ConfigError(f"cohorts: {config.cohorts.name} found {len(names)} on dev; an "
                          "experiment needs one that is not a target, to see what it costs")
    tested = {cohorts.of[r.utterance.id] for r in speech.test}
    for name in (*targets, names[-1]):
        if name not in tested:
            raise ConfigError(f"{config.test}: no speaker of the cohort {name!r}, which was "
                              "found on dev; its error rate could not be measured")
    adapting = adaptation_speakers(speech.dev, cohorts.of, targets, config.adaptation, config.seed)
    return Setting(config.general, config.dev, config.test, config.model,
                   config.schedule, cohorts.of, cohorts.names, targets, frozenset(adapting),
                   config.fisher_utterances, folder / "trials")


def _warm_up(config: RecognitionConfig, setting: Setting, speech: Speech) -> None:
    """Prepares every arm once, so that no two trials estimate the same Fisher information."""
    data = adaptation_data(setting, speech)
    for plugin in config.arms:
        arm = make_arm(plugin)
        model = AdaptedRecognizer(load_trainable("recognizer", config.model))
        next(iter(arm.phases(data, model, arm.strengths[0])))


def _remove_others(setting: Setting, trials: Sequence[Trial]) -> None:
    """Removes trials of other configurations."""
    kept = {trial.name for trial in trials} | {"fisher"}
    for folder in setting.folder.glob("*"):
        if folder.name not in kept:
            shutil.rmtree(folder)


def _reporter(trials: Sequence[Trial], setting: Setting, say: Say
              ) -> Callable[[Trial, float], None]:
    waiting = [trial for trial in trials if not scores_path(setting, trial).is_file()]
    started, over = perf_counter(), 0
    say(f"{len(waiting)} trials to do, {len(trials) - len(waiting)} done before")

    def report(trial: Trial, seconds: float) -> None:
        nonlocal over
        over += 1
        left = (perf_counter() - started) / over * (len(waiting) - over)
        steps = "" if trial.arm.name == START else f"{setting.schedule.steps} steps, "
        say(f"{over}/{len(waiting)} {trial.label}: {steps}{seconds:.0f} s; {left:.0f} s left")

    return report


def _results(config: RecognitionConfig, prepared: _Prepared, scores: pd.DataFrame,
             started: float) -> RecognitionResults:
    setting, cohorts = prepared.setting, prepared.cohorts
    fixed = Fixed(setting.targets, cohorts.on_dev[-1].cohort)
    tried = tried_strengths(scores)
    arms = arm_results(scores, tried, fixed, Resampling(draws=config.draws, seed=config.seed))
    best = recommended(tried)
    recommended_arm = next((arm for arm in arms if arm.arm == best), None)
    return RecognitionResults(
        config=config.model_dump(mode="json"), start=prepared.start, targets=setting.targets,
        best=fixed.best, cohorts=cohorts.described(), splits=_splits(setting, prepared.speech),
        tried=tried, arms=arms, frontier=frontier(scores, tried, fixed.targets),
        trials={trial.name: TrialKey(arm=trial.arm.name, strength=trial.strength, seed=trial.seed)
                for trial in prepared.trials},
        recommended=best, conclusion=conclude(recommended_arm, fixed.targets),
        left_out=merged([*_untested(config, prepared), *_without_intervals(scores)]),
        wall_seconds=perf_counter() - started)


def _untested(config: RecognitionConfig, prepared: _Prepared) -> Iterator[LeftOut]:
    """Cohorts of dev that no test speaker is in."""
    of = prepared.cohorts.of
    tested = {of[recording.utterance.id] for recording in prepared.speech.test}
    for cohort in prepared.cohorts.on_dev:
        if cohort.cohort not in tested:
            yield LeftOut("cohort", str(config.test), "no speaker of it", names=(cohort.cohort,))


def _without_intervals(scores: pd.DataFrame) -> Iterator[LeftOut]:
    """Regions of test whose rates have no interval."""
    start = scores[(scores["part"] == "test") & (scores["arm"] == START)]
    for name in small_regions(start):
        yield LeftOut("cohort", "intervals of regions", f"{FLOORS}: a rate without an interval",
                      names=(name,))


def _splits(setting: Setting, speech: Speech) -> RecognitionSplits:
    return RecognitionSplits(
        general=size(speech.general), adaptation=size(adaptation_data(setting, speech).target),
        selection=size(selection(setting, speech)), test=size(speech.test))
