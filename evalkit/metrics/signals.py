"""The signals that a quality metric compares: the output and, for most, the clean recording.

The scores come from the packages that the field uses. What is added here is that a number is
only given where it means something: too short, too long or silent signals, for which the
packages return a plausible constant, NaN or noise, raise UtteranceError instead.
"""

from __future__ import annotations

import numpy as np

from evalkit.core.errors import UtteranceError
from evalkit.core.types import Audio, Output

WITH_REFERENCE = frozenset({"audio", "reference_audio"})


def output_signal(output: Output) -> Audio:
    """The output. Raises UtteranceError of kind NoAudio, EmptyAudio, NotFinite, SilentOutput."""
    if output.audio is None:
        raise UtteranceError("NoAudio", "the pipeline gave no audio")
    _check_signal(output.audio, "output")
    return output.audio


def signal_pair(output: Output) -> tuple[Audio, Audio]:
    """The clean recording and the output, of one rate and length. Raises UtteranceError of a
    kind of ``output_signal``, NoReference, SilentReference, UnequalRate or UnequalLength."""
    clean = output.reference_audio
    if clean is None:
        raise UtteranceError("NoReference", "there is no clean recording to compare with")
    _check_signal(clean, "reference")
    processed = output_signal(output)
    if clean.rate != processed.rate:
        raise UtteranceError("UnequalRate",
                             f"output has {processed.rate} Hz, reference {clean.rate}")
    if len(clean.samples) != len(processed.samples):
        raise UtteranceError("UnequalLength", f"output has {len(processed.samples)} samples, "
                                              f"reference {len(clean.samples)}")
    return clean, processed


def _check_signal(audio: Audio, what: str) -> None:
    if not len(audio.samples):
        raise UtteranceError("EmptyAudio", f"the {what} has no samples")
    lowest, highest = audio.samples.min(), audio.samples.max()  # NaN where one is NaN
    if not np.isfinite([lowest, highest]).all():
        raise UtteranceError("NotFinite", f"the {what} holds NaN or infinite samples")
    if lowest == highest == 0:
        raise UtteranceError(f"Silent{what.capitalize()}", f"every sample of the {what} is 0")


def too_short(audio: Audio, need: str) -> UtteranceError:
    """The error for ``audio`` of less than what ``need`` says."""
    return UtteranceError("TooShort", f"{audio.duration:.2f} s, {need}")
