"""What a trained network says of the frames of one signal."""

from __future__ import annotations

import numpy as np

from evalkit.models.percepnet import targets
from evalkit.models.percepnet.bands import BANDS
from evalkit.models.percepnet.features import SILENCE
from evalkit.models.percepnet.runtime import Runtime


class Advice:
    """An Adviser (see ``path``). The network has learnt nothing of bands above the ``bandwidth``
    of its material: they sound to it as they did then, silent, and get the gain of the highest
    band that it knows, without comb filter."""

    def __init__(self, runtime: Runtime) -> None:
        self.listener = runtime.start()
        self.known = int(targets.within(runtime.bandwidth).sum())

    def __call__(self, heard: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gains and comb strengths, (n, BANDS) each, of frames with the features (n, FEATURES)."""
        heard[:, self.known:BANDS] = SILENCE
        heard[:, BANDS + self.known:2 * BANDS] = 0
        said = self.listener(heard)
        gains, strengths = said[:, :BANDS], said[:, BANDS:]
        highest = max(self.known - 1, 0)
        gains[:, self.known:] = gains[:, highest:highest + 1]
        strengths[:, self.known:] = 0
        return gains, strengths

