"""Lattices as networks of words (evalkit.core.networks): what every format of theirs is read as."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from evalkit.core.lattices import ScoredLink, WordLattice
from evalkit.core.networks import Arc, Network

MOST_ARCS = 1_000_000
_NO_WORD = re.compile(r"<.*>|!NULL|!SENT_(START|END)|!SIL|\[.*\]|\+\+.*\+\+|#\d+|")
"""Beginning, end, silence, noise, and what stands for no word, as recognizers write them."""
_VARIANT = re.compile(r"(?<=.)\(\d+\)")
"""Of a pronunciation, behind its word: read(2)."""


class Link(NamedTuple):
    """From one node to another; None is no word. The scores are natural logarithms, NaN where the
    file has no number."""

    start: str
    end: str
    word: str | None
    acoustic: float = 0.0
    language: float = 0.0


class WordGraph(NamedTuple):
    """What a file says: all that leads from one of ``starts`` to one of ``ends``, of which each has
    an acoustic and a language score; and times of nodes in seconds where it has them."""

    links: Sequence[Link]
    starts: Collection[str]
    ends: Mapping[str, tuple[float, float]]
    times: Mapping[str, float]


def spoken(label: str) -> str | None:
    """The word that a recognizer's label stands for, None where it stands for none."""
    return None if _NO_WORD.fullmatch(label) else _VARIANT.sub("", label)


def word_network(graph: WordGraph) -> Network:
    """The words alone. Raises ValueError as ``_ways`` does."""
    return _network(_ways(graph.links, graph.starts, graph.ends), graph.starts, graph.ends)


def word_lattice(graph: WordGraph) -> WordLattice:
    """The words with their scores; one node before all starts, and one behind all ends. Raises
    ValueError as ``_ways`` and WordLattice do."""
    ways = _ways(graph.links, graph.starts, graph.ends)
    number = {node: n for n, node in enumerate(ways, 1)}
    last = len(number) + 1
    links = [ScoredLink(0, number[node], None, 0.0) for node in ways if node in graph.starts]
    links += [ScoredLink(number[link.start], number[node], link.word, link.acoustic, link.language)
              for node, into in ways.items() for link in into]
    links += [ScoredLink(number[node], last, None, *graph.ends[node])
              for node in ways if node in graph.ends]
    return WordLattice((0.0, *map(graph.times.get, ways), None), tuple(links))


def _ways(links: Sequence[Link], starts: Collection[str], ends: Collection[str]
          ) -> dict[str, Sequence[Link]]:
    """By node, each behind all before it, the links that lead to it on a way from one of ``starts``
    to one of ``ends``. Raises ValueError where there is none, for links that lead in a circle, and
    for more than MOST_ARCS."""
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
    return _in_order({node: [link for link in into.get(node, ()) if link.start in within]
                      for node in sorted(within)})


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
