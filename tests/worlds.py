"""Made-up speakers, scores and runs whose truth is planted, for every test of tables."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from evalkit.cohorts.loading import Subject
from evalkit.cohorts.speakers import Speakers, speakers_of
from evalkit.core.config import EvalConfig
from evalkit.core.types import Fact
from evalkit.store import scores, trials
from evalkit.store.documents.run import (
    Condition,
    Corpus,
    Machine,
    Normaliser,
    Pipeline,
    RunRecord,
    Timings,
)
from evalkit.store.runfolder import EMBEDDINGS, RunFolder, write_table

CITIES = np.array([[41.9, -87.6], [40.7, -74.0], [51.5, -0.1], [56.0, -3.2], [54.0, -2.8],
                   [18.0, -76.8]])
"""Latitude and longitude; the last is the harmed one's."""
HARMED = len(CITIES) - 1
POSTCODES = pd.DataFrame({"share_old": [0.2, 0.3, 0.6, 0.4, 0.1, 0.9],
                          "share_degree": [0.9, 0.2, 0.3, 0.8, 0.3, 0.6]},
                         index=[f"P{c}" for c in range(len(CITIES))])


SUBJECT = Subject("wer", "given", None, Fact("%", False, "errors over words"))
"""What the rows of a World measure."""


class World(NamedTuple):
    """The tables that evalkit.cohorts reads; ``city`` (speakers,) is the truth."""

    rows: pd.DataFrame
    utterances: pd.DataFrame
    vectors: pd.DataFrame
    city: np.ndarray

    def people(self, *, higher_is_better: bool = False) -> Speakers:
        return speakers_of(self.rows, self.utterances, higher_is_better=higher_is_better,
                         vectors=self.vectors, attributes=POSTCODES)


def make_world(seed: int = 0, *, speakers: int = 96, utterances: int = 6, factor: float = 3.0,
               sign: int = 1) -> World:
    """Speakers of the last city have ``factor`` times the errors of the others."""
    rng = np.random.default_rng(seed)
    city = rng.permutation(np.arange(speakers) % len(CITIES))
    rate = 0.15 * np.exp(0.3 * rng.standard_normal(speakers)) * np.where(city == HARMED, factor, 1)
    owner = np.repeat(np.arange(speakers), utterances)
    names = np.array([f"s{i:03}" for i in range(speakers)])
    ids = np.array([f"u{i:04}" for i in range(len(owner))])
    words = rng.integers(4, 12, len(owner)).astype(float)
    errors = rng.poisson(words * rate[owner]).astype(float)
    rows = pd.DataFrame({
        "pipeline": "given", "condition": "clean", "utterance_id": ids,
        "speaker_id": names[owner], "metric": "wer", "amount": sign * errors, "weight": words,
        "error": None})
    place = CITIES[city] + rng.uniform(-0.5, 0.5, (speakers, 2))
    kinds = np.random.default_rng(99).standard_normal((len(CITIES), 16))
    voices = kinds[city] + 0.3 * rng.standard_normal((speakers, 16))
    voices /= np.linalg.norm(voices, axis=1, keepdims=True)
    facts = pd.DataFrame({
        "utterance_id": ids, "speaker_id": names[owner], "text": "x",
        "latitude": place[owner, 0], "longitude": place[owner, 1],
        "postcode": POSTCODES.index.to_numpy()[city[owner]],
        "gender": rng.choice(["female", "male"], speakers)[owner],
        "age": rng.integers(18, 80, speakers)[owner],
        "room": rng.choice(["kitchen", "hall"], len(owner))})
    return World(rows, facts, pd.DataFrame(voices, index=names), city)


