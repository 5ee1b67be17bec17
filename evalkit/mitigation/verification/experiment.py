"""A verification experiment: a speaker encoder, or a head over its embeddings, trained in several
ways and tested on speakers that nothing was fitted to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

from evalkit.core.config import Plugin
from evalkit.core.ledger import merged
from evalkit.core.protocols import Trainable
from evalkit.mitigation.trainable import load_trainable
from evalkit.mitigation.verification.arm_training import (
    Setup,
    TrainedArm,
    load_or_train,
    make_arm,
)
from evalkit.mitigation.verification.config import VerificationConfig
from evalkit.mitigation.verification.data import (
    EncoderData,
    embedded,
    first_utterances,
    waveforms,
)
from evalkit.mitigation.verification.evaluation import (
    EvaluatedArm,
    Groupings,
    Training,
    changes,
    evaluate,
    seed_result,
)
from evalkit.mitigation.verification.left_out import left_out, small_groups
from evalkit.mitigation.verification.splits import (
    Split,
    cross_validation,
    draw_trials,
    given_split,
    scored_trials,
)
from evalkit.run.runner import Work
from evalkit.store.documents.mitigation import (
    START,
    MitigationResults,
    SpeakerCounts,
    VerificationArmResult,
    VerificationResults,
)
from evalkit.training.speaker_embeddings import EmbeddingModel, identity_head
from evalkit.training.verification import embed

Say = Callable[[str], None]


def run_verification(config: VerificationConfig, out: Path, *, run: str | None = None,
                     say: Say = lambda line: None, workers: int = 0) -> Path:
    """Trains every arm from every seed, tests them on the test speakers and writes
    ``out/results.json`` (docs/mitigation_verification.md says what is in it), whose path it
    returns. Embeddings and arms that ``out`` has from the same recordings and settings are kept.
    ``workers`` processes embed the recordings; ``run`` is the digest of the run beside it. Raises
    EvalkitError for what the user can correct."""
    for plugin in config.arms:
        make_arm(plugin)
    setup = _setup(config, out, Work(workers), say)
    test = _Test.of(setup)
    arms = _arm_results(setup, test, out, say)
    results = VerificationResults(
        config=config.model_dump(mode="json"), splits=_speaker_counts(setup),
        left_out=merged([*left_out(setup), *small_groups(arms[START].seeds[0])]),
        n_trials=len(test.trials), arms=arms)
    MitigationResults(run=run, results=results).write(out / "results.json")
    return out / "results.json"


def _setup(config: VerificationConfig, out: Path, work: Work, say: Say) -> Setup:
    manifests = {"train": config.train, "dev": config.dev, "test": config.test}
    whole = load_trainable("encoder", config.encoder) if config.whole else None
    parts = [_read(config, name, manifest, out, whole=whole, work=work, say=say)
             for name, manifest in manifests.items() if manifest is not None]
    if config.folds is None:
        data, splits = given_split(*parts)
    else:
        data, splits = parts[0], cross_validation(parts[0], config.folds, config.split_seed)
    data.labels(config.label_column)  # refuses a column that is not there before training
    network = whole.module if whole else identity_head(data.x.shape[1])
    return Setup(config, data, splits, EmbeddingModel(network))


def _read(config: VerificationConfig, name: str, manifest: Path, out: Path, *,
          whole: Trainable | None, work: Work, say: Say) -> EncoderData:
    """The inputs of one manifest: embeddings, or waveforms where an encoder is trained as a
    ``whole``."""
    outside = config.outside
    if config.utterances is not None:
        manifest = first_utterances(manifest, config.utterances, out / f"{name}.jsonl",
                                    outside=outside)
        outside = True
    if config.whole and whole:
        return waveforms(manifest, config.whole.seconds, whole.rate, outside=outside)
    return embedded(manifest, config.encoder, out / "embeddings" / name, work, say,
                    outside=outside)


@dataclass(frozen=True)
class _Test:
    """The trials that every arm is tested on."""

    setup: Setup
    trials: pd.DataFrame
    speakers: Mapping[str, str]
    groupings: Groupings

    @classmethod
    def of(cls, setup: Setup) -> _Test:
        config, data = setup.config, setup.data
        ids = data.table["utterance_id"]
        return cls(setup, draw_trials(data, setup.splits, config.trials, config.split_seed),
                   dict(zip(ids, data.speakers, strict=True)),
                   {name: data.groups(name) for name in config.groups})

    def run(self, models: list[EmbeddingModel]) -> EvaluatedArm:
        """By the cosines of each split's own model, NaN where one is missing."""
        setup = self.setup
        rows = [setup.usable(split.test) for split in setup.splits]
        vectors = [embed(model, setup.inputs(r).x).cpu().double().numpy()
                   for model, r in zip(models, rows, strict=True)]
        trials = scored_trials(self.trials, setup.data, np.concatenate(rows),
                               np.concatenate(vectors))
        return evaluate(trials, self.speakers, self.groupings, setup.config.resampling)


