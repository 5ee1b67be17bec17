"""Adversarial reweighting against plain training (protocol: benchmarks/reweighting.md).

    python -m benchmarks.reweighting speakers MANIFEST --out FOLDER [--seeds 20] [--first 0]
        [--embeddings FILE] [--age 18] [--arms plain arw_pw ...]
    python -m benchmarks.reweighting planted [--draws 12] [--first 0] [--sizes 20 80]
        [--utterances 8] [--dev 40] [--test 100] [--tested 8] [--steps 200]

``speakers`` repeats a five-fold cross-validation over the speakers of MANIFEST, whose column age
tells children from adults, with one seed after the other; ``--embeddings`` are those of another
experiment (embeddings.parquet) or an npz file of ids and embeddings. ``planted`` draws synthetic
embeddings in which a small group varies in directions of its own (tests/mitigation/verification);
the rates of every draw go to standard error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from evalkit.core.config import Plugin
from evalkit.mitigation.verification.arm_training import make_arm
from evalkit.mitigation.verification.data import EncoderData, embedded
from evalkit.mitigation.verification.evaluation import EvaluatedArm, evaluate
from evalkit.mitigation.verification.splits import (
    Split,
    cross_validation,
    draw_trials,
    scored_trials,
)
from evalkit.models.tensors import threads
from evalkit.run.runner import Work
from evalkit.statistics.bootstrap import Resampling
from evalkit.training.speaker_embeddings import EmbeddingModel, identity_head
from evalkit.training.verification import LearningConfig, SpeakerInputs, embed, fit
from evalkit.training.weightings import EvenWeights, Weighting
from tests.mitigation.verification.planted_voices import DIMENSION, Planted, planted
from tests.training.test_weightings import errors

BEFORE = LearningConfig(steps=300, anchor=0.03, look=25)
"""The learning of evalkit until this comparison."""
ARTICLES = {"strength": 1.0, "targets": True}
ARMS: Mapping[str, tuple[Plugin, LearningConfig]] = {
    "plain": (Plugin(name="plain"), LearningConfig()),
    "arw_pw": (Plugin(name="arw_pw"), LearningConfig()),
    "plain before": (Plugin(name="plain"), BEFORE),
    "arw_pw before": (Plugin(name="arw_pw", options=ARTICLES), BEFORE),
    "children twice": (Plugin(name="children"), LearningConfig()),
    "arw_pw of the articles": (Plugin(name="arw_pw", options=ARTICLES), LearningConfig())}
"""By name: the arm with its options, and how it learns."""
ADVERSARY = {"regions": 4, "learning_rate": 0.02}
PLANTED_ARMS: Mapping[str, Plugin] = {
    "plain": Plugin(name="plain"), "arw_pw": Plugin(name="arw_pw", options=ADVERSARY),
    "arw_pw of the articles": Plugin(name="arw_pw", options=ARTICLES | ADVERSARY)}
"""By name: the arms that learn in a planted world."""
FOLDS, TESTED = 5, 10
"""Folds, and the utterances of a speaker that trials are made of."""
MEASURES = ("overall", "age=adult", "age=child", "gap", "ratio")


def read(options: argparse.Namespace) -> EncoderData:
    """The utterances with their embeddings; the column age is child or adult."""
    encoder = (Plugin(name="precomputed", options={"path": str(options.embeddings)})
               if options.embeddings else Plugin(name="resemblyzer"))
    data = embedded(options.manifest, encoder, options.out / "embeddings", Work(0), print)
    young = data.table["age"].astype(float) < options.age
    return replace(data, table=data.table.assign(age=np.where(young, "child", "adult")))


def tested(data: EncoderData, splits: Sequence[Split]) -> list[Split]:
    """``splits`` with the first TESTED utterances of every speaker of test."""
    first = data.table.groupby("speaker_id").head(TESTED).index
    return [replace(split, test=np.intersect1d(split.test, first)) for split in splits]


class ChildrenTwice(EvenWeights):
    """An oracle: pairs of two speakers weigh more by the children in them."""

    targets = False

    def __init__(self, labels: Sequence[str]) -> None:
        self.each = torch.where(torch.as_tensor(np.asarray(labels) == "child"), 2.0, 1.0)

    def samples(self, rows: Tensor, embeddings: Tensor) -> Tensor:
        return self.each[rows]


def weighting_of(plugin: Plugin, labels: Sequence[str], dimension: int, seed: int) -> Weighting:
    if plugin.name == "children":
        return ChildrenTwice(labels)
    return make_arm(plugin).weighting([], dimension, seed=seed, device=torch.device("cpu"))


def trained(data: EncoderData, split: Split, name: str, seed: int) -> EmbeddingModel:
    plugin, learning = ARMS[name]
    train, dev = (SpeakerInputs(torch.as_tensor(data.x[rows]), data.speakers[rows])
                  for rows in (split.train, split.dev))
    dimension = data.x.shape[1]
    model = EmbeddingModel(identity_head(dimension))
    weighting = weighting_of(plugin, list(data.labels("age")[split.train]), dimension, seed)
    with threads(1):
        fit(model, train, dev, weighting, learning, seed=seed)
    return model


def run_arm(data: EncoderData, name: str, seed: int, draws: int) -> EvaluatedArm:
    """One arm, trained and tested on every fold of one cross-validation."""
    splits = tested(data, cross_validation(data, FOLDS, seed))
    vectors = [embed(trained(data, split, name, seed), torch.as_tensor(data.x[split.test]))
               for split in splits]
    trials = scored_trials(draw_trials(data, splits, 10**9, seed), data,
                           np.concatenate([split.test for split in splits]),
                           torch.cat(vectors).double().numpy())
    of = dict(zip(data.table["utterance_id"], data.speakers, strict=True))
    return evaluate(trials, of, {"age": data.groups("age")}, Resampling(draws=draws))


def measures(arm: EvaluatedArm) -> np.ndarray:
    """(measures, 1 + draws): rates and the gap in points, the ratio as it is."""
    everybody, adults, children = (100 * arm.drawn[name] for name in MEASURES[:3])
    return np.stack([everybody, adults, children, children - adults, children / adults])


def told(name: str, arm: np.ndarray, plain: np.ndarray, speakers: int) -> str:
    """A row of the table; values (seeds, measures, 1 + draws)."""
    difference = (arm - plain).mean(axis=0)
    reach = stats.t.ppf(0.975, speakers - 1) * np.nanstd(difference[:, 1:], axis=1)
    cells = [f"{value:.2f} ({d:+.2f}: {d - r:+.2f} to {d + r:+.2f})" for value, d, r in zip(
        arm.mean(axis=0)[:, 0], difference[:, 0], reach, strict=True)]
    return " | ".join([name, *cells])


def speakers(options: argparse.Namespace) -> None:
    data = read(options)
    print(" | ".join(["arm", *MEASURES]))
    found: dict[str, np.ndarray] = {}
    for name in options.arms:
        seeds = range(options.first, options.first + options.seeds)
        found[name] = np.stack([measures(run_arm(data, name, s, options.draws)) for s in seeds])
        plain = found["plain before" if name.endswith("before") else "plain"]
        print(told(name, found[name], plain, len(set(data.speakers))), flush=True)


@dataclass(frozen=True)
class World:
    """Speakers and utterances of each: ``train`` speakers with ``utterances``, ``dev`` and
    ``test`` speakers with ``tested``; how many steps a head learns."""

    train: int
    utterances: int
    dev: int
    test: int
    tested: int
    steps: int

    def draw(self, seed: int) -> list[Planted]:
        """The speakers of train, dev and test."""
        sizes = (self.train, self.utterances), (self.dev, self.tested), (self.test, self.tested)
        return [planted(*size, 1_000 + 10 * seed + i) for i, size in enumerate(sizes)]


def planted_rates(world: World, seed: int) -> np.ndarray:
    """Equal error rates in % (arms, 4) of the hidden group, the others, all, and the gap."""
    train, dev, test = world.draw(seed)
    learning = LearningConfig(steps=world.steps, learning_rate=3e-3)
    rates = []
    for name, plugin in PLANTED_ARMS.items():
        model = EmbeddingModel(identity_head(DIMENSION))
        weighting = weighting_of(plugin, [], DIMENSION, seed)
        with threads(1):
            fitted = fit(model, train.voices, dev.voices, weighting, learning, seed=seed)
        hidden, others, everybody = errors(model, test)
        rates.append([hidden, others, everybody, hidden - others])
        print(f"draw {seed}, {name}: step {fitted.step}, {rates[-1]}", file=sys.stderr, flush=True)
    return 100 * np.array(rates)


def worlds(options: argparse.Namespace) -> None:
    print("speakers | arm | hidden | others | all | gap")
    for size in options.sizes:
        world = World(size, options.utterances, options.dev, options.test, options.tested,
                      options.steps)
        seeds = range(options.first, options.first + options.draws)
        rates = np.stack([planted_rates(world, seed) for seed in seeds], axis=1)
        for name, arm in zip(PLANTED_ARMS, rates, strict=True):
            change = arm - rates[0]
            reach = stats.t.ppf(0.975, len(change) - 1) * stats.sem(change)
            print(" | ".join([str(size), name, *(
                f"{v:.2f} ({d:+.2f}: {d - r:+.2f} to {d + r:+.2f})" for v, d, r in zip(
                    arm.mean(axis=0), change.mean(axis=0), reach, strict=True))]), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    kinds = parser.add_subparsers(required=True)
    real = kinds.add_parser("speakers")
    real.add_argument("manifest", type=Path)
    real.add_argument("--out", type=Path, required=True)
    real.add_argument("--embeddings", type=Path)
    real.add_argument("--age", type=float, default=18)
    real.add_argument("--seeds", type=int, default=20)
    real.add_argument("--first", type=int, default=0)
    real.add_argument("--draws", type=int, default=200)
    real.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    real.set_defaults(do=speakers)
    synthetic = kinds.add_parser("planted")
    for option, value in {"draws": 12, "first": 0, "utterances": 8, "dev": 40, "test": 100,
                          "tested": 8, "steps": 200}.items():
        synthetic.add_argument(f"--{option}", type=int, default=value)
    synthetic.add_argument("--sizes", type=int, nargs="+", default=[20, 80])
    synthetic.set_defaults(do=worlds)
    options = parser.parse_args()
    options.do(options)


if __name__ == "__main__":
    main()
