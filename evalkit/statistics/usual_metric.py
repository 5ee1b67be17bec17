"""The metric that a question about a run is asked of where none is named."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from evalkit.core.types import Fact, by_importance
from evalkit.store.trials import FACTS as TRIAL_FACTS


def additive(facts: Mapping[str, Fact]) -> list[str]:
    """The scores of their own that are sums over utterances and have a better side, the most
    important first: error rates, then the others in the order of the run."""
    return [name for name in by_importance(facts)
            if facts[name].derived is None and name not in TRIAL_FACTS]


def usual_metric(scores: pd.DataFrame, facts: Mapping[str, Fact], pipelines: int = 1
                 ) -> str | None:
    """The most important metric that so many pipelines have a value of, or else rows of; None
    where there is none. ``scores`` are rows of the scores table, ``facts`` those of the run."""
    names = additive(facts)
    for rows in (scores[scores["error"].isna()], scores):
        having = rows.groupby("metric", observed=True)["pipeline"].nunique()
        for name in names:
            if having.get(name, 0) >= pipelines:
                return name
    return None
