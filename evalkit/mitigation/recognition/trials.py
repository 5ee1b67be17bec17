"""One arm, at one strength, from one seed: trained, then scored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from threadpoolctl import threadpool_limits

from evalkit.core.config import Plugin
from evalkit.core.plugins import create
from evalkit.core.processes import WorkerPool
from evalkit.core.types import Recording
from evalkit.mitigation.adapted import AdaptedRecognizer
from evalkit.mitigation.arms.protocols import AdaptationData, RecognitionArm
from evalkit.mitigation.recognition.splits import Speech, read_speech, speaker, word_errors
from evalkit.mitigation.trainable import load_trainable
from evalkit.models.tensors import threads
from evalkit.store.documents.mitigation import START
from evalkit.store.runfolder import write_table
from evalkit.training.fine_tuning import Schedule, fine_tune

SCORES = pa.schema([
    ("arm", pa.string()), ("strength", pa.float64()), ("seed", pa.int64()),
    ("part", pa.string()),  # selection or test
    ("cohort", pa.string()), ("utterance_id", pa.string()), ("speaker_id", pa.string()),
    ("metric", pa.string()), ("amount", pa.float64()), ("weight", pa.float64()),
    ("error", pa.string()), ("hypothesis", pa.string()),
])


@dataclass(frozen=True)
class Setting:
    """What all trials of an experiment share, small enough to be sent to another process.

    ``of`` is the cohort of every utterance id, ``cohorts`` their names; ``targets`` those whose
    error rate is to fall, worst first; ``adapting`` the speakers of dev who may be trained on."""

    general: Path
    dev: Path
    test: Path
    model: Plugin
    schedule: Schedule
    of: dict[str, str]
    cohorts: list[str]
    targets: list[str]
    adapting: frozenset[str]
    fisher_utterances: int
    folder: Path


@dataclass(frozen=True)
class Trial:
    """``name`` is that of its folder, and changes with everything that decides its result."""

    arm: Plugin
    strength: float
    seed: int
    name: str

    @property
    def label(self) -> str:
        """For people, such as "ewc 0.01, seed 2"."""
        if self.arm.name == START:
            return "the start"
        strength = f" {self.strength:g}" if self.strength else ""
        return f"{self.arm.name}{strength}, seed {self.seed}"


Report = Callable[[Trial, float], None]
"""Called when a trial is over, with how many seconds it took."""


def trials_of(arms: Sequence[Plugin], seeds: Sequence[int], decides: object) -> list[Trial]:
    """Every arm at every strength from every seed, after the start itself. ``decides`` is what
    decides the results beside these, in JSON's types."""
    return [_trial(Plugin(name=START), 0.0, 0, decides),
            *(_trial(plugin, strength, seed, decides) for seed in seeds for plugin in arms
              for strength in make_arm(plugin).strengths)]


def make_arm(plugin: Plugin) -> RecognitionArm:
    """Raises PluginError and ConfigError as evalkit.core.plugins.create does."""
    arm: RecognitionArm = create("recognition_arms", plugin.name, plugin.options)
    return arm


def run_trials(trials: Sequence[Trial], setting: Setting, workers: int, report: Report) -> None:
    """Does what is not done yet, in ``workers`` processes (this one where 0)."""
    waiting = [trial for trial in trials if not scores_path(setting, trial).is_file()]
    if workers == 0:
        for trial in waiting:
            report(trial, run_trial(trial, setting))
        return
    with WorkerPool(min(workers, max(1, len(waiting)))) as pool:
        running = {pool.submit(run_trial, trial, setting): trial for trial in waiting}
        for done in as_completed(running):
            report(running[done], done.result())


def run_trial(trial: Trial, setting: Setting) -> float:
    """Trains and scores; how many seconds that took. A trial that was stopped goes on from its
    last checkpoint."""
    started = perf_counter()
    folder = setting.folder / trial.name
    with reproducible(trial.seed), threadpool_limits(1):
        model = AdaptedRecognizer(load_trainable("recognizer", setting.model))
        speech = speech_of(setting.general, setting.dev, setting.test, model.system.rate)
        if trial.arm.name != START:
            data = adaptation_data(setting, speech)
            phases = make_arm(trial.arm).phases(data, model, trial.strength)
            fine_tune(model, phases, setting.schedule, trial.seed, folder)
            model.system.save(folder / "weights.safetensors")
        parts = {"selection": selection(setting, speech), "test": speech.test}
        scores = pd.concat([word_errors(model, recordings).assign(part=part)
                            for part, recordings in parts.items()])
    scores = scores.assign(arm=trial.arm.name, strength=trial.strength, seed=trial.seed,
                           cohort=scores["utterance_id"].map(setting.of))
    write_table(scores_path(setting, trial),
                pa.Table.from_pandas(scores, SCORES, preserve_index=False))
    for checkpoint in folder.glob("phase*.safetensors"):
        checkpoint.unlink()
    return perf_counter() - started


def scores_path(setting: Setting, trial: Trial) -> Path:
    """Where a trial that is over has its scores."""
    return setting.folder / trial.name / "scores.parquet"


@cache
def speech_of(general: Path, dev: Path, test: Path, rate: int) -> Speech:
    """As read_speech gives it, read once in a process."""
    return read_speech(general, dev, test, rate)


def adaptation_data(setting: Setting, speech: Speech) -> AdaptationData:
    """What the arms train on."""
    targets = [[r for r in speech.dev
                if speaker(r) in setting.adapting and setting.of[r.utterance.id] == name]
               for name in setting.targets]
    rng = np.random.default_rng(0)
    count = min(setting.fisher_utterances, len(speech.general))
    sample = [speech.general[i] for i in sorted(rng.choice(len(speech.general), count, False))]
    number = {name: i for i, name in enumerate(setting.cohorts)}
    return AdaptationData(
        targets, speech.general, sample,
        {identifier: number[name] for identifier, name in setting.of.items()},
        setting.folder / "fisher")


def selection(setting: Setting, speech: Speech) -> list[Recording]:
    """The recordings of dev that select a strength."""
    return [r for r in speech.dev if speaker(r) not in setting.adapting]


@contextmanager
def reproducible(seed: int) -> Iterator[None]:
    """torch draws from ``seed`` and computes on one thread."""
    with torch.random.fork_rng(), threads(1):
        torch.manual_seed(seed)
        yield


def _trial(plugin: Plugin, strength: float, seed: int, decides: object) -> Trial:
    # Not by which strengths are tried beside it: what was done stays when one is added.
    options = {name: value for name, value in plugin.options.items() if name != "strengths"}
    everything = json.dumps([plugin.name, options, strength, seed, decides], sort_keys=True)
    key = hashlib.sha256(everything.encode()).hexdigest()[:12]
    strength_text = f"_{strength:g}" if strength else ""
    return Trial(plugin, strength, seed, f"{plugin.name}{strength_text}_seed{seed}_{key}")
