"""What is known of a file of PercepNet's weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from evalkit.core.files import digest
from evalkit.models.onnx_cost import weights_in
from evalkit.models.percepnet.training import Check, EnhancerTraining

_CARD = """\
# PercepNet

An enhancer of speech ({counted}, 8-bit integers) after Valin et al. 2020
(arXiv:2008.04259), for evalkit's plug-in `percepnet`. It knows nothing of sound above \
{bandwidth:,.0f} Hz.

- weights: `{weights}`, SHA-256 `{digest}`
- trained by `evalkit train enhancer`, seed {seed}: {updates:,} updates of {batch} mixtures of \
{seconds:g} s, each mixture learnt from {hearings} times; {time}
- speech: {speech}
- noise: {noise}, and generated families; rooms: {rooms}

## Learning curve

Loss on material that was kept out (see evalkit.models.percepnet.network.loss).

{trained_too}{lost}| updates | kept out | trained on |
|---:|---:|---:|
{curve}

## Recipe

{recipe}
"""
_LOST = """\
Of {checks} checks {lost} are not known: `curve.jsonl` was removed or cut.

"""
_TRAINED_TOO = """\
Of the speech of {names} nothing was kept out, since it is too little: the loss is measured on other
mixtures of what was trained on.

"""
ROWS = 12
"""Rows of the learning curve at most, beside the last."""


@dataclass(frozen=True)
class EnhancerCard:
    """``speech`` and ``noise`` are seconds of recordings by source; ``curve`` the checks of the
    training, all of its starts."""

    config: EnhancerTraining
    speech: Mapping[str, float]
    noise: Mapping[str, float]
    rooms: bool
    curve: Sequence[Check]
    trained_too: Sequence[str] = ()
    """Sources of speech of which nothing was kept out."""

    @property
    def seconds(self) -> float:
        """That the training took, without what was lost where it was stopped."""
        starts = [check.seconds for check in self.curve[:1]]
        return sum(starts) + sum(after.seconds - (before.seconds
                                                  if after.seconds > before.seconds else 0)
                                 for before, after in pairwise(self.curve))

    @property
    def lost(self) -> int:
        """Checks of the training that the curve lacks, since its file was removed or cut."""
        return len(set(self._due) - {check.updates for check in self.curve})

    @property
    def _due(self) -> range:
        return range(self.config.check_every, self.config.updates + 1, self.config.check_every)

    @property
    def _time(self) -> str:
        if self.lost:
            return "the time is not known"
        return f"{self.seconds / 3600:.1f} h, {self.seconds / self.config.updates:.2f} s an update"

    @property
    def description(self) -> dict[str, str]:
        """For the file of weights."""
        return {"bandwidth": f"{self.config.mixing.rate / 2:g}",
                "updates": str(self.config.updates), "seed": str(self.config.seed)}

    def markdown(self, weights: Path) -> str:
        """The card of the file ``weights``, to be read."""
        config, step = self.config, max(1, len(self.curve) // ROWS)
        shown = [*self.curve[:-1:step], *self.curve[-1:]]
        return _CARD.format(
            counted=_counted(weights), bandwidth=config.mixing.rate / 2, weights=weights.name,
            digest=digest(weights), seed=config.seed, updates=config.updates, batch=config.batch,
            seconds=config.mixing.seconds, hearings=config.hearings, time=self._time,
            lost=_LOST.format(lost=self.lost, checks=len(self._due)) if self.lost else "",
            trained_too=_TRAINED_TOO.format(names=", ".join(self.trained_too))
            if self.trained_too else "", speech=_hours(self.speech),
            noise=_hours(self.noise), rooms="yes" if self.rooms else "none",
            curve="\n".join(f"| {check.updates:,} | {check.kept_out:.4f} | {check.trained:.4f} |"
                            for check in shown),
            recipe=config.model_dump_json(indent=1, exclude={"updates", "seed"}))


def _counted(file: Path) -> str:
    """How many weights are in it: the same as in every run of it."""
    cost = weights_in([file], file.stat().st_size)
    return f"weights {cost.unknown}" if cost.weights is None else f"{cost.weights:,} weights"


def _hours(sources: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {seconds / 3600:.2f} h" for name, seconds in sources.items()
                     ) or "no recordings"
