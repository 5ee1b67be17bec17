"""What a recognition experiment does: cohorts, arms, seeds, settings."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from evalkit.core.config import Plugin, PluginSpec, Strict
from evalkit.mitigation.recognition.trainable import ModelConfig
from evalkit.training.fine_tuning import Schedule


class RecognitionConfig(Strict):
    """Further training of a recognizer for the cohorts it serves worst.

    ``general``, ``dev`` and ``test`` are manifests. The ``cohorts`` are those of a finder (plug-in
    group "cohorts") on the errors of dev; of the worst ``targets`` of them the share
    ``adaptation`` of the dev speakers is learned from. Every arm (plug-in group "mitigations") is
    tried at each of its strengths from each of the ``seeds``. ``seed`` is that of the parting of
    dev and of the resampling of test speakers, ``draws`` times."""

    general: Path
    dev: Path
    test: Path
    model: ModelConfig = ModelConfig()
    cohorts: PluginSpec = Plugin(name="tree")
    targets: int = Field(1, gt=0)
    adaptation: float = Field(0.7, gt=0, lt=1)
    arms: list[PluginSpec] = Field(min_length=1)
    seeds: list[int] = Field([0, 1, 2], min_length=1)
    schedule: Schedule = Schedule()
    fisher_utterances: int = Field(200, gt=0)
    seed: int = Field(0, ge=0)
    draws: int = Field(10_000, gt=0)

    @model_validator(mode="after")
    def _each_arm_once(self) -> RecognitionConfig:
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names):
            raise ValueError("arms: one is named twice; give it several strengths instead")
        return self
