"""An arm trained from one seed, a model for every split; and its checkpoint."""

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
from torch import Tensor

from evalkit.core.config import Plugin
from evalkit.core.files import replacing
from evalkit.core.plugins import create
from evalkit.mitigation.arms.protocols import VerificationArm
from evalkit.mitigation.verification.config import VerificationConfig
from evalkit.mitigation.verification.data import EncoderData
from evalkit.mitigation.verification.splits import Split
from evalkit.models.tensors import best_device, threads
from evalkit.store.documents.mitigation import StoppedTraining
from evalkit.training.speaker_embeddings import EmbeddingModel
from evalkit.training.verification import SpeakerInputs, embed, fit


@dataclass(frozen=True)
class Setup:
    """The same for every arm and seed. ``start`` is the model before any training."""

    config: VerificationConfig
    data: EncoderData
    splits: list[Split]
    start: EmbeddingModel

    def usable(self, rows: np.ndarray) -> np.ndarray:
        """Those of ``rows`` that have an input."""
        return rows[~self.data.failed[rows]]

    def inputs(self, rows: np.ndarray) -> SpeakerInputs:
        """On a graphics processor where there is one."""
        x = torch.as_tensor(self.data.x[rows], device=best_device())
        return SpeakerInputs(x, self.data.speakers[rows])

    def untrained(self) -> EmbeddingModel:
        """A copy of the start, on the same device."""
        return deepcopy(self.start).to(best_device())

    def labels(self, arm: VerificationArm, rows: np.ndarray) -> list[str]:
        """Group labels of ``rows``, none where the arm does not use them."""
        return list(self.data.labels(self.config.label_column)[rows]) if arm.uses_groups else []


@dataclass(frozen=True)
class TrainedArm:
    """An arm from one seed: of each split its model, where its training was stopped, and the
    weights of its training utterances."""

    models: list[EmbeddingModel] = field(default_factory=list)
    stopped: list[StoppedTraining] = field(default_factory=list)
    weights: list[np.ndarray] = field(default_factory=list)


def make_arm(plugin: Plugin) -> VerificationArm:
    """Raises PluginError and ConfigError as evalkit.core.plugins.create does."""
    arm: VerificationArm = create("verification_arms", plugin.name, plugin.options)
    return arm


def load_or_train(path: Path, setup: Setup, plugin: Plugin, seed: int) -> TrainedArm:
    """What the checkpoint ``path`` holds, after training where there is none, or one that is
    broken or came from other settings or recordings."""
    key = _key(setup, plugin, seed)
    trained = _load(path, setup, key)
    if trained is None:
        trained = train_arm(setup, plugin, seed)
        _save(path, trained, key)
    return trained


def train_arm(setup: Setup, plugin: Plugin, seed: int) -> TrainedArm:
    """Trains a model for every split; splits have nothing of each other."""
    trained, arm = TrainedArm(), make_arm(plugin)
    with threads(1):
        for split in setup.splits:
            rows = setup.usable(split.train)
            train, dev = setup.inputs(rows), setup.inputs(setup.usable(split.dev))
            model = setup.untrained()
            weighting = arm.weighting(setup.labels(arm, rows), embed(model, train.x[:1]).shape[1],
                                      seed=seed, device=best_device())
            best = fit(model, train, dev, weighting, setup.config.learning, seed=seed)
            trained.models.append(model)
            trained.stopped.append(StoppedTraining(step=best.step, dev=best.dev,
                                                   dev_at_start=best.dev_at_start))
            trained.weights.append(best.weights.numpy())
    return trained


def _key(setup: Setup, plugin: Plugin, seed: int) -> str:
    """A digest of all that decides what training gives."""
    config, data, arm = setup.config, setup.data, make_arm(plugin)
    digest = hashlib.sha256(data.x.tobytes())
    for value in setup.start.state_dict().values():
        digest.update(value.cpu().numpy().tobytes())
    rows = [split.train.tolist() for split in setup.splits]
    rows += [split.dev.tolist() for split in setup.splits]
    settings = [plugin.name, plugin.options, seed, config.learning.model_dump(),
                list(data.speakers), setup.labels(arm, np.arange(len(data.x))), rows]
    digest.update(json.dumps(settings, sort_keys=True).encode())
    return digest.hexdigest()


def _save(path: Path, trained: TrainedArm, key: str) -> None:
    tensors: dict[str, Tensor] = {}
    for i, (model, stop, weights) in enumerate(zip(
            trained.models, trained.stopped, trained.weights, strict=True)):
        tensors |= {f"{i}.{name}": value.cpu() for name, value in model.state_dict().items()}
        tensors[f"{i}.weights"] = torch.as_tensor(weights, device="cpu")
        tensors[f"{i}.stopped"] = torch.tensor([stop.step, stop.dev, stop.dev_at_start],
                                               dtype=torch.float64, device="cpu")
    with replacing(path) as temporary:
        save_file(tensors, temporary, {"key": key})


def _load(path: Path, setup: Setup, key: str) -> TrainedArm | None:
    """None where ``path`` is no checkpoint with ``key``."""
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError):
        return None
    if metadata.get("key") != key:
        return None
    trained = TrainedArm()
    for i in range(len(setup.splits)):
        state = _of_split(i, tensors)
        step, dev, dev_at_start = state.pop("stopped").tolist()
        trained.stopped.append(StoppedTraining(step=int(step), dev=dev, dev_at_start=dev_at_start))
        trained.weights.append(state.pop("weights").numpy())
        trained.models.append(setup.untrained())
        trained.models[-1].load_state_dict(state)
    return trained


def _of_split(number: int, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    prefix = f"{number}."
    return {name.removeprefix(prefix): value for name, value in tensors.items()
            if name.startswith(prefix)}