def _arm_results(setup: Setup, test: _Test, out: Path, say: Say
                 ) -> dict[str, VerificationArmResult]:
    """The start first, then the arms that others are compared with."""
    config = setup.config
    arms = {START: [test.run([setup.untrained() for _ in setup.splits])]}
    results = {START: VerificationArmResult(
        seeds=[seed_result(arms[START][0], config.resampling)], changes={})}
    bases = dict(arms)
    for plugin, trained in _trained_arms(setup, out, say):
        name = plugin.name
        arms[name] = [test.run(arm.models) for arm in trained]
        trainings = [Training(seed, arm.stopped, _group_weights(setup, arm))
                     for seed, arm in zip(config.seeds, trained, strict=True)]
        results[name] = VerificationArmResult(
            seeds=[seed_result(arm, config.resampling, training)
                   for arm, training in zip(arms[name], trainings, strict=True)],
            changes={base: changes(before, arms[name], config.resampling)
                     for base, before in bases.items()})
        if make_arm(plugin).is_baseline:
            bases[name] = arms[name]
    return results


def _trained_arms(setup: Setup, out: Path, say: Say) -> Iterator[tuple[Plugin, list[TrainedArm]]]:
    """Every arm from every seed, from its checkpoint where there is one; those that others are
    compared with come first."""
    config = setup.config
    progress = _Progress(say, len(config.arms) * len(config.seeds))
    for plugin in sorted(config.arms, key=lambda plugin: not make_arm(plugin).is_baseline):
        trained = []
        for seed in config.seeds:
            checkpoint = out / "checkpoints" / f"{plugin.name}-{seed}.safetensors"
            trained.append(load_or_train(checkpoint, setup, plugin, seed))
            progress.report(plugin, seed, trained[-1])
        yield plugin, trained


class _Progress:
    """Tells the user what is done and how long the rest will take."""

    def __init__(self, say: Say, total: int) -> None:
        self._say, self._total, self._done, self._started = say, total, 0, perf_counter()

    def report(self, plugin: Plugin, seed: int, trained: TrainedArm) -> None:
        self._done += 1
        left = (perf_counter() - self._started) / self._done * (self._total - self._done)
        before = 100 * np.mean([stop.dev_at_start for stop in trained.stopped])
        after = 100 * np.mean([stop.dev for stop in trained.stopped])
        self._say(f"{plugin.name}, seed {seed} ({self._done} of {self._total}): equal error rate "
                  f"on dev {before:.1f} -> {after:.1f} %; about {left:.0f} s left")


def _group_weights(setup: Setup, trained: TrainedArm) -> dict[str, dict[str, float]]:
    """By column, the mean weight of each group's training utterances in all splits."""
    rows = np.concatenate([setup.usable(split.train) for split in setup.splits])
    weights = pd.Series(np.concatenate(trained.weights))
    return {name: {str(group): float(mean) for group, mean in
                   weights.groupby(setup.data.labels(name)[rows]).mean().items()}
            for name in setup.config.groups}


def _speaker_counts(setup: Setup) -> list[SpeakerCounts]:
    def counted(rows: np.ndarray) -> int:
        return len(set(setup.data.speakers[rows]))

    def of_split(split: Split) -> SpeakerCounts:
        return SpeakerCounts(train=counted(split.train), dev=counted(split.dev),
                             test=counted(split.test))

    return [of_split(split) for split in setup.splits]
