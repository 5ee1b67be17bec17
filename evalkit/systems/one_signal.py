"""What a network of somebody's made, as the audio that it should be."""

from __future__ import annotations

import numpy as np

from evalkit.audio import fit
from evalkit.core.errors import UtteranceError
from evalkit.core.types import Audio


def one_signal(made: np.ndarray, speech: Audio, delay: float) -> Audio:
    """The only signal in ``made``, cut or padded with zeros at its end to the length of
    ``speech`` and ``delay`` seconds. Raises UtteranceError of kind WrongShape where there are
    several."""
    if made.size != max(made.shape, default=1):
        raise UtteranceError("WrongShape", f"it gave an array of the shape {made.shape}, which is "
                                           "no single waveform")
    length = len(speech.samples) + round(delay * speech.rate)
    return Audio(fit(made.reshape(-1), length), speech.rate)
