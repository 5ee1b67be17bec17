"""Which sentences a synthetic corpus says, in each of its splits, and which it does not."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from itertools import chain, zip_longest

import numpy as np

from evalkit.core.errors import ConfigError
from evalkit.core.names import offer
from evalkit.corpora.synthesis.config import SynthConfig, read_besides
from evalkit.corpora.synthesis.grammars import GRAMMARS
from evalkit.corpora.synthesis.sentences import Slots, distinct_sentences, plain

LEARNING = frozenset({"train", "dev"})
"""Splits in which no name is held out; in the others, every second is."""
PATIENCE = 100_000
"""Draws for a sentence that is said nowhere, when most sentences are."""


def sentences(config: SynthConfig) -> dict[str, list[str]]:
    """Different sentences for every split, none of a corpus that ``config`` is besides, with their
    names in brackets."""
    grammar = GRAMMARS[config.grammar]
    taken = _said(read_besides(config))
    held_out = {split: n // 2 if grammar.names and split not in LEARNING else 0
                for split, n in config.utterances.items()}
    known = {split: n - held_out[split] for split, n in config.utterances.items()}
    usual = _drawn(grammar.with_names(held_out=False), rng_of(config.seed, "sentences"), known,
                   taken)
    strange = _drawn(grammar.with_names(held_out=True),
                     rng_of(config.seed, "sentences", "held out"), held_out, taken)
    return {split: _in_turn(usual[split], strange[split]) for split in usual}


def other_sentences(config: SynthConfig, count: int, seed: int,
                    besides: Iterable[SynthConfig] = (), reuse: Collection[str] = ()) -> list[str]:
    """``count`` different sentences of the grammar of ``config``, as they are said, without names
    that are held out: for a language model, or another use as text. None is said in any split of
    the corpus, of those that it is besides, or of those ``besides`` and that they are besides,
    but for the splits whose sentences may be had again, ``reuse``. Raises ConfigError where there
    is no such split, or the grammar seems to hold too few."""
    corpora = [config, *besides]
    corpora += chain.from_iterable(map(read_besides, tuple(corpora)))
    splits = {split for each in corpora for split in each.splits}
    if unknown := sorted(set(reuse) - splits):
        raise ConfigError(f"no split {unknown[0]!r} to reuse; {offer(unknown[0], sorted(splits))}")
    taken = _said(corpora, reuse)
    slots = GRAMMARS[config.grammar].with_names(held_out=False)
    return [plain(sentence) for sentence in distinct_sentences(
        slots, rng_of(seed, "other sentences"), count, taken, PATIENCE)]


def _said(corpora: Iterable[SynthConfig], reuse: Collection[str] = ()) -> set[str]:
    """All sentences of the corpora, without those of the splits ``reuse``."""
    return {sentence for config in corpora for split, texts in sentences(config).items()
            if split not in reuse for sentence in texts}


def _drawn(slots: Slots, rng: np.random.Generator, asked: Mapping[str, int],
           taken: Collection[str]) -> dict[str, list[str]]:
    """As many sentences as each split asks for. The first three splits share one draw, and the
    survey draws after them, so that it can be had or not without changing the others."""
    first = {split: n for split, n in asked.items() if split != "survey"}
    shared = rng.permutation(distinct_sentences(slots, rng, sum(first.values()), taken)).tolist()
    drawn = {"survey": distinct_sentences(slots, rng, asked.get("survey", 0), {*shared, *taken})}
    for split, n in first.items():
        drawn[split], shared = shared[:n], shared[n:]
    return drawn


def _in_turn(first: list[str], second: list[str]) -> list[str]:
    """One of the ``first``, one of the ``second``, and so on, until the longer ends."""
    return [each for pair in zip_longest(first, second) for each in pair if each is not None]


def rng_of(seed: int, *names: str) -> np.random.Generator:
    """An independent stream of random numbers for each name under ``seed``."""
    digest = hashlib.sha256("/".join(names).encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])
