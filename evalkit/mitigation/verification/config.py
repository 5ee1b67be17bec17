"""What a verification experiment does: arms, seeds, splits, settings."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from evalkit.core.config import Plugin, PluginSpec, Strict
from evalkit.statistics.bootstrap import Resampling
from evalkit.training.verification import LearningConfig
from evalkit.training.weightings import AdversaryConfig, Variant

Arm = Literal["plain", "cohort", "group_dro", "arw_pw", "arw_aps", "arw_pl"]
"""Ways of training. ``cohort`` (every group counts the same) and ``group_dro`` are told the
groups of the training speakers; the others never see them."""

LABELLED: tuple[Arm, ...] = ("cohort", "group_dro")
VARIANTS: dict[Arm, Variant] = {"arw_pw": "pw", "arw_aps": "aps", "arw_pl": "pl"}


class WholeEncoder(Strict):
    """The speaker encoder of SpeechBrain in the folder ``path``, of which every parameter is
    trained. It hears the first ``seconds`` of an utterance; a shorter one is repeated."""

    path: Path
    seconds: float = Field(3.0, gt=0)


class VerificationConfig(Strict):
    """An experiment on the speakers of manifests: ``train``, ``dev`` and ``test``, or ``train``
    alone in ``folds`` parts, each of which is test once. What learns is a head over the
    embeddings of ``encoder``, or the ``whole`` of another encoder. ``groups`` are the metadata
    columns to report by; ``cohort`` is the one whose labels the labelled arms see, by default
    the first."""

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
    arms: list[Arm] = Field(["plain", "arw_pw"], min_length=1)
    seeds: list[int] = Field([0, 1, 2], min_length=1)
    split_seed: int = Field(0, ge=0)
    learning: LearningConfig = LearningConfig()
    adversary: AdversaryConfig = AdversaryConfig()
    group_dro_rate: float = Field(0.1, gt=0)
    trials: int = Field(60_000, gt=0)
    draws: int = Field(200, gt=1)

    @model_validator(mode="after")
    def _one_way_to_split(self) -> Self:
        given = (self.dev is not None, self.test is not None, self.folds is None)
        if len(set(given)) > 1:
            raise ValueError("give dev and test, or folds without them")
        return self

    @property
    def told(self) -> str:
        """The column that labelled arms see."""
        return self.cohort or self.groups[0]

    @property
    def resampling(self) -> Resampling:
        return Resampling(draws=self.draws, seed=self.split_seed)
