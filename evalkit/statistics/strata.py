"""Speakers who belong to the same cohorts, and of very many speakers, blocks of them.

A draw or a relabelling costs as much as there are speakers. Of more than MOST it is made of blocks
instead: equally many speakers of a stratum, put together at random, are again a sample of the
stratum, and the sum of a block has the variance of its speakers (the random groups of Wolter 2007,
chapter 2). Blocks of one size change places with one another only, so that a permutation test
stays exact. A small stratum stays as it is, and in every other some speakers stay alone, with whom
its speakers change places.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evalkit.statistics.sums import SpeakerSums

MOST = 3_000
"""Speakers that are drawn one by one; of more, about as many blocks."""
SMALL = 400
"""Speakers of a stratum that stays as it is."""
ALONE, FEWEST_ALONE = 1_000, 60
"""Speakers beside the blocks who stay alone: of all larger strata together, and of each at least.
"""


def speaker_strata(sums: SpeakerSums) -> list[np.ndarray]:
    """Indices of the speakers that belong to exactly the same cohorts, one array a stratum;
    those who are alone in that share one stratum."""
    packed = np.packbits(sums.members, axis=1)
    _, code, size = np.unique(packed, axis=0, return_inverse=True, return_counts=True)
    code = np.where(size[code] == 1, -1, code)
    order = np.argsort(code, kind="stable")
    edges = np.flatnonzero(np.diff(code[order])) + 1
    return [part for part in np.split(order, edges) if len(part)]


def folded(sums: SpeakerSums) -> SpeakerSums:
    """``sums`` of at most MOST speakers as they are; of more, those of blocks of speakers, whose
    ``size`` says how many are in each. The same speakers make the same blocks."""
    n = len(sums.speakers)
    if n <= MOST:
        return sums
    block, size = _blocks(sums, -(-n // MOST))

    def summed(x: np.ndarray) -> np.ndarray:
        flat = x.reshape(n, -1)
        return np.stack([np.bincount(block, column, len(size)) for column in flat.T],
                        axis=1).reshape(len(size), *x.shape[1:])

    return replace(sums, speakers=np.arange(len(size)), size=size, amount=summed(sums.amount),
                   weight=summed(sums.weight))


def _blocks(sums: SpeakerSums, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The block of every speaker (speakers,), and how many each block has, 1 or ``size``."""
    strata, rng = speaker_strata(sums), np.random.default_rng(0)
    alone = max(FEWEST_ALONE, ALONE // len(strata))
    block, n = np.empty(len(sums.speakers), np.intp), 0
    for members in strata:
        large = len(members) > SMALL and (sums.members[members] == sums.members[members[0]]).all()
        together = (len(members) - alone) // size * size if large else 0
        single = len(members) - together
        within = np.concatenate([np.arange(single), single + np.arange(together) // size])
        block[rng.permutation(members)] = n + within
        n += single + together // size
    return block, np.bincount(block, minlength=n)
