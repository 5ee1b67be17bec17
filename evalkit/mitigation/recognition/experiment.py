"""A recognition experiment: cohorts are found on dev, arms learn from the worst, test judges."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from evalkit.core.errors import ConfigError
from evalkit.core.plugins import create
from evalkit.core.types import Recording
from evalkit.mitigation.recognition.choice import choose, frontier, recommended
from evalkit.mitigation.recognition.conclusion import conclude
from evalkit.mitigation.recognition.config import RecognitionConfig
from evalkit.mitigation.recognition.outcomes import Fixed, arm_outcomes
from evalkit.mitigation.recognition.parts import (
    Cohorts,
    Speech,
    adaptation_speakers,
    find_cohorts,
    speaker,
    word_errors,
)
from evalkit.mitigation.recognition.trainable import load_trainable
from evalkit.mitigation.recognition.trials import (
    NONE,
    SCORES,
    Setting,
    Trial,
    make_arm,
    reproducible,
    run_trials,
    scores_path,
    selection,
    speech_of,
    task_of,
    trials_of,
)
from evalkit.statistics.bootstrap import Resampling
from evalkit.statistics.groups import plain_data
from evalkit.store.runfolder import write_json, write_table
from evalkit.training.data import check_texts
from evalkit.training.fisher import content
from evalkit.training.trainable import parameters

SCHEMA_VERSION = 1
"""Of results.json. A change that an older reader would misread adds one."""

Say = Callable[[str], None]


def run_recognition(config: RecognitionConfig, out: Path, *, say: Say = lambda line: None,
                    workers: int = 0) -> Path:
    """Runs the experiment into the folder ``out`` (docs/mitigation.md says what is in it) and
    returns the path of its results.json.

    Trials that an earlier, perhaps killed, call left there are used where nothing that decides
    them has changed. ``workers`` processes share the trials; this one does them all where 0, or
    where there is a graphics processor. Raises EvalkitError for what the user can mend."""
    started = perf_counter()
    prepared = _prepare(config, out, say)
    setting, trials = prepared.setting, prepared.trials
    _sweep_out(setting, trials)
    run_trials(trials, setting, 0 if torch.cuda.is_available() else workers,
               _reporter(trials, setting, say))
    scores = pd.concat([pq.read_table(scores_path(setting, trial)).to_pandas()
                        for trial in trials], ignore_index=True)
    write_table(out / "scores.parquet", pa.Table.from_pandas(scores, SCORES, preserve_index=False))
    results = _results(config, prepared, scores)
    results["timings"] = {"wall_seconds": perf_counter() - started}
    write_json(out / "results.json", plain_data(results))
    say(results["conclusion"])
    return out / "results.json"


class _Prepared(NamedTuple):
    setting: Setting
    trials: list[Trial]
    cohorts: Cohorts
    speech: Speech
    start: str  # digest of the start's weights


def _prepare(config: RecognitionConfig, folder: Path, say: Say) -> _Prepared:
    """Cohorts, parts and trials; what several trials need is computed here, once."""
    for plugin in config.arms:
        make_arm(plugin)
    finder = create("cohorts", config.cohorts.name, config.cohorts.options)
    with reproducible(config.seed):
        model = load_trainable(config.model)
        speech = speech_of(config.general, config.dev, config.test, model.rate)
        for path, part in ((config.general, speech.general), (config.dev, speech.dev),
                           (config.test, speech.test)):
            check_texts((r.utterance for r in part), path, model.spell)
        say(f"{len(speech.general)} general, {len(speech.dev)} development and "
            f"{len(speech.test)} test utterances; looking for the cohorts with the highest error "
            "rates")
        cohorts = find_cohorts(finder, speech, word_errors(model, speech.dev))
        start = content(parameters(model), [])
        setting = _setting(config, folder, cohorts, speech)
        _warm_up(config, setting, speech)
    decides = [start, content({}, speech.all), sorted(setting.adapting), setting.targets,
               sorted(setting.of.items()), config.schedule.model_dump(),
               config.fisher_utterances, config.model.kind, torch.__version__]
    found = cohorts.on_dev
    say(f"{len(found)} cohorts; learning from {', '.join(setting.targets)} "
        f"(word error rate on dev {found['value'][0]:.1%}, best cohort "
        f"{found['value'].iloc[-1]:.1%})")
    trials = trials_of(config.arms, config.seeds, decides)
    return _Prepared(setting, trials, cohorts, speech, start)


def _setting(config: RecognitionConfig, folder: Path, cohorts: Cohorts, speech: Speech
             ) -> Setting:
    targets = list(cohorts.on_dev["cohort"][:config.targets])
    if len(cohorts.on_dev) <= len(targets):
        raise ConfigError(f"cohorts: {config.cohorts.name} found {len(cohorts.on_dev)} on dev; "
                          "an experiment needs one that is not a target, to see what it costs")
    tested = {cohorts.of[r.utterance.id] for r in speech.test}
    for name in (*targets, cohorts.on_dev["cohort"].iloc[-1]):
        if name not in tested:
            raise ConfigError(f"{config.test}: no speaker of the cohort {name!r}, which was "
                              "found on dev; the outcome for it could not be measured")
    adapting = adaptation_speakers(speech.dev, cohorts.of, targets, config.adaptation, config.seed)
    return Setting(config.general, config.dev, config.test, config.model,
                   config.schedule, cohorts.of, cohorts.names, targets, frozenset(adapting),
                   config.fisher_utterances, folder / "trials")


def _warm_up(config: RecognitionConfig, setting: Setting, speech: Speech) -> None:
    """Prepares every arm once, so that no two trials estimate the same Fisher information."""
    task = task_of(setting, speech)
    for plugin in config.arms:
        arm = make_arm(plugin)
        next(iter(arm.phases(task, load_trainable(config.model), arm.strengths[0])))


def _sweep_out(setting: Setting, trials: Sequence[Trial]) -> None:
    """Removes what other configurations left."""
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
        steps = "" if trial.arm.name == NONE else f"{setting.schedule.steps} steps, "
        say(f"{over}/{len(waiting)} {trial.label}: {steps}{seconds:.0f} s; {left:.0f} s left")

    return report


def _results(config: RecognitionConfig, prepared: _Prepared, scores: pd.DataFrame
             ) -> dict[str, Any]:
    setting, cohorts = prepared.setting, prepared.cohorts
    fixed = Fixed(setting.targets, str(cohorts.on_dev["cohort"].iloc[-1]))
    tried = choose(scores)
    arms = arm_outcomes(scores, tried, fixed, Resampling(draws=config.draws, seed=config.seed))
    best = recommended(tried)
    return {
        "schema": SCHEMA_VERSION, "kind": "recognition",
        "config": config.model_dump(mode="json"), "start": prepared.start,
        "metric": "wer", "targets": fixed.targets, "best": fixed.best,
        "cohorts": _described(cohorts), "parts": _parts(setting, prepared.speech),
        "tried": [asdict(one) for one in tried], "arms": [asdict(arm) for arm in arms],
        "frontier": [asdict(point) for point in frontier(scores, tried, fixed.targets)],
        "trials": {trial.name: {"arm": trial.arm.name, "strength": trial.strength,
                                "seed": trial.seed} for trial in prepared.trials},
        "recommended": best, "conclusion": conclude(
            next((arm for arm in arms if arm.arm == best), None), fixed.targets),
    }


def _described(cohorts: Cohorts) -> dict[str, Any]:
    outlines = cohorts.rule.outlines()
    regions = None if outlines is None else {"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": {"name": name}} | outline.model_dump(mode="json")
        for name, outline in zip(cohorts.rule.names, outlines, strict=True)]}
    return {"rule": cohorts.rule.describe(), "on_dev": cohorts.on_dev.to_dict("records"),
            "regions": regions}


def _parts(setting: Setting, speech: Speech) -> dict[str, dict[str, int]]:
    def size(heard: Sequence[Recording]) -> dict[str, int]:
        return {"utterances": len(heard), "speakers": len({speaker(r) for r in heard})}

    return {"general": size(speech.general), "selection": size(selection(setting, speech)),
            "adaptation": size(task_of(setting, speech).target), "test": size(speech.test)}
