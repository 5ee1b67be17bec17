"""The settings of a recognition experiment in mitigate.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from evalkit.core.config import Plugin, PluginSpec
from evalkit.core.strict import Strict
from evalkit.training.fine_tuning import Schedule


class RecognitionConfig(Strict):
    """Fine-tuning of a recognizer for the cohorts with the highest word error rates.

    ``general``, ``dev`` and ``test`` are manifests; ``model`` is a recognizer that can be trained
    (plug-in group "trainable_recognizers"). The ``cohorts`` are those of a finder (plug-in group
    "cohorts") on the errors of dev; the share ``adaptation`` of the dev speakers of the
    worst ``targets`` of them is trained on. Every arm (plug-in group "recognition_arms") is tried
    at each of its strengths from each of the ``seeds``. ``seed`` is that of the split of dev and
    of the resampling of test speakers, ``draws`` times."""

    general: Path
    dev: Path
    test: Path
    model: PluginSpec = Plugin(name="reference")
    cohorts: PluginSpec = Plugin(name="tree")
    targets: int = Field(1, gt=0)
    adaptation: float = Field(0.7, gt=0, lt=1)
    arms: list[PluginSpec] = Field(min_length=1)
    seeds: list[int] = Field([0, 1, 2], min_length=1)
    schedule: Schedule = Schedule()
    fisher_utterances: int = Field(200, gt=0)
    seed: int = Field(0, ge=0)
    draws: int = Field(10_000, gt=0)

    @field_validator("model", mode="before")
    @classmethod
    def _named(cls, model: Any) -> Any:
        if isinstance(model, Mapping) and "name" not in model:
            raise ValueError("is written as a recognizer of eval.yaml is, such as `reference`, "
                             "{name: reference, weights: FILE} or {name: transformers, path: "
                             "FOLDER}")
        return model

    @model_validator(mode="after")
    def _each_arm_once(self) -> RecognitionConfig:
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names):
            raise ValueError("arms: one is named twice; give it several strengths instead")
        return self
