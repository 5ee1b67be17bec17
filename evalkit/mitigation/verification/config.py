"""The settings of a verification experiment in mitigate.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from evalkit.core.config import Plugin, PluginSpec
from evalkit.core.strict import Strict
from evalkit.statistics.bootstrap import Resampling
from evalkit.training.verification import LearningConfig


class WholeEncoder(Strict):
    """Every parameter of the encoder is trained. It is given the first ``seconds`` of an
    utterance; a shorter one is repeated."""

    seconds: float = Field(3.0, gt=0)


class VerificationConfig(Strict):
    """An experiment on the speakers of manifests: ``train``, ``dev`` and ``test``, or ``train``
    alone in ``folds`` parts, each of which is test once. What is trained is a head over the
    embeddings of ``encoder``, or the ``whole`` encoder (plug-in group "trainable_encoders").
    ``groups`` are the metadata columns to report by; ``cohort`` is the one whose labels are given
    to the arms (plug-in group "verification_arms") that use labels, by default the first."""

    train: Path
    dev: Path | None = None
    test: Path | None = None
    folds: int | None = Field(None, ge=3)
    outside: bool = False
    """Whether audio may lie outside the manifests' folders."""
    utterances: int | None = Field(None, gt=1)
    """At most so many of every speaker, the first ones."""
    encoder: PluginSpec = Plugin(name="resemblyzer")
    whole: WholeEncoder | None = None
    groups: list[str] = Field(min_length=1)
    cohort: str | None = None
    arms: list[PluginSpec] = Field([Plugin(name="plain"), Plugin(name="arw_pw")], min_length=1)
    seeds: list[int] = Field([0, 1, 2], min_length=1)
    split_seed: int = Field(0, ge=0)
    learning: LearningConfig = LearningConfig()
    trials: int = Field(60_000, gt=0)
    draws: int = Field(200, gt=1)

    @model_validator(mode="before")
    @classmethod
    def _options_of_arms(cls, settings: Any) -> Any:
        if isinstance(settings, Mapping) and {"adversary", "group_dro_rate"} & settings.keys():
            raise ValueError("adversary and group_dro_rate are written as options of arms, as in "
                             "arms: [{name: arw_pw, regions: 4}, {name: group_dro, rate: 0.2}]")
        return settings

    @field_validator("whole", mode="before")
    @classmethod
    def _no_folder(cls, whole: Any) -> Any:
        if isinstance(whole, Mapping) and "path" in whole:
            raise ValueError("has no `path`; name the encoder to be trained, as in "
                             "encoder: {name: speechbrain, path: FOLDER}")
        return whole

    @model_validator(mode="after")
    def _one_way_to_split(self) -> Self:
        given = (self.dev is not None, self.test is not None, self.folds is None)
        if len(set(given)) > 1:
            raise ValueError("give dev and test, or folds without them")
        return self

    @model_validator(mode="after")
    def _each_arm_once(self) -> Self:
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names):
            raise ValueError("arms: one is named twice; leave one out")
        return self

    @property
    def label_column(self) -> str:
        """The column that is given to arms that use labels."""
        return self.cohort or self.groups[0]

    @property
    def resampling(self) -> Resampling:
        return Resampling(draws=self.draws, seed=self.split_seed)
