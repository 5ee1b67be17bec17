"""Which files of the user's folders a condition draws for an utterance."""

from __future__ import annotations

from evalkit.conditions.chain import Chain
from evalkit.conditions.impulse_responses import ImpulseResponses
from evalkit.conditions.noise import Noise
from evalkit.core.protocols import Condition
from evalkit.core.types import Utterance


def files_drawn(condition: Condition | None, utterance: Utterance) -> list[str]:
    """The recordings of noise and of impulse responses that ``utterance`` is heard with, each
    relative to the folder of its condition, in the order of the steps."""
    if isinstance(condition, Chain):
        return [file for step in condition.conditions for file in files_drawn(step, utterance)]
    if isinstance(condition, Noise | ImpulseResponses) and condition.folder is not None:
        return [condition.drawn(utterance).relative_to(condition.folder).as_posix()]
    return []
