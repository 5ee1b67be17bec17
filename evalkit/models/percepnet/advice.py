"""What a trained network says of the frames of one signal."""

from __future__ import annotations

import numpy as np

from evalkit.models.percepnet import targets
from evalkit.models.percepnet.bands import BANDS
from evalkit.models.percepnet.features import features_of_nothing
from evalkit.models.percepnet.runtime import Runtime


class Advice:
    """An Adviser (see ``path``). The network has learnt nothing of bands above the ``bandwidth``
    of its material: they sound to it as they did then, silent, and get the gain of the highest
    band that it knows, without comb filter."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.memory = runtime.start()
        self.unknown = ~targets.within(runtime.bandwidth)
        self.highest = BANDS - 1 - int(self.unknown.sum())

    def __call__(self, heard: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gains and comb strengths, (n, BANDS) each, of frames with the features (n, FEATURES)."""
        if self.unknown.any():
            heard = np.where(self._unheard, _NOTHING, heard)
        gains, strengths, self.memory = self.runtime.run(heard, self.memory)
        if self.unknown.any():
            gains[:, self.unknown] = gains[:, [self.highest]]
            strengths[:, self.unknown] = 0
        return gains, strengths

    @property
    def _unheard(self) -> np.ndarray:
        """Features of the unknown bands."""
        return np.concatenate([self.unknown, self.unknown, [False, False]])


_NOTHING = features_of_nothing()
