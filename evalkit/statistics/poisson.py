"""How large is the gap once other things are held equal? Mixed-effects Poisson regression of
error counts (Liu, Veliche & Peng 2022, arXiv 2109.09061).

    errors_ij ~ Poisson(words_ij exp(x_ij' beta + sigma z_i)),   z_i ~ N(0, 1)

for utterance j of speaker i. The likelihood of a speaker depends on beta only through the
speaker's expected errors E_i, so the integral over z_i costs the same for one utterance as for
a thousand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import special

from evalkit.core.errors import ConfigError

NODES = 25
"""Of the adaptive Gauss-Hermite rule (Liu & Pierce 1994)."""


@dataclass(frozen=True)
class FactorTest:
    """Likelihood-ratio test of leaving a factor or covariate out of the model."""

    name: str
    statistic: float
    df: int
    p_value: float


@dataclass(frozen=True)
class RateRatio:
    """By what the error rate is multiplied, all else equal, with its Wald interval."""

    value: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class PoissonFit:
    """Maximum-likelihood estimates.

    ``beta`` (k,) and ``covariance`` (k, k), from the observed information, are named by
    ``names``: "intercept", "factor=level" against the factor's reference level, and covariates
    in their own units. ``sigma`` is the standard deviation of the speakers' effects on the log
    rate. ``excluded`` counts the rows that could not take part, by reason."""

    names: tuple[str, ...]
    beta: np.ndarray
    covariance: np.ndarray
    sigma: float
    log_likelihood: float
    n_rows: int
    n_speakers: int
    excluded: dict[str, int]
    converged: bool

    @property
    def standard_errors(self) -> np.ndarray:
        """Of ``beta``, (k,)."""
        return np.sqrt(np.diag(self.covariance))

    def rate_ratio(self, contrast: np.ndarray, level: float = 0.95) -> RateRatio:
        """exp(contrast' beta); ``contrast`` has the shape (k,)."""
        mean, se = contrast @ self.beta, np.sqrt(contrast @ self.covariance @ contrast)
        reach = -special.ndtri((1 - level) / 2) * se
        value, low, high = (float(np.exp(mean + x)) for x in (0.0, -reach, reach))
        p = float(2 * special.ndtr(-abs(mean) / se)) if se > 0 else np.nan
        return RateRatio(value, low, high, p)

    def against_rest(self, factor: str, share: dict[str, float]) -> dict[str, np.ndarray]:
        """For every level of ``factor`` the contrast of its rate with that of the other levels,
        averaged on the log scale with weights ``share`` (level -> weight)."""
        place = {level: self.names.index(f"{factor}={level}") for level in share
                 if f"{factor}={level}" in self.names}
        return {level: _against_rest(level, share, place, len(self.names)) for level in share}


@dataclass(frozen=True)
class PoissonModel:
    """Rows with the columns ``errors``, ``words`` and ``speaker``, and what explains them:
    categorical ``factors`` and numeric ``covariates``, further columns. A factor's reference
    level is its first in order, or as given in ``reference``."""

    rows: pd.DataFrame
    factors: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    errors: str = "amount"
    words: str = "weight"
    speaker: str = "speaker_id"
    reference: dict[str, str] | None = None

    def fit(self, *, speaker_effects: bool = True) -> PoissonFit:
        """The estimates; without ``speaker_effects`` sigma is held at 0, a plain Poisson
        regression. Raises ConfigError where a column is constant or repeats others."""
        names, design, _ = self._design
        return self._fit(names, design, speaker_effects)

    def test(self, name: str, full: PoissonFit) -> FactorTest:
        """Likelihood-ratio test of the factor or covariate ``name`` in the fit ``full``."""
        names, design, terms = self._design
        keep = [i for i, term in enumerate(terms) if term != name]
        less = self._fit(tuple(names[i] for i in keep), design[:, keep], speaker_effects=True)
        df = len(names) - len(keep)
        statistic = max(2 * (full.log_likelihood - less.log_likelihood), 0.0)
        return FactorTest(name, statistic, df, float(special.chdtrc(df, statistic)))

    @cached_property
    def _kept(self) -> tuple[pd.DataFrame, dict[str, int]]:
        """Rows that can take part, in order of their speakers, and why others cannot."""
        rows = self.rows
        silent = ~(rows[self.words] > 0)
        blank = rows[list(self.covariates)].isna().any(axis=1) & ~silent
        nobody = rows[self.speaker].isna() & ~silent & ~blank
        excluded = {"no reference words": int(silent.sum()),
                    "a covariate is missing": int(blank.sum()),
                    "no speaker": int(nobody.sum())}
        kept = rows[~(silent | blank | nobody)].sort_values(self.speaker, kind="stable")
        if kept.empty:
            raise ConfigError("no rows to fit: every one lacks words, a covariate or a speaker")
        return kept, {reason: n for reason, n in excluded.items() if n}

    @cached_property
    def _design(self) -> tuple[tuple[str, ...], np.ndarray, tuple[str, ...]]:
        """Names of the columns, the columns, and the factor or covariate each belongs to."""
        rows = self._kept[0]
        names, terms, columns = ["intercept"], [""], [np.ones(len(rows))]
        for factor in self.factors:
            labels = rows[factor].astype(str)
            levels = sorted(labels.unique())
            base = (self.reference or {}).get(factor, levels[0])
            for level in (x for x in levels if x != base):
                names.append(f"{factor}={level}")
                terms.append(factor)
                columns.append((labels == level).to_numpy(float))
        for covariate in self.covariates:
            names.append(covariate)
            terms.append(covariate)
            columns.append(rows[covariate].to_numpy(float))
        return tuple(names), np.stack(columns, axis=1), tuple(terms)

    def _fit(self, names: tuple[str, ...], design: np.ndarray, speaker_effects: bool
             ) -> PoissonFit:
        rows, excluded = self._kept
        scaled, back = _standardised(names, design)
        starts = np.flatnonzero(rows[self.speaker].ne(rows[self.speaker].shift()).to_numpy())
        likelihood = _Likelihood(rows[self.errors].to_numpy(float),
                                 np.log(rows[self.words].to_numpy(float)), scaled, starts)
        theta, information, converged = _maximise(likelihood, speaker_effects)
        k = len(names)
        covariance = back @ np.linalg.pinv(information, hermitian=True)[:k, :k] @ back.T
        return PoissonFit(names, back @ theta[:k], covariance, abs(float(theta[k])),
                          likelihood(theta)[0], len(rows), len(starts), excluded, converged)


class _Likelihood:
    """Log-likelihood of (beta, sigma) with gradient and Hessian, all exact derivatives of the
    integral. ``starts`` are the first rows of the speakers."""

    def __init__(self, errors: np.ndarray, offset: np.ndarray, design: np.ndarray,
                 starts: np.ndarray) -> None:
        self.offset, self.design, self.starts = offset, design, starts
        self.errors = np.add.reduceat(errors, starts)
        self.observed = errors @ design
        self.constant = float(errors @ offset - special.gammaln(errors + 1).sum())
        self.crude = float(np.log(max(errors.sum(), 0.5) / np.exp(offset).sum()))
        self.last_theta = np.array([])
        self.last_value = (0.0, np.array([]), np.array([]))

    def __call__(self, theta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        if not np.array_equal(theta, self.last_theta):
            self.last_theta, self.last_value = theta.copy(), self._evaluate(theta)
        return self.last_value

    def _evaluate(self, theta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        beta, sigma = theta[:-1], float(theta[-1])
        expected = np.exp(np.clip(self.offset + self.design @ beta, -700, 300))
        slope = np.add.reduceat(expected[:, None] * self.design, self.starts)
        total = np.add.reduceat(expected, self.starts)
        integral, mean = _posterior(self.errors, total, sigma)
        value = self.constant + self.observed @ beta + integral.sum()

        # Louis (1982): derivatives of the log integral are posterior moments of those of the
        # integrand's logarithm. With b = exp(sigma z), its derivatives are
        #   by E: -b;  by sigma: u = z (Y - E b);  by E and sigma: -z b;  by sigma twice: -E z² b.
        y, e = self.errors[:, None], total[:, None]
        b, u = mean.growth, mean.z * (y - e * mean.growth)
        m_b, m_u = mean(b), mean(u)
        gradient = np.append(self.observed - m_b @ slope, m_u.sum())
        curvature = -(self.design * (expected * np.repeat(m_b, self._sizes))[:, None]).T
        h_bb = curvature @ self.design + (slope * (mean(b * b) - m_b**2)[:, None]).T @ slope
        h_bs = (mean(-mean.z * b) - mean(b * u) + m_b * m_u) @ slope
        h_ss = (mean(-e * mean.z**2 * b) + mean(u * u) - m_u**2).sum()
        return float(value), gradient, np.block([[h_bb, h_bs[:, None]], [h_bs[None, :], h_ss]])

    @property
    def _sizes(self) -> np.ndarray:
        return np.diff(np.append(self.starts, len(self.offset)))


class _Posterior:
    """Quadrature over every speaker's z: nodes (speakers, NODES) and weights that sum to 1."""

    def __init__(self, z: np.ndarray, weight: np.ndarray, sigma: float) -> None:
        self.z, self.weight, self.growth = z, weight, np.exp(sigma * z)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Posterior mean of ``values`` at the nodes, (speakers,)."""
        return (self.weight * values).sum(axis=1)


def _posterior(errors: np.ndarray, expected: np.ndarray, sigma: float
               ) -> tuple[np.ndarray, _Posterior]:
    """log of the integral of exp(Y sigma z - E exp(sigma z)) phi(z) for every speaker, and the
    posterior of z. The mode solves sigma (Y - E exp(sigma z)) = z, which the Wright omega
    function does in closed form."""
    variance = sigma**2
    with np.errstate(divide="ignore"):
        effect = variance * errors - special.wrightomega(
            np.log(variance * expected) + variance * errors)
    mode = sigma * (errors - expected * np.exp(effect))
    scale = 1 / np.sqrt(1 + variance * expected * np.exp(effect))
    node, weight = np.polynomial.hermite.hermgauss(NODES)
    z = mode[:, None] + np.sqrt(2) * scale[:, None] * node
    log = (errors[:, None] * sigma * z - expected[:, None] * np.exp(sigma * z)
           - z**2 / 2 + node**2 + np.log(weight))
    integral = special.logsumexp(log, axis=1)
    share = np.exp(log - integral[:, None])
    return integral + np.log(scale) - np.log(np.pi) / 2, _Posterior(z, share, sigma)


def _maximise(likelihood: _Likelihood, speaker_effects: bool
              ) -> tuple[np.ndarray, np.ndarray, bool]:
    """The estimate, the observed information there, and whether the gradient vanished."""
    from scipy import optimize  # a fifth of a second

    free = np.ones(likelihood.design.shape[1] + 1, bool)
    free[-1] = speaker_effects
    theta = np.zeros(len(free))
    theta[0] = likelihood.crude
    theta[-1] = 0.3 * speaker_effects

    def part(which: int) -> Callable[[np.ndarray], np.ndarray]:
        def negative(inner: np.ndarray) -> np.ndarray:
            full = theta.copy()
            full[free] = inner
            value = -np.asarray(likelihood(full)[which])
            return value[np.ix_(*[free] * value.ndim)] if value.ndim else value
        return negative

    optimum = optimize.minimize(part(0), theta[free], jac=part(1), hess=part(2),
                              method="trust-exact", options={"gtol": 1e-6, "maxiter": 200})
    theta[free] = optimum.x
    _, gradient, hessian = likelihood(theta)
    information = np.zeros_like(hessian)
    information[np.ix_(free, free)] = -hessian[np.ix_(free, free)]
    return theta, information, bool(np.abs(gradient[free]).max() < 1e-3)


def _standardised(names: Sequence[str], design: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Columns of mean 0 and deviation 1 after the intercept, and the matrix that takes their
    coefficients back to the columns' own units."""
    mean, deviation = design[:, 1:].mean(axis=0), design[:, 1:].std(axis=0)
    scaled = design.copy()
    scaled[:, 1:] = (design[:, 1:] - mean) / np.where(deviation > 0, deviation, 1.0)
    r = np.abs(np.diag(np.linalg.qr(scaled, mode="r")))
    if r.min() < 1e-8 * r.max():
        raise ConfigError(f"{names[int(r.argmin())]!r} is constant or follows from the other "
                          "factors and covariates; leave one of them out")
    back = np.diag(np.append(1.0, 1 / deviation))
    back[0, 1:] = -mean / deviation
    return scaled, back


def _against_rest(level: str, share: dict[str, float], place: dict[str, int], k: int
                  ) -> np.ndarray:
    rest = sum(weight for other, weight in share.items() if other != level)
    contrast = np.zeros(k)
    for other, i in place.items():
        contrast[i] = 1.0 if other == level else -share[other] / rest
    return contrast