def record(folder: Path, world: World) -> RunRecord:
    """What the run of ``make_run`` says of itself."""
    rate = Fact("%", False, "errors over words")
    return RunRecord(
        evalkit="0.1.0", command="evalkit score", created="2026-11-21T07:00:00+00:00",
        config=EvalConfig.model_validate({
            "corpus": str(folder / "test.jsonl"), "pipelines": [{"name": "given"}],
            "metrics": ["wer"]}),
        seed=0, normaliser=Normaliser(name="basic", version="basic-1"),
        alignment_costs="levenshtein",
        metrics={"wer": rate, "wer.hits": Fact("%", None, "hits over words", part_of="wer")},
        pipelines={"given": Pipeline()}, conditions={"clean": Condition(identity="nothing")},
        corpus=Corpus(name="made up", manifest="test.jsonl", root=str(folder), digest="12ab",
                      utterances=len(world.utterances), speakers=len(world.city), hours=None,
                      card=None),
        left_out=[], trials=None, resampler="none", packages={}, python="3.11",
        machine=Machine(platform="Linux", processor="x86_64", cores=2), git_commit=None,
        timings=Timings(wall_seconds=1.0, workers=1, shards=1, shards_reused=0))


def make_run(folder: Path, world: World) -> RunFolder:
    """A run folder with scores, embeddings of every utterance, and target trials in which the
    utterances of a speaker of the harmed city are less alike."""
    record(folder, world).write(folder / "run.json")
    write_table(folder / "utterances.parquet", pa.Table.from_pandas(world.utterances))
    table = world.rows.assign(metric="wer")[scores.SCHEMA.names]
    write_table(folder / "scores" / "a.parquet", pa.Table.from_pandas(
        table, scores.SCHEMA, preserve_index=False))
    rng = np.random.default_rng(1)
    speaker = world.rows["speaker_id"].to_numpy()
    vectors = world.vectors.loc[speaker].to_numpy() + 0.1 * rng.standard_normal((len(speaker), 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    write_table(folder / "embeddings.parquet", pa.Table.from_pydict({
        "pipeline": ["given"] * len(vectors), "condition": ["clean"] * len(vectors),
        "utterance_id": world.rows["utterance_id"].to_list(),
        "embedding": list(vectors.astype(np.float32))}, EMBEDDINGS))
    write_table(folder / "trials.parquet", pa.Table.from_pandas(
        _trials(world, rng), trials.SCHEMA, preserve_index=False))
    return RunFolder(folder)


def _trials(world: World, rng: np.random.Generator) -> pd.DataFrame:
    ids, speaker = (world.rows[c].to_numpy() for c in ("utterance_id", "speaker_id"))
    following = np.arange(1, len(ids))
    target = speaker[:-1] == speaker[following]
    harmed = pd.Series(world.city == HARMED, world.vectors.index)[speaker[:-1]].to_numpy()
    score = np.where(target, np.where(harmed, 0.3, 1.5), -1.0)
    score += 0.7 * rng.standard_normal(len(target))
    score[0] = np.nan
    return pd.DataFrame({"pipeline": "given", "condition": "clean", "enroll_id": ids[:-1],
                         "test_id": ids[following], "label": target, "score": score})


def plant(rng: np.random.Generator, n_speakers: int, *, rate: float | np.ndarray = 0.15,
          sigma: float = 0.5, mean_utterances: int = 12) -> pd.DataFrame:
    """A scores table of one metric: Poisson errors around ``rate`` (one, or one a speaker) times
    a log-normal speaker effect of mean 1."""
    utterances = 2 + rng.poisson(mean_utterances - 2, n_speakers)
    speaker = np.repeat(np.arange(n_speakers), utterances)
    words = rng.integers(3, 21, len(speaker)).astype(float)
    effect = rate * np.exp(sigma * rng.normal(size=n_speakers) - sigma**2 / 2)
    return pd.DataFrame({
        "pipeline": "p", "condition": "clean", "metric": "wer",
        "utterance_id": [f"u{i}" for i in range(len(speaker))],
        "speaker_id": [f"s{i:04}" for i in speaker],
        "amount": rng.poisson(words * effect[speaker]).astype(float), "weight": words,
        "error": None})
