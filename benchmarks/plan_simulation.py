"""Does a study of the planned size find the gap as often as was planned? Planted, many times.

    python benchmarks/plan_simulation.py [--repetitions 1000]

Speakers' own rates are log-normal around their group's with the standard deviation that was
planned for (in proportion to the rate), errors Poisson, utterances 3 words to twice their mean
length less 3. A gap is found where the first group's p-value against the others, adjusted for the
number of groups as ``evalkit groups`` does, is below 5 %.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np

from evalkit.statistics.bootstrap import Resampling
from evalkit.statistics.contrasts import against_rest
from evalkit.statistics.planning import Question, Study, study_for
from evalkit.statistics.spread import of_errors
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=1_000)
    options = parser.parse_args()
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
