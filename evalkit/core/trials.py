"""Which trials of speaker verification a run makes, as ``eval.yaml`` says it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from evalkit.core.strict import Strict


class TrialsConfig(Strict):
    """Which pairs of utterances a speaker encoder must tell apart: a ``list`` in VoxCeleb or
    Kaldi form, or pairs drawn from the corpus, at most ``most`` of them."""

    list: Path | None = None
    most: int = Field(200_000, gt=0)
    scores: Annotated[dict[str, Path], Field(exclude_if=lambda given: not given)] = Field(
        default_factory=dict)
    """By pipeline the file of scores that another tool gave (evalkit.metrics.score_files)."""

    def located(self, folder: Path) -> TrialsConfig:
        """With paths from ``folder``."""
        scores = {name: folder / path for name, path in self.scores.items()}
        return self.model_copy(update={"scores": scores})
