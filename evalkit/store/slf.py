"""Writing word lattices in HTK's standard lattice format (SLF; The HTK Book 3.4, chapter 20), as
short as it can be: nodes have times, links have words and scores.

    VERSION=1.0
    N=2 L=1
    I=0 t=0
    I=1 t=.42
    J=0 S=0 E=1 W=turn a=-1.25

evalkit.metrics.slf reads it."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from evalkit.core.files import write
from evalkit.core.lattices import ScoredLink, WordLattice

_PLAIN = re.compile(r"\w[\w'.-]*")
"""Words that need no quotes."""
NO_WORD = "!NULL"


def write_slf(path: Path, lattice: WordLattice) -> None:
    """One file, packed where its name ends with .gz; the same lattice has the same bytes. Raises
    ConfigError where it cannot be written."""
    content = slf(lattice).encode()
    write(path, gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def slf(lattice: WordLattice, decimals: int = 2) -> str:
    """Scores and times with so many ``decimals``."""
    nodes = [f"I={n}" + ("" if time is None else f" t={_short(time, decimals)}")
             for n, time in enumerate(lattice.times)]
    links = [f"J={n} S={link.start} E={link.end} W={_quoted(link.word)}{_scores(link, decimals)}"
             for n, link in enumerate(lattice.links)]
    return "\n".join(["VERSION=1.0", f"N={len(nodes)} L={len(links)}", *nodes, *links, ""])


def _scores(link: ScoredLink, decimals: int) -> str:
    own = f" l={_short(link.language, decimals)}" if link.language else ""
    return f" a={_short(link.score, decimals)}{own}"


def _quoted(word: str | None) -> str:
    if word is None:
        return NO_WORD
    return word if _PLAIN.fullmatch(word) else '"' + re.sub(r'(["\\])', r"\\\1", word) + '"'


def _short(value: float, decimals: int) -> str:
    """0, .42, -1.2, 3: without what says nothing."""
    text = f"{value:.{decimals}f}".rstrip("0").rstrip(".")
    return re.sub(r"^(-?)0\.", r"\1.", text) if text not in ("-0", "") else "0"
