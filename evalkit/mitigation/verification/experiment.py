"""A verification experiment: a speaker encoder, or a head over its embeddings, trained in several
ways and judged on speakers that nothing was fitted to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from evalkit.mitigation.verification.arms import Material, Trained, kept
from evalkit.mitigation.verification.config import Arm, VerificationConfig
from evalkit.mitigation.verification.outcome import (
    Groupings,
    Judged,
    changes,
    judged,
    outcome,
)
from evalkit.mitigation.verification.speakers import (
    Voiced,
    embedded,
    first_of_each,
    folded,
    given_split,
    recorded,
    scored,
    trials_of,
)
from evalkit.mitigation.verification.whole_encoder import load_speechbrain_encoder
from evalkit.run.runner import Work
from evalkit.store.runfolder import write_json
from evalkit.training.speaker_embeddings import EmbeddingModel, identity_head
from evalkit.training.verification import embed

SCHEMA = 1
"""Of results.json. A change that an older reader would misread adds one."""

NONE, PLAIN = "none", "plain"
"""What the arms are compared with: the embeddings as they are, which are always among the
results, and training with even weights."""

Say = Callable[[str], None]


def run_verification(config: VerificationConfig, out: Path, *, say: Say = lambda line: None,
                     workers: int = 0) -> Path:
    """Trains every arm from every seed, judges them on the test speakers and writes
    ``out/results.json`` (docs/mitigation_verification.md says what is in it), whose path it
    returns. Embeddings and arms that ``out`` has from the same recordings and settings are kept.
    ``workers`` processes embed the recordings. Raises EvalkitError for what the user can mend."""
    material = _material(config, out, Work(workers), say)
    test = _Test.of(material)
    found = {NONE: [test.judge([material.learner() for _ in material.splits])]}
    arms: dict[str, Any] = {NONE: {"seeds": [outcome(found[NONE][0], config.resampling)]}}
    for arm, trained in _trained(material, out, say):
        bases = {name: found[name] for name in (NONE, PLAIN) if name in found}
        found[arm] = [test.judge(one.learners) for one in trained]
        arms[arm] = {
            "seeds": [_described(material, *one)
                      for one in zip(config.seeds, trained, found[arm], strict=True)],
            "changes": {name: changes(base, found[arm], config.resampling)
                        for name, base in bases.items()}}
    write_json(out / "results.json", {
        "schema": SCHEMA, "kind": "verification", "config": config.model_dump(mode="json"),
        **_counted(material), "n_trials": len(test.trials), "arms": arms})
    return out / "results.json"


def _material(config: VerificationConfig, out: Path, work: Work, say: Say) -> Material:
    def read(name: str) -> Voiced:
        manifest, outside = getattr(config, name), config.outside
        if config.utterances is not None:
            manifest = first_of_each(manifest, config.utterances, out / f"{name}.jsonl",
                                     outside=outside)
            outside = True
        if config.whole is not None:
            return recorded(manifest, config.whole.seconds, outside=outside)
        return embedded(manifest, config.encoder, out / "embeddings" / name, work, say,
                        outside=outside)

    if config.folds is None:
        voiced, splits = given_split(read("train"), read("dev"), read("test"))
    else:
        voiced = read("train")
        splits = folded(voiced, config.folds, config.split_seed)
    voiced.labels(config.told)  # refuses a column that is not there before anything is trained
    network = (identity_head(voiced.x.shape[1]) if config.whole is None
               else load_speechbrain_encoder(config.whole.path))
    return Material(config, voiced, splits, EmbeddingModel(network))


@dataclass(frozen=True)
class _Test:
    """The trials that every arm is judged on."""

    material: Material
    trials: pd.DataFrame
    speakers: Mapping[str, str]
    groupings: Groupings

    @classmethod
    def of(cls, material: Material) -> _Test:
        config, voiced = material.config, material.voiced
        ids = voiced.table["utterance_id"]
        return cls(material, trials_of(voiced, material.splits, config.trials, config.split_seed),
                   dict(zip(ids, voiced.speakers, strict=True)),
                   {name: voiced.groups(name) for name in config.groups})

    def judge(self, learners: list[EmbeddingModel]) -> Judged:
        """By the cosines of each split's own learner, NaN where one is missing."""
        material = self.material
        rows = [material.known(split.test) for split in material.splits]
        vectors = [embed(learner, material.voices(r).x).cpu().double().numpy()
                   for learner, r in zip(learners, rows, strict=True)]
        trials = scored(self.trials, material.voiced, np.concatenate(rows),
                        np.concatenate(vectors))
        return judged(trials, self.speakers, self.groupings, material.config.resampling)


def _trained(material: Material, out: Path, say: Say) -> Iterator[tuple[Arm, list[Trained]]]:
    """Every arm from every seed, from its checkpoint where there is one; PLAIN comes first, since
    others are compared with it."""
    config, started = material.config, perf_counter()
    total, done = len(config.arms) * len(config.seeds), 0
    for arm in sorted(config.arms, key=lambda arm: arm != PLAIN):
        found = []
        for seed in config.seeds:
            found.append(kept(out / "checkpoints" / f"{arm}-{seed}.safetensors", material, arm,
                              seed))
            done += 1
            left = (perf_counter() - started) / done * (total - done)
            before, after = (100 * np.mean([stop[name] for stop in found[-1].stops])
                             for name in ("dev_at_start", "dev"))
            say(f"{arm}, seed {seed} ({done} of {total}): equal error rate on dev "
                f"{before:.1f} -> {after:.1f} %; about {left:.0f} s left")
        yield arm, found


def _described(material: Material, seed: int, trained: Trained, arm: Judged) -> dict[str, Any]:
    return {"seed": seed, "stopped": trained.stops, "weights": _group_weights(material, trained),
            **outcome(arm, material.config.resampling)}


def _group_weights(material: Material, trained: Trained) -> dict[str, dict[str, float]]:
    """By column, the mean weight of each group's training utterances in all splits."""
    rows = np.concatenate([material.known(split.train) for split in material.splits])
    weights = pd.Series(np.concatenate(trained.weights))
    return {name: {str(group): float(mean) for group, mean in
                   weights.groupby(material.voiced.labels(name)[rows]).mean().items()}
            for name in material.config.groups}


def _counted(material: Material) -> dict[str, Any]:
    """How many speakers each split has, and which utterances have no embedding."""
    voiced = material.voiced
    return {"splits": [{part: len(set(voiced.speakers[getattr(split, part)]))
                        for part in ("train", "dev", "test")} for split in material.splits],
            "failed": sorted(voiced.table["utterance_id"][voiced.failed])}
