"""Speakers who belong to the same cohorts, and of very many speakers, blocks of them.

A draw or a relabelling costs as much as there are speakers. Of more than MOST it is made of blocks
instead: equally many speakers of a stratum, put together at random, are again a sample of the
stratum, and the sum of a block has the variance of its speakers (the random groups of Wolter 2007,
chapter 2). Blocks of one size change places with one another only, so that a permutation test
stays exact. A stratum too small for FEWEST blocks stays as it is, and so do OTHERS times as many
speakers of the others, with whom its own change places.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evalkit.statistics.sums import SpeakerSums

MOST = 9_000
"""Speakers that are drawn one by one; of more, about as many blocks."""
FEWEST, OTHERS = 40, 9


def speaker_strata(sums: SpeakerSums) -> list[np.ndarray]:
    """Indices of the speakers that belong to exactly the same cohorts, one array a stratum;
    those who are alone in that share one stratum."""
    code, size = _alike(np.packbits(sums.members, axis=1))
    code = np.where(size[code] == 1, -1, code)
    order = np.argsort(code, kind="stable")
    edges = np.flatnonzero(np.diff(code[order])) + 1
    return [part for part in np.split(order, edges) if len(part)]


def _alike(packed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of the different rows, sorted, each row of bytes is, and how often each is there."""
    rows, width = packed.shape
    few = width <= 8
    if few:  # as whole numbers they sort alike, and sooner
        whole = np.zeros((rows, 8), np.uint8)
        whole[:, :width] = packed
        packed = whole.view(">u8").astype(np.uint64).ravel()
    _, code, size = np.unique(packed, axis=None if few else 0, return_inverse=True,
                              return_counts=True)
    return code, size


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
    large = [_is_one(sums, members) and len(members) >= FEWEST * size for members in strata]
    few = sum(len(members) for members, is_large in zip(strata, large, strict=True) if not is_large)
    share = min(OTHERS * few / max(len(sums.speakers) - few, 1), 1.0)
    block, n = np.empty(len(sums.speakers), np.intp), 0
    for members, is_large in zip(strata, large, strict=True):
        together = int(len(members) * (1 - share)) // size * size if is_large else 0
        alone = len(members) - together
        within = np.concatenate([np.arange(alone), alone + np.arange(together) // size])
        block[rng.permutation(members)] = n + within
        n += alone + together // size
    return block, np.bincount(block, minlength=n)


def _is_one(sums: SpeakerSums, members: np.ndarray) -> bool:
    """Whether they are in the same cohorts, and not each alone in its own."""
    return bool((sums.members[members] == sums.members[members[0]]).all())
