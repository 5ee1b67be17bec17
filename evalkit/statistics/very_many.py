"""What is said where speakers are so many that blocks of them are drawn, or fewer relabellings are
made than were asked for."""

from __future__ import annotations

import numpy as np

from evalkit.statistics.bootstrap import DEFAULT, Resampling
from evalkit.statistics.permutation import relabellings
from evalkit.statistics.strata import folded
from evalkit.statistics.sums import SpeakerSums


def how_drawn(sums: SpeakerSums, resampling: Resampling = DEFAULT, *, people: str = "speakers"
              ) -> str | None:
    """How many blocks of the ``people`` of ``sums`` are drawn, and how many relabellings a test of
    two or more cohorts makes; None where everyone is drawn, and relabelled as often as asked."""
    blocks = folded(sums)
    parts = [f"{len(blocks.speakers):,} blocks of {len(sums.speakers):,} {people} are resampled, "
             "not each by itself"] if len(blocks.speakers) < len(sums.speakers) else []
    made = relabellings(int(blocks.members.sum()), resampling.draws)
    if len(sums.cohorts) > 1 and made < resampling.draws:
        parts.append(f"tests make {made:,} relabellings of {people}, not {resampling.draws:,}")
    return "; ".join(parts) or None


def everybody_drawn(n: int, *, people: str = "speakers") -> str | None:
    """That of ``n`` of them in one cohort."""
    ones = np.ones((n, 1, 1))
    return how_drawn(SpeakerSums(np.arange(n), ("all",), ("all",), ones, ones,
                                 np.zeros((3, 1, 1))), people=people)
