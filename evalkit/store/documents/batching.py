"""What batches change: a few utterances given to a pipeline alone, and in a batch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from evalkit.store.documents.base import Part

Count = Annotated[int, Field(ge=0)]


class Recounted(Part):
    """Word errors of one utterance whose reference has ``words``: of what was made of it
    ``alone``, and in a ``batch`` with others."""

    utterance_id: str
    speaker_id: str | None
    words: Count
    alone: Count
    batch: Count


class BatchEffect(Part):
    """``n`` utterances that a pipeline which hears up to ``batch`` at a time was given alone too.
    ``n_failed`` of them have no result in one of the two ways, ``otherwise`` have another
    transcript (None where no batch can change one: there is no recognizer, or it hears one at a
    time). ``counts`` are of those that have a reference and both transcripts; ``distance`` is the
    largest cosine distance of two embeddings of one utterance, None where there are none."""

    pipeline: str
    condition: str
    batch: Annotated[int, Field(ge=1)]
    n: Count
    n_failed: Count
    otherwise: Count | None
    counts: list[Recounted]
    distance: Annotated[float | None, Field(ge=0, le=2, allow_inf_nan=False)]


BatchEffects = Annotated[
    list[BatchEffect], Field(default_factory=list, exclude_if=lambda given: not given)]
"""In no document of a run in which nothing is heard in batches, or that was told not to look."""
