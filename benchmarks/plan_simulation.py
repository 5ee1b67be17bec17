"""Does a study of the planned size find the gap as often as was planned? Planted, many times.

    python benchmarks/plan_simulation.py [--repetitions 1000]

A change is found where the swaps of ``evalkit compare`` give a p-value below 5 %: two versions
with the noise of gate_simulation.py, planned from defaults (trained again, which they assume, and
decoded again, where speakers vary less) or from two versions of a pilot of 60 speakers.

Speakers' own rates are log-normal around their group's with the standard deviation that was
planned for (in proportion to the rate), errors Poisson, utterances 3 words to twice their mean
length less 3. A gap is found where the first group's p-value against the others, adjusted for the
number of groups as ``evalkit groups`` does, is below 5 %.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
import pandas as pd

from benchmarks.gate_simulation import DECODED_AGAIN, RATE, SIGMA, TRAINED_AGAIN, Noise
from evalkit.statistics.bootstrap import Resampling
from evalkit.statistics.change_planning import (
    ChangeQuestion,
    ChangeStudy,
    spread_of_change,
    study_of_change,
)
from evalkit.statistics.contrasts import against_rest
from evalkit.statistics.paired_permutation import flip_signs, p_values
from evalkit.statistics.planning import Question, Study, study_for
from evalkit.statistics.spread import Spread, measured_spread, of_errors
from evalkit.statistics.sums import SpeakerSums

SCENES = ((0.10, 0.02, 10, 2, 0.5), (0.10, 0.03, 5, 3, 0.5), (0.20, 0.04, 20, 2, 0.25),
          (0.10, 0.05, 5, 3, 0.5), (0.30, -0.10, 10, 2, 0.4))
"""Rate, gap, utterances, groups, and the standard deviation between speakers over the rate."""
WORDS = 10.0


def record(rng: np.random.Generator, study: Study, rate: float, varied: float) -> SpeakerSums:
    """A corpus of the size of ``study`` whose first group has its gap."""
    group = np.repeat(np.arange(study.groups), study.speakers)
    sigma = np.sqrt(np.log(1 + varied**2))
    own = np.where(group == 0, rate + study.gap, rate) * np.exp(
        sigma * rng.standard_normal(len(group)) - sigma**2 / 2)
    words = rng.integers(3, round(2 * WORDS) - 2, (len(group), study.utterances)).sum(axis=1)
    inside = (group[:, None] == np.arange(study.groups))[..., None].astype(float)
    amount, weight = rng.poisson(own * words).astype(float), words.astype(float)
    return SpeakerSums(np.arange(len(group)), tuple(f"g{i}" for i in range(study.groups)),
                       ("asr",), amount[:, None, None] * inside, weight[:, None, None] * inside,
                       np.zeros((3, study.groups, 1)))


def found(study: Study, rate: float, varied: float, seeds: range, draws: int = 999
          ) -> Iterator[bool]:
    """Whether each of many such corpora finds the gap."""
    for seed in seeds:
        sums = record(np.random.default_rng(seed), study, rate, varied)
        yield against_rest(sums, resampling=Resampling(draws, seed))[0].p_adjusted < 0.05


def two_versions(rng: np.random.Generator, study: ChangeStudy, noise: Noise
                 ) -> tuple[np.ndarray, np.ndarray]:
    """Words (speakers, utterances) and by how many errors more the newer version makes of each."""
    shape = study.speakers, study.utterances
    words = rng.integers(3, round(2 * WORDS) - 2, shape)
    errors = RATE * words * np.exp(SIGMA * rng.standard_normal((shape[0], 1)) - SIGMA**2 / 2)
    moved = (1 + study.change / RATE) * np.exp(
        noise.moved * rng.standard_normal((shape[0], 1)) - noise.moved**2 / 2)
    shared = rng.poisson((1 - noise.anew) * errors)
    kept = rng.binomial(shared, np.minimum(moved, 1.0))
    new = noise.anew * moved + (1 - noise.anew) * np.maximum(moved - 1, 0.0)
    return words, kept - shared + rng.poisson(new * errors) - rng.poisson(noise.anew * errors)


def changes_found(study: ChangeStudy, noise: Noise, seeds: range, draws: int = 999
                  ) -> Iterator[bool]:
    """Whether two versions of each of many such corpora differ, tested as gates are."""
    for seed in seeds:
        words, more = two_versions(np.random.default_rng(seed), study, noise)
        flips = flip_signs(more.sum(axis=1)[:, None] / words.sum(), Resampling(draws, seed))
        yield p_values(flips)[0] < 0.05


def of_pilot(rng: np.random.Generator, change: float, noise: Noise, speakers: int = 60) -> Spread:
    """What two versions of a corpus of ten utterances a speaker tell."""
    words, more = two_versions(rng, ChangeStudy(speakers, 10, 1, change), noise)
    owner = np.repeat(np.arange(speakers), 10)
    return measured_spread(pd.DataFrame({
        "utterance_id": np.arange(len(owner)), "speaker_id": owner, "group": "all",
        "amount": more.ravel().astype(float), "weight": words.ravel().astype(float),
        "error": None}), is_count=False)


def show_changes(repetitions: int) -> None:
    for change, noise, utterances in ((0.01, TRAINED_AGAIN, 10), (0.03, TRAINED_AGAIN, 5),
                                      (-0.015, TRAINED_AGAIN, 20), (0.01, DECODED_AGAIN, 10)):
        study = study_of_change(change, utterances,
                                ChangeQuestion(spread_of_change(RATE, change, WORDS)))
        share = np.mean([*changes_found(study, noise, range(repetitions))])
        studies = [study_of_change(change, utterances, ChangeQuestion(
            of_pilot(np.random.default_rng([7, seed]), change, noise)))
            for seed in range(repetitions)]
        pilots = np.mean([next(changes_found(each, noise, range(seed, seed + 1)))
                          for seed, each in enumerate(studies)])
        sizes = np.percentile([each.speakers for each in studies], [10, 50, 90])
        print(f"{100 * change:+g} points on {100 * RATE:g} %, {noise}, {utterances} utterances: "
              f"{study.speakers} speakers find it in {100 * share:.1f} %; planned from a pilot "
              f"{sizes[1]:.0f} ({sizes[0]:.0f} to {sizes[2]:.0f}) in {100 * pilots:.1f} %",
              flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=1_000)
    options = parser.parse_args()
    show_changes(options.repetitions)
    for rate, gap, utterances, groups, varied in SCENES:
        spread = of_errors(rate).told(None, WORDS, varied * rate)
        study = study_for(gap, utterances, Question(spread, groups))
        share = np.mean([*found(study, rate, varied, range(options.repetitions))])
        error = (share * (1 - share) / options.repetitions) ** 0.5
        print(f"{100 * gap:+.0f} points on {100 * rate:.0f} %, {groups} groups, speakers vary by "
              f"{varied:g} of it: {study.speakers} speakers x {utterances} utterances find it in "
              f"{100 * share:.1f} % (s.e. {100 * error:.1f})", flush=True)


if __name__ == "__main__":
    main()
