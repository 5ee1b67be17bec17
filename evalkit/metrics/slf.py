r"""Lattices in HTK's standard lattice format (SLF), one a file.

    VERSION=1.0
    N=3 L=2                          how many nodes and links
    I=0 t=0.00 W=!NULL               a node; its word, or that of the links that lead to it
    I=1 t=0.21 W=turn
    I=2 t=0.40 W="on"
    J=0 S=0 E=1 a=-210.5 l=-2.3      a link from node S to node E; its acoustic and language scores
    J=1 S=1 E=2

Scores are natural logarithms, or those of the header's base=, and weigh what its acscale= and
lmscale= say; a word adds wdpenalty= to the former.

Words may stand in quotes, and \ stands before what is to be taken as it is (The HTK Book 3.4,
chapter 20).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from evalkit.metrics.word_graphs import Link, WordGraph, spoken

_FIELD = re.compile(r"""([A-Za-z]\w*)=("(?:[^"\\]|\\.)*"(?=\s|$)|'(?:[^'\\]|\\.)*'(?=\s|$)"""
                    r"""|\S*)\s*""")
_ESCAPED = re.compile(r"\\([0-7]{3}|.)")
_SHORT = {"NODES": "N", "LINKS": "L", "START": "S", "END": "E", "WORD": "W", "acoustic": "a",
          "language": "l", "time": "t"}
"""Names of fields that have a long one."""
_BEFORE = " "
"""The name of a node before all others, which no node of a file has."""


@dataclass
class _Read:
    """What the lines so far say."""

    header: dict[str, str] = field(default_factory=dict)
    words: dict[str, str | None] = field(default_factory=dict)
    """By node."""
    links: list[Link] = field(default_factory=list)
    times: dict[str, float] = field(default_factory=dict)

    def take(self, line: str) -> None:
        """Raises ValueError."""
        fields = _fields(line)
        if "SUBLAT" in fields or {"I", "L"} <= fields.keys():
            raise ValueError("a lattice within a lattice, which is not read")
        if "J" in fields:
            self._link(fields)
        elif "I" in fields:
            if fields["I"] in self.words:
                raise ValueError(f"node {fields['I']} comes twice")
            self.words[fields["I"]] = spoken(fields["W"]) if "W" in fields else None
            if "t" in fields:
                self.times[fields["I"]] = _number(fields["t"])
        else:
            self.header |= fields

    def _link(self, fields: dict[str, str]) -> None:
        if "S" not in fields or "E" not in fields:
            raise ValueError("a link without S= or E=, the nodes it leads from and to")
        if unknown := [fields[key] for key in "SE" if fields[key] not in self.words]:
            raise ValueError(f"a link of node {unknown[0]}, which there is not")
        word = spoken(fields["W"]) if "W" in fields else self.words[fields["E"]]
        self.links.append(Link(fields["S"], fields["E"], word, self._score(fields, "a"),
                               self._score(fields, "l")))

    def _score(self, fields: Mapping[str, str], name: str) -> float:
        """Of a link, as a natural logarithm, 0 where it has none."""
        if name not in fields:
            return 0.0
        value = _number(fields[name])
        base = _number(self.header.get("base", str(math.e)))
        if base == 0:  # then scores are no logarithms
            return math.log(value) if value > 0 else math.nan
        return value * math.log(base) if base > 0 else math.nan

    def scale(self, name: str, otherwise: float = 1.0) -> float:
        """What the header says of it."""
        return _number(self.header.get(name, str(otherwise)))


def read_slf(lines: Iterable[str]) -> WordGraph:
    """Raises ValueError naming the first bad line."""
    read = _Read()
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                read.take(line.strip())
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from error
    for key, n, what in (("N", len(read.words), "nodes"), ("L", len(read.links), "links")):
        if read.header.get(key, str(n)) != str(n):
            raise ValueError(f"has {n} {what}, and its header says {read.header[key]}; is it "
                             "cut off?")
    return _graph(read)


def _fields(line: str) -> dict[str, str]:
    """By their short names. Raises ValueError for what is no NAME=VALUE."""
    fields, at = {}, 0
    while at < len(line):
        found = _FIELD.match(line, at)
        if found is None:
            raise ValueError(f"expected NAME=VALUE, found {line[at:at + 30]!r}")
        fields[_SHORT.get(found[1], found[1])] = _plain(found[2])
        at = found.end()
    return fields


def _plain(value: str) -> str:
    """Without quotes and escapes."""
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)) if len(found[1]) == 3 else found[1],
                        value)


def _number(text: str) -> float:
    """NaN for what is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _graph(read: _Read) -> WordGraph:
    """A word that stands at a node is said on the way into it, also at the first."""
    nodes, (entered, left) = read.words.keys(), ({link.end for link in read.links},
                                                 {link.start for link in read.links})
    starts = {read.header["start"]} if "start" in read.header else nodes - entered
    ends = {read.header["end"]} if "end" in read.header else nodes - left
    before = [Link(_BEFORE, node, read.words.get(node)) for node in sorted(starts)]
    scales = read.scale("acscale"), read.scale("lmscale"), read.scale("wdpenalty", 0.0)
    links = [link._replace(acoustic=scales[0] * link.acoustic + scales[2] * (link.word is not None),
                           language=scales[1] * link.language) for link in read.links]
    return WordGraph([*before, *links], {_BEFORE}, dict.fromkeys(ends, (0.0, 0.0)), read.times)
