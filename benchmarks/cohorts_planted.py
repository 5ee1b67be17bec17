"""Are planted disadvantages found, how exactly, and how often is nothing taken for something?

    python benchmarks/cohorts_planted.py [--worlds 20] [--null-runs 1000] [--out FILE.json]

A world has speakers in cities and between them, with voices of a dozen kinds, declared labels
and postal codes; errors are Poisson around a word error rate of 15 % times a speaker effect
(log-normal, sigma 0.4) times the planted factor. Every finder sees every world. Beside them
stand what a user would do instead: scikit-learn's decision tree on latitude and longitude, and
a table of declared groups as fairlearn makes it, both on all speakers, the worst leaf or group
tested against the rest with utterances taken as independent.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.tree import DecisionTreeRegressor

from evalkit.cohorts.discovery import Settings, discover_among
from evalkit.cohorts.finders.clusters import Clusters
from evalkit.cohorts.finders.declared import Declared
from evalkit.cohorts.finders.geodemographic import Geodemographic
from evalkit.cohorts.finders.predicted import Predicted
from evalkit.cohorts.finders.slices import Slices
from evalkit.cohorts.finders.tree import Tree
from evalkit.cohorts.findings import Discovery
from evalkit.cohorts.loading import Subject
from evalkit.cohorts.postcodes import PostalCodes
from evalkit.cohorts.speakers import Speakers, speakers_of
from evalkit.core.types import Fact
from evalkit.statistics.bootstrap import Resampling
from evalkit.store.documents.findings import Finding

RATE, SIGMA, FACTOR = 0.15, 0.4, 1.8
VOICES, DIMENSION = 12, 64
CELL = 2.5
"""Degrees that a postal code measures."""
ALONE = Settings(shuffles=0, resampling=Resampling(draws=1_999))
FINDERS = (Tree(), Geodemographic(), Clusters(), Predicted(), Declared(), Slices())


@dataclass(frozen=True)
class World:
    """Speakers (n) before anybody has spoken; ``shares`` are attributes of postal codes."""

    location: np.ndarray
    voice: np.ndarray
    embedding: np.ndarray
    labels: pd.DataFrame
    postcode: np.ndarray
    shares: pd.DataFrame

    def share(self, name: str) -> np.ndarray:
        """The attribute of every speaker's postal code."""
        return self.shares[name].loc[self.postcode].to_numpy()


class Truth(NamedTuple):
    """Who is harmed: the speakers (n,) and the utterances (m,) themselves."""

    people: Speakers
    speakers: np.ndarray
    utterances: np.ndarray

    def gap(self, at: np.ndarray, unit: str) -> float:
        """The true gap of a cohort of units ``at``, speaker effects aside."""
        own = self.people.by_utterance
        inside = np.zeros(len(own.harm), bool)
        inside[at if unit == "utterance" else np.isin(own.speaker, at)] = True
        parts = [np.average(self.utterances[side], weights=own.weight[side])
                 for side in (inside, ~inside)]
        return RATE * (FACTOR - 1) * float(parts[0] - parts[1])

    def jaccard(self, union: np.ndarray, unit: str) -> float:
        """Of a set of units with the harmed ones."""
        harmed = np.flatnonzero(self.utterances if unit == "utterance" else self.speakers)
        return len(np.intersect1d(union, harmed)) / max(len(np.union1d(union, harmed)), 1)


def make_world(rng: np.random.Generator, n: int) -> World:
    cities = rng.uniform([32, -118], [48, -72], (20, 2))
    location = cities[rng.integers(20, size=n)] + rng.normal(0, 0.6, (n, 2))
    nowhere = rng.random(n) < 0.3
    location[nowhere] = rng.uniform([30, -120], [50, -70], (int(nowhere.sum()), 2))
    cell = np.floor(location / CELL).astype(int)
    postcode = np.array([f"{a},{b}" for a, b in cell])
    codes = np.unique(postcode)
    shares = pd.DataFrame(rng.uniform(0, 1, (len(codes), 4)), index=codes,
                          columns=["share_a", "share_b", "share_c", "share_d"])
    labels = pd.DataFrame({"gender": rng.choice(["female", "male"], n),
                           "age": rng.choice(["18-29", "30-44", "45-59", "60+"], n),
                           "device": rng.choice(["phone", "speaker", "car"], n)})
    return voiced(World(location, rng.integers(VOICES, size=n), np.zeros(0), labels, postcode,
                        shares), rng)


