"""Lattices as networks of words (evalkit.core.networks): what every format of theirs is read as."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from evalkit.core.networks import Arc, Network

MOST_ARCS = 1_000_000
_NO_WORD = re.compile(r"<.*>|!NULL|!SENT_(START|END)|!SIL|\[.*\]|\+\+.*\+\+|#\d+|")
"""Beginning, end, silence, noise, and what stands for no word, as recognizers write them."""
_VARIANT = re.compile(r"(?<=.)\(\d+\)")
"""Of a pronunciation, behind its word: read(2)."""


class Link(NamedTuple):
    """From one node to another; None is no word."""

    start: str
    end: str
    word: str | None


def spoken(label: str) -> str | None:
    """The word that a recognizer's label stands for, None where it stands for none."""
    return None if _NO_WORD.fullmatch(label) else _VARIANT.sub("", label)


def word_graph(links: Sequence[Link], starts: Collection[str], ends: Collection[str]) -> Network:
    """All that leads from one of ``starts`` to one of ``ends``. Raises ValueError where nothing
    does, for links that lead in a circle, and for more than MOST_ARCS."""
    if len(links) > MOST_ARCS:
        raise ValueError(f"has {len(links):,} links; at most {MOST_ARCS:,} are read")
    into: dict[str, list[Link]] = defaultdict(list)
    out: dict[str, list[Link]] = defaultdict(list)
    for link in links:
        into[link.end].append(link)
        out[link.start].append(link)
    within = (_reached(starts, lambda node: [link.end for link in out.get(node, ())])
              & _reached(ends, lambda node: [link.start for link in into.get(node, ())]))
    if not within:
        raise ValueError("has no way from its beginning to its end")
    order = _in_order({node: [link for link in into.get(node, ()) if link.start in within]
                       for node in sorted(within)})
    return _network(order, starts, ends)


def _reached(nodes: Iterable[str], beside: Callable[[str], Iterable[str]]) -> set[str]:
    """``nodes``, and all that can be reached from them."""
    reached, to_do = set(nodes), list(nodes)
    while to_do:
        further = set(beside(to_do.pop())) - reached
        reached |= further
        to_do += sorted(further)
    return reached


def _in_order(into: Mapping[str, Sequence[Link]]) -> dict[str, Sequence[Link]]:
    """The nodes, each behind all those that lead to it."""
    sorter = TopologicalSorter({node: [link.start for link in links]
                                for node, links in into.items()})
    try:
        return {node: into[node] for node in sorter.static_order()}
    except CycleError as error:
        circle = " -> ".join(map(str, error.args[1][:5]))
        raise ValueError(f"its links lead in a circle: {circle[:100]}") from error


def _network(into: Mapping[str, Sequence[Link]], starts: Collection[str], ends: Collection[str]
             ) -> Network:
    """One node before all starts, and one behind all ends."""
    number = {node: n for n, node in enumerate(into, 1)}
    arcs: list[tuple[Arc, ...]] = [()]
    for node, links in into.items():
        begin: list[Arc] = [(0, None)] if node in starts else []
        arcs.append((*begin, *((number[link.start], link.word) for link in links)))
    arcs.append(tuple((number[node], None) for node in number if node in ends))
    return Network(tuple(arcs))


def in_tokens(words: Network, tokens: Callable[[str], Sequence[Sequence[str]]]) -> Network:
    """``words`` with ``tokens`` in the place of each: of one text or several that it may be, each
    of no token or more."""
    known = {word: tokens(word) for into in words.arcs for _, word in into if word}
    arcs: list[tuple[Arc, ...]] = []
    number: list[int] = []
    """Of each node of ``words``, the node that it has become."""
    for into in words.arcs:
        found: dict[Arc, None] = {}
        for start, text in ((start, text) for start, word in into
                            for text in known.get(word or "", [()])):
            *first, last = text or (None,)
            node = number[start]
            for token in first:
                arcs.append(((node, token),))
                node = len(arcs) - 1
            found[node, last] = None
        arcs.append(tuple(found))
        number.append(len(arcs) - 1)
    return Network(tuple(arcs))
