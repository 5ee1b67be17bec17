"""Mixed-effects Poisson regression against lme4, statsmodels and planted truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from rapidfuzz.distance import Levenshtein
from scipy import integrate, optimize, stats

from evalkit.core.errors import ConfigError
from evalkit.statistics.adjusted import (
    WORDS,
    adjusted_gaps,
    default_covariates,
    not_adjusted,
)
from evalkit.statistics.poisson import PoissonModel, _Likelihood
from tests.worlds import plant

LME4 = {
    "nemo": (0.442947, -0.763277, 0.055358, 0.030487, 0.361328, 3.28454),
    "whisper_medium": (0.273173, -1.247561, -0.021559, 0.039555, 0.510777, 0.29769),
    "whisper_small": (0.342553, -1.070090, 0.042694, 0.035180, 0.482061, 1.46966),
}


@pytest.mark.real
@pytest.mark.parametrize("system", LME4)
def test_equal_to_lme4(real_data, system):
    """glmer(e ~ gender + offset(log(n)) + (1 | user_ids), poisson, nAGQ = 15)."""
    path, = (real_data / "asr_results" / "afrispeech_dev").glob(f"*{system}*.csv")
    table = pd.read_csv(path, keep_default_na=False)
    pairs = [(r.split(), h.split())
             for r, h in zip(table["reference"], table["prediction"], strict=True)]
    table["amount"] = [Levenshtein.distance(r, h) for r, h in pairs]
    table["weight"] = [len(r) for r, _ in pairs]
    wer, intercept, male, se, sigma, statistic = LME4[system]
    assert table["amount"].sum() / table["weight"].sum() == pytest.approx(wer, abs=1e-6)
    model = PoissonModel(table[table["gender"].isin(["Female", "Male"])], ("gender",),
                         speaker="user_ids")
    fit = model.fit()
    assert (fit.n_rows, fit.n_speakers, fit.converged) == (2862, 241, True)
    assert fit.names == ("intercept", "gender=Male")
    assert fit.beta == pytest.approx([intercept, male], abs=1e-4)
    assert fit.standard_errors[1] == pytest.approx(se, abs=1e-4)
    assert fit.sigma == pytest.approx(sigma, abs=1e-4)
    test = model.test("gender", fit)
    assert (test.statistic, test.df) == (pytest.approx(statistic, abs=1e-3), 1)


def explained(rng, n_speakers=150, sigma=0.4):
    table = plant(rng, n_speakers, sigma=sigma)
    number = table["speaker_id"].str[1:].astype(int)
    table["accent"] = number.map(lambda i: "abc"[i % 3])
    table["snr"] = rng.normal(10, 5, len(table))
    planted = np.exp(0.5 * (table["accent"] == "b") - 0.05 * table["snr"])
    table["amount"] = rng.poisson(table["amount"] * planted).astype(float)
    return table


def test_without_speaker_effects_it_is_statsmodels_poisson():
    table = explained(np.random.default_rng(0))
    fit = PoissonModel(table, ("accent",), ("snr",)).fit(speaker_effects=False)
    design = pd.DataFrame({"one": 1.0, "b": table["accent"] == "b", "c": table["accent"] == "c",
                           "snr": table["snr"]}).astype(float)
    theirs = sm.GLM(table["amount"], design, sm.families.Poisson(),
                    offset=np.log(table["weight"])).fit()
    assert fit.beta == pytest.approx(theirs.params.to_numpy(), abs=1e-6)
    assert fit.standard_errors == pytest.approx(theirs.bse.to_numpy(), rel=1e-5)
    assert fit.log_likelihood == pytest.approx(theirs.llf, abs=1e-6)
    assert fit.sigma == 0


def test_sigma_is_zero_where_speakers_are_alike():
    table = plant(np.random.default_rng(3), 60, sigma=0.0)
    table["amount"] = np.round(table["weight"] * 0.15)  # less variation than Poisson's
    model = PoissonModel(table)
    fit, plain = model.fit(), model.fit(speaker_effects=False)
    assert fit.sigma == pytest.approx(0, abs=1e-3)
    assert fit.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-5)
    assert fit.converged


@pytest.fixture
def likelihood():
    rng = np.random.default_rng(6)
    table = explained(rng, 12).sort_values("speaker_id", kind="stable")
    starts = np.flatnonzero(table["speaker_id"].ne(table["speaker_id"].shift()).to_numpy())
    design = np.stack([np.ones(len(table)), rng.normal(size=len(table))], axis=1)
    arguments = (table["amount"].to_numpy(), np.log(table["weight"].to_numpy()), design, starts)
    return _Likelihood(*arguments), arguments


THETA = np.array([-1.8, 0.2, 0.6])


def test_likelihood_is_the_integral(likelihood):
    function, (errors, offset, design, starts) = likelihood
    mean = np.exp(offset + design @ THETA[:2])
    total = 0.0
    for rows in np.split(np.arange(len(errors)), starts[1:]):
        def integrand(z, rows=rows):
            return np.exp(stats.poisson.logpmf(errors[rows], mean[rows] * np.exp(
                THETA[2] * z)).sum()) * stats.norm.pdf(z)
        total += np.log(integrate.quad(integrand, -8, 8, epsabs=0, epsrel=1e-11, limit=200)[0])
    assert function(THETA)[0] == pytest.approx(total, abs=1e-7)


def test_derivatives_are_those_of_the_likelihood(likelihood):
    function, _ = likelihood
    gradient = optimize.approx_fprime(THETA, lambda t: function(t)[0], 1e-6)
    assert function(THETA)[1] == pytest.approx(gradient, rel=1e-4, abs=1e-3)
    hessian = optimize.approx_fprime(THETA, lambda t: function(t)[1], 1e-6)
    assert function(THETA)[2] == pytest.approx(hessian, rel=1e-4, abs=1e-3)


def test_planted_truth_is_within_its_interval():
    """95 % of 60 intervals, give or take: three or more standard errors off would fail."""
    hits = []
    for seed in range(60):
        table = explained(np.random.default_rng(seed), 60)
        fit = PoissonModel(table, ("accent",), ("snr",)).fit()
        for name, truth in (("accent=b", 0.5), ("accent=c", 0.0), ("snr", -0.05)):
            ratio = fit.rate_ratio(np.array([float(n == name) for n in fit.names]))
            hits.append(ratio.low <= np.exp(truth) <= ratio.high)
    assert np.mean(hits) == pytest.approx(0.95, abs=0.055)


def test_units_of_covariates_do_not_matter():
    table = explained(np.random.default_rng(1), 40)
    a = PoissonModel(table, ("accent",), ("snr",)).fit()
    b = PoissonModel(table.assign(snr=1e4 + 1e3 * table["snr"]), ("accent",), ("snr",)).fit()
    assert b.beta[-1] * 1e3 == pytest.approx(a.beta[-1], rel=1e-5)
    assert b.standard_errors[1:-1] == pytest.approx(a.standard_errors[1:-1], rel=1e-5)
    assert b.log_likelihood == pytest.approx(a.log_likelihood)


def test_rows_that_cannot_take_part_are_counted():
    table = explained(np.random.default_rng(1), 40)
    table.loc[[0, 1], "weight"] = 0.0
    table.loc[[1, 2, 3], "snr"] = np.nan
    table.loc[4, "speaker_id"] = None
    fit = PoissonModel(table, covariates=("snr",)).fit()
    assert fit.excluded == {"no reference words": 2, "a covariate is missing": 2, "no speaker": 1}
    assert fit.n_rows == len(table) - 5
    with pytest.raises(ConfigError, match="no rows to fit"):
        PoissonModel(table.assign(weight=0.0)).fit()


def test_a_covariate_that_says_nothing_new_is_refused():
    table = explained(np.random.default_rng(1), 20).assign(twice=lambda t: 2 * t["snr"], one=1.0)
    for covariates in (("snr", "twice"), ("one",)):
        with pytest.raises(ConfigError, match="constant or follows from"):
            PoissonModel(table, covariates=covariates).fit()


def test_reference_level_and_contrast_with_the_rest():
    table = explained(np.random.default_rng(2))
    first = PoissonModel(table, ("accent",)).fit()
    second = PoissonModel(table, ("accent",), reference={"accent": "b"}).fit()
    share = {"a": 1.0, "b": 2.0, "c": 3.0}
    for level, contrast in first.against_rest("accent", share).items():
        other = second.against_rest("accent", share)[level]
        assert first.rate_ratio(contrast).low == pytest.approx(second.rate_ratio(other).low,
                                                               rel=1e-4)
    a, b, c = 0.0, *first.beta[1:]
    assert first.against_rest("accent", share)["b"] @ first.beta == pytest.approx(
        b - (a + 3 * c) / 4)


def test_adjusted_gaps_take_away_what_a_covariate_explains():
    """Group b speaks in more noise, and is otherwise no worse."""
    rng = np.random.default_rng(7)
    table = plant(rng, 120, sigma=0.3).assign(group=lambda t: np.where(
        t["speaker_id"] < "s0060", "a", "b"))
    table["snr"] = rng.normal(np.where(table["group"] == "a", 15, 5), 4)
    table["amount"] = rng.poisson(0.15 * table["weight"] * np.exp(-0.1 * (table["snr"] - 10)))
    table["room"] = rng.choice(["hall", None], len(table))
    raw = adjusted_gaps(table, ())
    held = adjusted_gaps(table, ("snr", "room", WORDS))
    assert raw.ratios["b"].low > 2
    assert held.ratios["b"].low < 1 < held.ratios["b"].high
    assert raw.test.p_value < 1e-6
    assert held.test.p_value > 0.01
    assert held.ratios["a"].value == pytest.approx(1 / held.ratios["b"].value)
    assert default_covariates(table.assign(condition=table["room"].fillna("")[::-1].to_numpy(),
                                           duration=table["snr"])) == (
                                               "condition", "duration", WORDS)
    assert default_covariates(table) == (WORDS,)
    with pytest.raises(ConfigError, match="fewer than two groups"):
        adjusted_gaps(table[table["group"] == "a"], ())


def test_what_is_in_no_adjusted_ratio_is_named() -> None:
    rng = np.random.default_rng(7)
    table = plant(rng, 30, sigma=0.3)
    table["group"] = table["speaker_id"].map(lambda name: "abc"[int(name[1:]) % 3])
    table.loc[table["group"] == "c", "amount"] = 0
    table.loc[table.index[table["group"] == "a"][:2], "weight"] = 0
    adjusted = adjusted_gaps(table, ())
    assert adjusted.ratios.keys() == {"a", "b"}
    assert [str(item) for item in not_adjusted(adjusted, ["a", "b", "c"], "here")] == [
        "here: 1 group left out: no errors: no adjusted ratio (c)",
        "here: 2 rows left out: no reference words: not in the adjusted ratios"]
