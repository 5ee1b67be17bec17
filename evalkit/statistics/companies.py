"""Which sessions depend on each other, since they share speakers: they are drawn together."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from evalkit.core.text import count

FEWEST = 5
"""Companies; of fewer an interval would say next to nothing."""


def companies(speakers: pd.DataFrame) -> tuple[pd.Series, list[str]]:
    """By ``session`` the company that it is drawn with, for rows of ``session`` and ``speaker``,
    and what is to be known of that.

    Sessions that share a speaker are of one company, and so are those that are connected by others.
    Where that makes fewer than FEWEST companies of more sessions, each session is drawn alone, and
    a note says that intervals are of other sessions of the same speakers."""
    session, names = pd.factorize(speakers["session"])
    speaker, _ = pd.factorize(speakers["speaker"])
    n, m = len(names), int(speaker.max(initial=-1)) + 1
    links = coo_array((np.ones(len(session)), (session, n + speaker)), shape=(n + m, n + m))
    found, company = connected_components(links, directed=False)
    if found >= FEWEST or found == n:
        return pd.Series(company[:n], index=names).map("company {}".format), []
    return pd.Series(names, index=names).map("session {}".format), [
        f"{count(n, 'session')} share speakers and make {count(found, 'company', 'companies')} "
        "that share none: intervals of sessions are of further sessions of these same speakers, "
        "and too narrow for others"]
