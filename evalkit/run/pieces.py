"""The corpus in pieces of consecutive utterances, of each of which every cell makes a shard."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from evalkit.core.config import EvalConfig
from evalkit.core.types import Utterance
from evalkit.run.batches import spread
from evalkit.run.prints import Printed, Prints

SORTED = 4
"""Batches that a shard has about by default: they are formed of its utterances by length."""


@dataclass(frozen=True)
class Piece:
    """Consecutive utterances, from the run's number ``first`` on, and what is known of them."""

    first: int
    utterances: tuple[Utterance, ...]
    prints: Printed


NOBODY = Piece(0, (), Printed())
Mine = Callable[[int], bool]
"""Whether a share of a run has the corpus's piece of a number, from 0 on."""


class Chosen(NamedTuple):
    """What of the corpus goes through the cells: so many of ``all`` pieces, and the places of the
    utterances that are given alone too."""

    pieces: Sequence[slice]
    all: int
    few: Sequence[int]

    def of(self, utterances: tuple[Utterance, ...]) -> Iterator[Utterance]:
        """All utterances of these, in no order."""
        yield from (u for piece in self.pieces for u in utterances[piece])
        yield from (utterances[i] for i in self.few)

    def printed(self, utterances: tuple[Utterance, ...], prints: Prints) -> Iterator[Piece]:
        """The pieces, with what is known of each."""
        for place in self.pieces:
            part = utterances[place]
            yield Piece(place.start, part, prints.of(part))


def choose(config: EvalConfig, batch: int, utterances: Sequence[Utterance], mine: Mine | None
           ) -> Chosen:
    """The pieces of the corpus that are ``mine``. Utterances that are given alone go with the
    first."""
    pieces = [slice(first, first + config.shard_size)
              for first in range(0, len(utterances), config.shard_size)
              ] if config.shard_size else _even(len(utterances), batch)
    few = config.batch_check if batch > 1 and (mine is None or mine(0)) else 0
    return Chosen([piece for turn, piece in enumerate(pieces) if mine is None or mine(turn)],
                  len(pieces), spread(utterances, few, config.seed) if few else ())


def _even(n: int, batch: int) -> list[slice]:
    """``n`` utterances in pieces as alike as they can be, so that no worker has one more to do
    than another: sixteen of them, of four times ``batch`` at least, so that what is heard together
    is of about one length, and of 8 to 512 utterances, or one batch. All batches but the last are
    full."""
    size = max(batch, min(512, max(8, -(-n // 16), SORTED * batch if batch > 1 else 0)))
    batches = -(-n // batch)
    pieces = -(-batches // (size // batch))

    def begin(i: int) -> int:
        return min(n, batch * (batches * i // pieces))

    return [slice(begin(i), begin(i + 1)) for i in range(pieces)]
