"""Two versions of a system on made-up speakers, as the tests of comparisons need them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evalkit.compare.baseline import Candidate
from evalkit.core.types import Derived, Fact
from evalkit.store.documents.baseline import Baseline, Block, Cell, Facts

FACTS = Facts(created="2026", evalkit="0", command="score",
              normaliser={"name": "basic", "version": "1"}, alignment_costs="levenshtein",
              corpus={"name": "c", "digest": "d"}, resampler="", conditions={"given": "unchanged"},
              pipelines={"asr": {"recognizer": {"name": "x", "identity": "x"}}},
              trials=None, metrics={
                  "wer": Fact("%", False, "word errors"), "pesq_wb": Fact("MOS", True, "quality"),
                  "level": Fact("dB", None, "loudness"),
                  "wip": Fact("%", True, "", derived=Derived(
                      "product", ("wer.hits", "wer.precision")))})


def cell(metric: str, amount: np.ndarray, weight: np.ndarray, **other: object) -> Cell:
    return Cell.model_validate({
        "pipeline": "asr", "condition": "given", "metric": metric, "amount": amount.tolist(),
        "weight": weight.tolist(), "n": [10] * len(amount), "failed": [], **other})


def planted(seed: int = 0, sizes: Sequence[int] = (20, 20, 20), worse: Sequence[float] = (1, 1, 1),
            metric: str = "wer") -> tuple[Baseline, Candidate]:
    """Groups "g0", "g1" … of a column "place"; the candidate's amounts are ``worse`` times those
    of the base, give or take noise. The base's rates rise from group to group."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(len(sizes)), sizes)
    weight = rng.integers(50, 200, len(group)).astype(float)
    shared = rng.poisson(0.1 * (1 + group) * weight)
    before, after = shared + rng.poisson(0.02 * weight), shared + rng.poisson(0.02 * weight)
    after = np.round(after * np.array(worse, float)[group])
    blocks = [Block(speaker=f"s{i:03}", labels=[[f"g{group[i]}"]],
                    utterances=[f"u{i:03}-{k}" for k in range(10)]) for i in range(len(group))]
    base = Baseline(name="base", facts=FACTS, columns=["place"], blocks=blocks, trials=[],
                    scores=[cell(metric, before, weight)])
    return base, Candidate("candidate", FACTS, frozenset(base.block_of),
                           [cell(metric, after, weight)], [])


def other_way_round(base: Baseline, candidate: Candidate) -> tuple[Baseline, Candidate]:
    return (base.model_copy(update={"scores": candidate.scores, "name": candidate.name}),
            candidate._replace(scores=base.scores, name=base.name))
