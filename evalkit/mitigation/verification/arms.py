"""A learner for every split, trained by one arm from one seed; its checkpoint."""

from __future__ import annotations

import hashlib
import json
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from evalkit.core.files import replacing
from evalkit.mitigation.verification.config import LABELLED, VARIANTS, Arm, VerificationConfig
from evalkit.mitigation.verification.speakers import Split, Voiced
from evalkit.models.tensors import best_device, threads
from evalkit.training.speaker_embeddings import EmbeddingModel
from evalkit.training.verification import SpeakerInputs, embed, fit
from evalkit.training.weightings import (
    AdversarialWeights,
    EvenWeights,
    GroupBalancedWeights,
    GroupDroWeights,
    Weighting,
)


@dataclass(frozen=True)
class Material:
    """The same for every arm and seed. ``start`` is the learner before any training."""

    config: VerificationConfig
    voiced: Voiced
    splits: list[Split]
    start: EmbeddingModel

    def known(self, rows: np.ndarray) -> np.ndarray:
        """Those of ``rows`` that there is something to hear of."""
        return rows[~self.voiced.failed[rows]]

    def voices(self, rows: np.ndarray) -> SpeakerInputs:
        """What a learner hears of ``rows``, on a GPU where there is one."""
        return SpeakerInputs(torch.as_tensor(self.voiced.x[rows], device=best_device()),
                      self.voiced.speakers[rows])

    def learner(self) -> EmbeddingModel:
        """One that changes nothing yet."""
        return deepcopy(self.start).to(best_device())


@dataclass(frozen=True)
class Trained:
    """An arm from one seed: of each split its learner, where that was stopped (``step``, ``dev``
    and ``dev_at_start`` of training.Fitted), and the weights of its training utterances."""

    learners: list[EmbeddingModel] = field(default_factory=list)
    stops: list[dict[str, float]] = field(default_factory=list)
    weights: list[np.ndarray] = field(default_factory=list)


def kept(path: Path, material: Material, arm: Arm, seed: int) -> Trained:
    """What the checkpoint ``path`` holds, after training where there is none, or one that is
    broken or came from other settings or recordings."""
    key = _key(material, arm, seed)
    trained = _load(path, material, key)
    if trained is None:
        trained = train_arm(material, arm, seed)
        _save(path, trained, key)
    return trained


def train_arm(material: Material, arm: Arm, seed: int) -> Trained:
    """Trains a learner for every split; splits have nothing of each other."""
    trained = Trained()
    with threads(1):
        for split in material.splits:
            rows = material.known(split.train)
            train, dev = material.voices(rows), material.voices(material.known(split.dev))
            learner = material.learner()
            weighting = _weighting(material, arm, rows, embed(learner, train.x[:1]).shape[1], seed)
            fitted = fit(learner, train, dev, weighting, material.config.learning, seed=seed)
            trained.learners.append(learner)
            trained.stops.append({"step": fitted.step, "dev": fitted.dev,
                                  "dev_at_start": fitted.dev_at_start})
            trained.weights.append(fitted.weights.numpy())
    return trained


def _weighting(material: Material, arm: Arm, rows: np.ndarray, dimension: int,
               seed: int) -> Weighting:
    """How ``arm`` weighs the training utterances ``rows``. Only LABELLED arms see groups."""
    config = material.config
    if arm in VARIANTS:
        return AdversarialWeights(VARIANTS[arm], dimension, config.adversary, seed=seed,
                           device=best_device())
    if arm not in LABELLED:
        return EvenWeights()
    groups = material.voiced.labels(config.told)[rows]
    return (GroupBalancedWeights(groups) if arm == "cohort"
            else GroupDroWeights(groups, config.group_dro_rate))


def _key(material: Material, arm: Arm, seed: int) -> str:
    """A digest of all that decides what training gives."""
    config, voiced = material.config, material.voiced
    known = hashlib.sha256(voiced.x.tobytes())
    for value in material.start.state_dict().values():
        known.update(value.cpu().numpy().tobytes())
    parts = [split.train.tolist() for split in material.splits]
    parts += [split.dev.tolist() for split in material.splits]
    groups = list(voiced.labels(config.told)) if arm in LABELLED else None
    settings = [arm, seed, config.learning.model_dump(), config.adversary.model_dump(),
                config.group_dro_rate, list(voiced.speakers), groups, parts]
    known.update(json.dumps(settings, sort_keys=True).encode())
    return known.hexdigest()


def _save(path: Path, trained: Trained, key: str) -> None:
    tensors = {f"{i}.weights": torch.as_tensor(w) for i, w in enumerate(trained.weights)}
    for i, learner in enumerate(trained.learners):
        tensors |= {f"{i}.{name}": value.cpu() for name, value in learner.state_dict().items()}
    with replacing(path) as temporary:
        save_file(tensors, temporary, {"key": key, "stops": json.dumps(trained.stops)})


def _load(path: Path, material: Material, key: str) -> Trained | None:
    """None where ``path`` is no checkpoint with ``key``."""
    try:
        with safe_open(path, "pt") as file:
            found = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError):
        return None
    if found.get("key") != key:
        return None
    trained = Trained(stops=json.loads(found["stops"]))
    for i in range(len(material.splits)):
        mine = {name.removeprefix(f"{i}."): value for name, value in tensors.items()
                if name.startswith(f"{i}.")}
        trained.weights.append(mine.pop("weights").numpy())
        trained.learners.append(material.learner())
        trained.learners[-1].load_state_dict(mine)
    return trained