def voiced(world: World, rng: np.random.Generator) -> World:
    """The world with embeddings made of its speakers' kinds of voice."""
    n = len(world.voice)
    kinds = rng.standard_normal((VOICES, DIMENSION))
    embedding = kinds[world.voice] + 0.8 * rng.standard_normal((n, DIMENSION))
    return replace(world, embedding=embedding / np.linalg.norm(embedding, axis=1, keepdims=True))


def speak(world: World, harmed: np.ndarray, rng: np.random.Generator, factor: float = FACTOR,
          kitchen: bool = False) -> Truth:
    """What was measured where the ``harmed`` speakers (n,) have ``factor`` times the errors, only
    in the kitchen if ``kitchen``."""
    n = len(world.voice)
    utterances = 4 + rng.negative_binomial(2, 0.15, n)
    speaker = np.repeat(np.arange(n), utterances)
    room = rng.choice(["kitchen", "living room", "hall"], len(speaker))
    words = rng.integers(3, 21, len(speaker)).astype(float)
    worse = harmed[speaker] & ((room == "kitchen") | (not kitchen))
    effect = np.exp(SIGMA * rng.standard_normal(n) - SIGMA**2 / 2)[speaker]
    errors = rng.poisson(words * RATE * effect * np.where(worse, factor, 1.0)).astype(float)
    names, ids = np.array([f"s{i:05}" for i in range(n)]), np.arange(len(speaker)).astype(str)
    rows = pd.DataFrame({"condition": "clean", "utterance_id": ids, "speaker_id": names[speaker],
                         "amount": errors, "weight": words, "error": None})
    facts = world.labels.iloc[speaker].reset_index(drop=True).assign(
        utterance_id=ids, speaker_id=names[speaker], room=room, postcode=world.postcode[speaker],
        latitude=world.location[speaker, 0], longitude=world.location[speaker, 1])
    people = speakers_of(rows, facts, vectors=pd.DataFrame(world.embedding, index=names),
                       postcodes=PostalCodes(world.shares, []))
    return Truth(people, harmed, worse)


def disc(world: World, rng: np.random.Generator) -> np.ndarray:
    """The tenth of the speakers nearest to one of them."""
    away = np.linalg.norm(world.location - world.location[rng.integers(len(world.voice))], axis=1)
    return away <= np.quantile(away, 0.1)


def border(world: World, rng: np.random.Generator) -> np.ndarray:
    """Everybody beyond a slanting line, a fifth of the speakers."""
    angle = rng.uniform(0, 2 * np.pi)
    along = world.location @ [np.cos(angle), np.sin(angle)]
    return along >= np.quantile(along, 0.8)


def strip(world: World, rng: np.random.Generator) -> np.ndarray:
    """The tenth of the speakers nearest to a winding coast in the west."""
    coast = -118 + 3 * np.sin(world.location[:, 0] / 3 + rng.uniform(0, 6))
    away = np.abs(world.location[:, 1] - coast)
    return away <= np.quantile(away, 0.1)


def voice(world: World, rng: np.random.Generator) -> np.ndarray:
    """One kind of voice, a twelfth of the speakers."""
    return world.voice == rng.integers(VOICES)


def majority(world: World, rng: np.random.Generator) -> np.ndarray:
    """Postal codes with a majority of two kinds, a quarter of the speakers."""
    a, b = rng.choice(world.shares.columns, 2, replace=False)
    return (world.share(a) > 0.5) & (world.share(b) > 0.5)


def intersection(world: World, rng: np.random.Generator) -> np.ndarray:
    """Women of one age, an eighth of the speakers."""
    ages = world.labels["age"]
    return ((world.labels["gender"] == "female") & (ages == rng.choice(ages.unique()))).to_numpy()


def several(world: World, rng: np.random.Generator) -> np.ndarray:
    """A disc, a voice and an intersection."""
    return disc(world, rng) | voice(world, rng) | intersection(world, rng)


def nobody(world: World, rng: np.random.Generator) -> np.ndarray:
    """No disadvantage."""
    return np.zeros(len(world.voice), bool)


