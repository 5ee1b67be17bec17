"""Gaps between groups with other things held equal: rate ratios for a table of groups."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from evalkit.core.errors import ConfigError
from evalkit.core.ledger import LeftOut
from evalkit.statistics.bootstrap import one_thread
from evalkit.statistics.labels import labels_of
from evalkit.statistics.poisson import FactorTest, PoissonModel, RateRatio
from evalkit.store.scores import owners

WORDS = "log reference words"


@dataclass(frozen=True)
class Adjusted:
    """What was held equal; the likelihood-ratio test that the groups do not differ; the ratio
    of every group's error rate to that of the other groups, their rates averaged on the log
    scale by words; the standard deviation of speakers' effects on the log rate; rows that took
    part and, by reason, those that could not."""

    covariates: tuple[str, ...]
    test: FactorTest
    ratios: dict[str, RateRatio]
    sigma: float
    n_rows: int
    excluded: dict[str, int]
    converged: bool


def default_covariates(rows: pd.DataFrame) -> tuple[str, ...]:
    """Of the number of reference words, the ``condition`` and the ``duration`` those that are
    known and vary."""
    varying = [name for name in ("condition", "duration")
             if name in rows and rows[name].nunique() > 1 and rows[name].notna().all()]
    return (*varying, WORDS) if rows["weight"].nunique() > 1 else tuple(varying)


def not_adjusted(adjusted: Adjusted, compared: Collection[str], where: str) -> Iterator[LeftOut]:
    """The groups and rows that are ``compared`` and not in the regression."""
    for group in sorted(set(compared) - adjusted.ratios.keys()):
        yield LeftOut("group", where, "no errors: no adjusted ratio", names=(group,))
    for why, n in adjusted.excluded.items():
        yield LeftOut("row", where, f"{why}: not in the adjusted ratios", n)


def adjusted_gaps(rows: pd.DataFrame, covariates: Sequence[str], level: float = 0.95) -> Adjusted:
    """Fits evalkit.statistics.poisson to ``rows``: the scores table's columns, ``group``, and
    the covariates, numeric or categorical (WORDS is made here). Utterances without a speaker
    are speakers of their own. Raises ConfigError where fewer than two groups have errors, or a
    covariate is constant or follows from others."""
    rows = rows[rows["error"].isna()]
    errors = rows.groupby("group")["amount"].sum()
    rows = rows[rows["group"].isin(errors.index[errors > 0])]
    if rows["group"].nunique() < 2:
        raise ConfigError("fewer than two groups that can be compared have errors")
    words = rows["weight"]
    rows = rows.assign(**{WORDS: np.log(words.where(words > 0)),
                          "speaker_id": owners(rows)})
    numeric = [name for name in covariates
               if is_numeric_dtype(rows[name]) and not is_bool_dtype(rows[name])]
    factors = [name for name in covariates if name not in numeric]
    rows = rows.assign(**{name: labels_of(rows[name]) for name in factors})
    model = PoissonModel(rows, ("group", *factors), tuple(numeric))
    with one_thread():
        fit = model.fit()
        test = model.test("group", fit)
    share = {str(group): float(n) for group, n in words.groupby(rows["group"]).sum().items()}
    ratios = {group: fit.rate_ratio(contrast, level)
              for group, contrast in fit.against_rest("group", share).items()}
    return Adjusted(tuple(covariates), test, ratios, fit.sigma, fit.n_rows,
                    fit.excluded, fit.converged)
