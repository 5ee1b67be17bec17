"""Where a comparison stands among the releases that are compared with one baseline."""

from __future__ import annotations

from pydantic import Field

from evalkit.core.types import Number
from evalkit.store.documents.base import Part


class Schedule(Part):
    """How the chance ``alpha`` of any false failure is spent over a series without end: the share
    ``first`` at the first release, and half of what is then left in the next ``half``."""

    alpha: float = Field(gt=0, lt=0.5)
    first: float = Field(0.5, gt=0, lt=1)
    half: int = Field(20, ge=1)


class Standing(Part):
    """Of the release number ``look`` against the base that was made at ``baseline``. A gate fails
    where p beyond is at most ``level``, which is twice the chance of a false failure here, since p
    is two-sided. Of that chance ``returned`` came back from the release before. ``spent`` is what
    the releases up to this one have used up and ``left`` the rest of alpha; ``carried`` goes on to
    the next release, since this one failed or was incomplete."""

    look: int = Field(ge=1)
    schedule: Schedule
    baseline: str
    level: Number
    returned: Number
    spent: Number
    left: Number
    carried: Number
