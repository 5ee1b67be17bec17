"""Utterances as blocks of one speaker in the same groups, and the rows of scores on them.

A run has millions of rows: groups, speakers and blocks are whole numbers for each of them, and
texts only where a block is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from evalkit.store.documents.baseline import Block


class Grouping(NamedTuple):
    """The groups of every utterance, perhaps none or several: a place (n,) in ``groups``."""

    place: np.ndarray
    groups: Sequence[tuple[str, ...]]


def crossed(columns: Sequence[pd.Series]) -> Grouping:
    """Labels (n,) of several columns as one, joined by commas."""
    place = _together([pd.factorize(column)[0] for column in columns])
    first = np.unique(place, return_index=True)[1]
    return Grouping(place, [(", ".join(labels),) for labels in
                            zip(*(column.iloc[first] for column in columns), strict=True)])


def listed(groups: Sequence[tuple[str, ...]]) -> Grouping:
    """The groups of every utterance (n,) as a Grouping."""
    places = {each: i for i, each in enumerate(dict.fromkeys(groups))}
    return Grouping(np.array([places[each] for each in groups], int), list(places))


def blocks_of(utterances: pd.DataFrame, groupings: Sequence[Grouping]) -> list[Block]:
    """The blocks of a run's ``utterances`` (n rows) in ``groupings`` of n, sorted; an utterance
    whose speaker is not known is a block of its own."""
    names = utterances["utterance_id"].to_numpy(object)
    speaker, speakers = pd.factorize(utterances["speaker_id"])
    known = speaker >= 0
    owner = np.where(known, speaker, len(speakers) + np.arange(len(names)))
    block = _together([owner, *(each.place for each in groupings)])
    order = np.argsort(names, kind="stable")
    order = order[np.argsort(block[order], kind="stable")]
    starts = np.flatnonzero(np.diff(block[order], prepend=-1))
    blocks = [Block(speaker=speakers[speaker[at[0]]] if known[at[0]] else None,
                    labels=[list(each.groups[each.place[at[0]]]) for each in groupings],
                    utterances=names[at].tolist())
              for at in np.split(order, starts[1:])]
    return sorted(blocks, key=lambda block: (block.name, block.labels))


def utterances_of(blocks: Sequence[Block]) -> list[str]:
    """All utterances, block by block."""
    return [utterance for block in blocks for utterance in block.utterances]


def block_among(blocks: Sequence[Block], scores: pd.DataFrame) -> np.ndarray:
    """(rows,) which of the ``blocks`` the utterance of every row is in, -1 where in none."""
    block = np.repeat(np.arange(len(blocks), dtype=np.int32),
                      [len(each.utterances) for each in blocks])
    return np.append(block, np.int32(-1))[place_among(utterances_of(blocks), scores)]


def place_among(utterances: Sequence[str], scores: pd.DataFrame) -> np.ndarray:
    """(rows,) where among ``utterances`` that of every row is, -1 where it is not."""
    rows = scores["utterance_id"].astype("category").cat
    names = pd.Index(np.array(utterances, object))
    place = names.get_indexer(rows.categories.astype(object))
    return np.append(place, -1).astype(np.int32)[rows.codes]


def _together(codes: Sequence[np.ndarray]) -> np.ndarray:
    """Codes (n,) that are equal where all ``codes`` are, numbered 0, 1, … as they appear."""
    joint = pd.factorize(codes[0])[0]
    for each in codes[1:]:
        joint = pd.factorize(joint * (int(each.max(initial=0)) + 1) + each)[0]
    return joint
