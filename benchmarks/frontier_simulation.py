"""How often does `evalkit frontier` say that a group pays, or that a pipeline is dominated?

    python benchmarks/frontier_simulation.py [--runs 300] [--out FILE.json]

Runs of 6 groups of 20 speakers, who differ in their own rates (log-normal, 0.5) and in the sizes of
their groups' rates, 10 utterances each of 3 to 20 words; a reference and 4 cheaper pipelines. Of a
cheaper one's errors a part is the reference's and the others are its own, so that pipelines agree
as much as compressed ones do. In "all equal" nobody pays; in "all pay alike" everybody's rate is
4 points higher under each; in "all by one factor" 1.3 times as high, so that those with more errors
pay more points; in "one pays" it is 2 points higher, and 12 for one group under one pipeline.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd

from evalkit.core.types import Fact
from evalkit.statistics import payers
from evalkit.statistics.bootstrap import Resampling
from evalkit.statistics.dominated import dominated
from evalkit.statistics.gains import Rule
from evalkit.statistics.sums import speaker_sums

GROUPS, SPEAKERS, UTTERANCES, CHEAPER = 6, 20, 10, 4
FACT = Fact("%", False, "errors over words", is_count=True)
DRAWS = 2_000
RATES = 0.08 * 1.3 ** np.arange(GROUPS)
KEPT = 0.6
"""Share of the reference's errors that a cheaper pipeline makes too."""
WORLDS = {"all equal": (1.0, 0.0, 0.0), "all pay alike": (1.0, 0.04, 0.04),
          "all by one factor": (1.3, 0.0, 0.0), "one pays": (1.0, 0.02, 0.12)}
"""How many times the rate is as high under cheaper pipelines, and what is added to it, and to that
of the last group under the first of them."""


def world(rng: np.random.Generator, factor: float, more: float, payer: float
          ) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of scores, and utterances with a column ``place``."""
    speaker = np.repeat(np.arange(GROUPS * SPEAKERS), UTTERANCES)
    group = speaker // SPEAKERS
    own = RATES[np.arange(GROUPS * SPEAKERS) // SPEAKERS] * np.exp(
        rng.normal(0, 0.5, GROUPS * SPEAKERS) - 0.125)
    words = rng.integers(3, 21, len(speaker)).astype(float)
    errors = rng.poisson(words * own[speaker])
    people = pd.DataFrame({"utterance_id": [f"u{i:05}" for i in range(len(speaker))],
                           "speaker_id": [f"s{i:03}" for i in speaker],
                           "place": [f"g{i}" for i in group]})
    rows = people[["utterance_id", "speaker_id"]].assign(
        condition="given", metric="wer", weight=words, error=None)
    parts = [rows.assign(pipeline="whole", amount=errors.astype(float))]
    for k in range(CHEAPER):
        added = np.where((group == GROUPS - 1) & (k == 0), payer, more)
        new = rng.poisson(words * (own[speaker] * (factor - KEPT) + added))
        amount = rng.binomial(errors, KEPT) + new
        parts.append(rows.assign(pipeline=f"small {k}", amount=amount.astype(float)))
    return pd.concat(parts, ignore_index=True), people


def asked(rng: np.random.Generator, factor: float, more: float, payer: float) -> dict[str, bool]:
    """What is said of one run."""
    rows, people = world(rng, factor, more, payer)
    rule = Rule(FACT, resampling=Resampling(draws=DRAWS, seed=int(rng.integers(1 << 30))))
    reports = payers.changes_against(rows, "whole", people, [["place"]], rule)
    paid = [(name, row.group) for name, each in reports.items() for report in each
            for row in report.rows if payers.paid_for(row).pays]
    harmed = [row.group for each in reports.values() for report in each
              for row in report.rows if row.effect == "harmed"]
    costs = {"whole": 5.0} | {f"small {k}": 1.0 + k for k in range(CHEAPER)}
    worse = dominated(speaker_sums(rows, system="pipeline"), costs, FACT, rule.resampling)
    right = ("small 0", f"g{GROUPS - 1}")
    return {"a group pays": bool(paid), "a group is harmed": bool(harmed),
            "a pipeline is surely dominated": any(each.sure for each in worse.values()),
            "the payer is found": right in paid, "another pays": bool({*paid} - {right})}


def main() -> None:
    """Prints, and keeps, the share of runs in which each is said."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found = {}
    for name, planted in WORLDS.items():
        begun = time.process_time()
        said = pd.DataFrame([asked(np.random.default_rng([seed, len(found)]), *planted)
                             for seed in range(options.runs)])
        found[name] = {what: float(share) for what, share in said.mean().items()}
        print(name, {what: f"{share:.1%}" for what, share in found[name].items()},
              f"{(time.process_time() - begun) / options.runs:.2f} s a run", flush=True)
    if options.out:
        options.out.write_text(json.dumps({"runs": options.runs, "said": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
