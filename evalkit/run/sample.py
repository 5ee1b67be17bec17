"""A first look at a corpus: a few utterances of every speaker, drawn by chance."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence

from evalkit.core.errors import ConfigError
from evalkit.core.ledger import LeftOut
from evalkit.core.types import Utterance


def drawn(utterances: Sequence[Utterance], per_speaker: int, seed: int, where: str
          ) -> tuple[tuple[Utterance, ...], list[LeftOut]]:
    """At most ``per_speaker`` utterances of each speaker, in their order, and how many others
    ``where`` holds. Which ones follows from ``seed`` and their ids alone, so that a larger number
    holds those of a smaller one, and a new utterance of the corpus takes the place of one at most.
    Raises ConfigError where an utterance has no speaker."""
    of_speaker: defaultdict[str, list[str]] = defaultdict(list)
    for utterance in utterances:
        if utterance.speaker is None:
            raise ConfigError(f"per_speaker: {where}: utterance {utterance.id!r} has no speaker; "
                              "leave per_speaker out, or say who speaks")
        of_speaker[utterance.speaker].append(utterance.id)
    kept = {name for names in of_speaker.values() for name in _first(names, per_speaker, seed)}
    n = len(utterances) - len(kept)
    left_out = [LeftOut("utterance", where, f"not drawn: per_speaker is {per_speaker}", n)]
    return tuple(u for u in utterances if u.id in kept), left_out if n else []


def _first(names: Iterable[str], n: int, seed: int) -> list[str]:
    """``n`` of ``names``, in an order that chance has made of each name alone."""
    return sorted(names, key=lambda name: hashlib.sha256(
        f"{seed}\n{name}".encode("utf-8", "surrogatepass")).digest())[:n]