def accent_with_home(world: World, rng: np.random.Generator) -> World:
    """Voice 0 is an accent of a tenth of the speakers; four in ten of them live in postal codes
    with a majority of share_a, where half of the people have another accent, and which hold
    about a twelfth of all."""
    n = len(world.voice)
    counts = pd.Series(world.postcode).value_counts().sample(frac=1, random_state=rng)
    home = counts.index[counts.cumsum() <= 0.08 * n]
    shares = world.shares.copy()
    shares["share_a"] = np.where(shares.index.isin(home), 0.7, shares["share_a"] / 2)
    at_home = np.isin(world.postcode, home)
    kinds = rng.integers(1, VOICES, n)
    for place, share in ((at_home, 0.04), (~at_home, 0.06)):
        there = np.flatnonzero(place)
        kinds[rng.choice(there, min(round(share * n), len(there)), replace=False)] = 0
    return voiced(replace(world, voice=kinds, shares=shares), rng)


WER = Subject("wer", "made up", None, Fact("%", False, "errors over words"))


@dataclass(frozen=True)
class Score:
    """One finder in one world: how many of its cohorts were confirmed, how well their union
    matches the harmed speakers (Jaccard), by how much the confirmed gap misses the true one
    of the same cohort (share of the error rate, so 0.01 is a point), and how many confirmed
    cohorts hold no larger a part of the harmed than everybody else."""

    confirmed: int
    jaccard: float
    gap_error: float
    false: int


def judge(finding: Finding, discovery: Discovery, truth: Truth) -> Score:
    rule = discovery.rules[finding.finder]
    unit = next(f.unit for f in FINDERS if f.name == finding.finder)
    members = dict(zip(rule.names, rule.members(truth.people), strict=True))
    sure = [v for v in finding.verdicts if v.status == "confirmed"]
    gaps = [truth.gap(members[v.cohort], unit) for v in sure]
    union = np.concatenate([members[v.cohort] for v in sure]) if sure else np.zeros(0)
    # Later gaps are against those left over: only the first is against everybody else.
    miss = abs(sure[0].gap.value - gaps[0]) if sure else np.nan
    return Score(len(sure), truth.jaccard(union, unit), miss, sum(gap <= 0 for gap in gaps))


def naive(truth: Truth, codes: np.ndarray) -> Score:
    """The worst group of all speakers' ``codes``, tested as if utterances were independent."""
    own = truth.people.by_utterance
    group = codes[own.speaker]
    words = np.bincount(group, own.weight)
    worst = int((np.bincount(group, own.harm) / np.maximum(words, 1)).argmax())
    inside = group == worst
    rates = [own.harm[side].sum() / own.weight[side].sum() for side in (inside, ~inside)]
    variance = sum(((own.harm[side] - r * own.weight[side]) ** 2).sum() / own.weight[side].sum()**2
                   for side, r in zip((inside, ~inside), rates, strict=True))
    sure = stats.norm.sf((rates[0] - rates[1]) / np.sqrt(variance)) <= 0.05
    at = np.flatnonzero(codes == worst)
    true = truth.gap(at, "speaker")
    return Score(int(sure), truth.jaccard(at, "speaker"), abs(rates[0] - rates[1] - true),
                 int(sure and true <= 0))


def plain_tree(truth: Truth) -> Score:
    """scikit-learn's tree of ten leaves on latitude and longitude."""
    people = truth.people
    rate = people.by_speaker.harm / np.maximum(people.by_speaker.weight, 1)
    tree = DecisionTreeRegressor(max_leaf_nodes=10, min_samples_leaf=10, random_state=0)
    tree.fit(people.location, rate, sample_weight=people.by_speaker.weight)
    return naive(truth, np.unique(tree.apply(people.location), return_inverse=True)[1])


def group_table(truth: Truth) -> Score:
    """Rates by gender and age crossed, as a fairlearn MetricFrame shows them."""
    labels = truth.people.labels
    return naive(truth, pd.factorize(labels["gender"] + labels["age"])[0])


PLANTS: dict[str, Callable[[World, np.random.Generator], np.ndarray]] = {
    "disc": disc, "border": border, "coastal strip": strip, "majority of postal code": majority,
    "voice": voice, "intersection": intersection, "intersection, in the kitchen": intersection,
    "several": several, "none": nobody}


def planted(worlds: int, n: int, seed: int) -> dict[str, dict[str, dict[str, float]]]:
    """Means over worlds of every score, by plant and finder."""
    table: dict[str, dict[str, dict[str, float]]] = {}
    for p, (name, plant) in enumerate(PLANTS.items()):
        scores: dict[str, list[Score]] = {}
        for i in range(worlds):
            rng = np.random.default_rng([seed, p, i])
            world = make_world(rng, n)
            truth = speak(world, plant(world, rng), rng, kitchen="kitchen" in name)
            settings = replace(ALONE, resampling=replace(ALONE.resampling, seed=i))
            discovery = discover_among(truth.people, WER, FINDERS, settings)
            for finding in discovery.findings.finders:
                scores.setdefault(finding.finder, []).append(
                    judge(finding, discovery, truth))
            scores.setdefault("decision tree, plain", []).append(plain_tree(truth))
            scores.setdefault("group table, plain", []).append(group_table(truth))
        table[name] = {finder: summary(found) for finder, found in scores.items()}
        show(name, table[name])
    return table


def summary(scores: list[Score]) -> dict[str, float]:
    sure = [score for score in scores if score.confirmed]
    return {"confirmed": float(np.mean([bool(s.confirmed) for s in scores])),
            "jaccard": float(np.mean([s.jaccard for s in sure])) if sure else np.nan,
            "gap_error": float(np.mean([s.gap_error for s in sure])) if sure else np.nan,
            "false": float(np.mean([s.false for s in scores]))}


def show(name: str, rows: dict[str, dict[str, float]]) -> None:
    print(f"\n{name:30} worlds with a confirmed cohort, Jaccard, gap error, false cohorts a world")
    for finder, row in rows.items():
        print(f"  {finder:28} {100 * row['confirmed']:5.0f} %   {row['jaccard']:5.2f}   "
              f"{100 * row['gap_error']:5.1f}   {row['false']:5.2f}", flush=True)


def null(runs: int, seed: int, sizes: Sequence[int] = (80, 300)) -> dict[str, float]:
    """Share of runs without any effect in which any finder confirms a cohort."""
    found = {}
    for n in sizes:
        hits = []
        for i in range(runs // 2):
            rng = np.random.default_rng([seed, n, i])
            world = make_world(rng, n)
            people = speak(world, nobody(world, rng), rng).people
            settings = Settings(shuffles=0, resampling=Resampling(draws=999, seed=i))
            findings = discover_among(people, WER, FINDERS, settings).findings
            hits.append([any(f.status == "confirmed" for f in findings.finders)]
                        + [f.status == "confirmed" for f in findings.finders])
        names = ["any finder", *(finder.name for finder in FINDERS)]
        for name, share in zip(names, np.mean(hits, axis=0), strict=True):
            found[f"{n} speakers, {name}"] = float(share)
            print(f"  {n} speakers, {name:16} {100 * share:5.1f} %", flush=True)
    return found


def pattern(worlds: int, n: int, seed: int) -> dict[str, dict[str, float]]:
    """Bottom cohorts on fresh speakers where the truth is acoustic: an accent with 1.8 times the
    errors, only a part of whose speakers live where they are the majority."""
    finders = (Clusters(), Predicted(), Geodemographic())
    rows: dict[str, list[tuple[float, float]]] = {finder.name: [] for finder in finders}
    for i in range(worlds):
        rng = np.random.default_rng([seed, i])
        world = accent_with_home(make_world(rng, n), rng)
        people = speak(world, world.voice == 0, rng).people
        settings = replace(ALONE, resampling=replace(ALONE.resampling, seed=i))
        for finding in discover_among(people, WER, finders, settings).findings.finders:
            shares = {c.name: c.confirmation.share for c in finding.cohorts}
            for verdict in finding.verdicts[:1]:
                rows[finding.finder].append((verdict.relative_gap, shares[verdict.cohort]))
    found = {}
    for finder, pairs in rows.items():
        gap, share = np.median(pairs, axis=0) if pairs else (np.nan, np.nan)
        found[finder] = {"proposed": len(pairs) / worlds, "relative_gap": float(gap),
                         "share": float(share)}
        print(f"  {finder:16} proposed in {100 * len(pairs) / worlds:.0f} % of worlds, median gap "
              f"{100 * gap:.1f} % at {100 * share:.1f} % of speakers", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=20)
    parser.add_argument("--null-runs", type=int, default=1_000)
    parser.add_argument("--speakers", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    started = time.perf_counter()
    results = {"planted": planted(options.worlds, options.speakers, options.seed)}
    print("\nacoustic truth")
    results["pattern"] = pattern(options.worlds, options.speakers, options.seed)
    print("\nruns without any effect in which a cohort is confirmed")
    results["null"] = null(options.null_runs, options.seed)
    print(f"{time.perf_counter() - started:.0f} s")
    if options.out:
        options.out.write_text(json.dumps(vars(options) | results, indent=2, default=str))


if __name__ == "__main__":
    main()
