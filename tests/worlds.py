"""Made-up speakers, scores and runs whose truth is planted: the worlds of every test of tables.

``plant`` makes scores, ``make_world`` speakers of six cities of whom one is harmed, ``planted`` two
versions of a system, and ``FakeRun`` a whole run with texts, outputs and recordings.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

from evalkit.cohorts.discovery import Settings, discover
from evalkit.cohorts.findings import Discovery, write_discovery
from evalkit.cohorts.loading import Subject
from evalkit.cohorts.postcodes import PostalCodes
from evalkit.cohorts.speakers import Speakers, speakers_of
from evalkit.compare.baseline import Candidate
from evalkit.core.alignment import align
from evalkit.core.plugins import create
from evalkit.core.types import Derived, Fact, Interval
from evalkit.report.headline import Headline, read_headline
from evalkit.statistics.bootstrap import Resampling
from evalkit.store import scores, trials
from evalkit.store.documents.baseline import Baseline, Block, Cell, Facts
from evalkit.store.documents.findings import Findings, OnHalf
from evalkit.store.documents.run import RunRecord, Summary
from evalkit.store.runfolder import EMBEDDINGS, OUTPUTS, RunFolder
from evalkit.store.sealed import seal, write_table
from evalkit.store.seals import seals

CITIES = np.array([[41.9, -87.6], [40.7, -74.0], [51.5, -0.1], [56.0, -3.2], [54.0, -2.8],
                   [18.0, -76.8]])
"""Latitude and longitude; the last is the harmed one's."""
HARMED = len(CITIES) - 1
POSTCODES = pd.DataFrame({"share_old": [0.2, 0.3, 0.6, 0.4, 0.1, 0.9],
                          "share_degree": [0.9, 0.2, 0.3, 0.8, 0.3, 0.6]},
                         index=[f"P{c}" for c in range(len(CITIES))])


SUBJECT = Subject("wer", "given", None, Fact("%", False, "errors over words"))
"""What the rows of a World measure."""


def reseal(folder: Path) -> None:
    """Makes the tables in a run's folder those that its run.json tells of."""
    record = RunRecord.read(folder / "run.json")
    record.model_copy(update={"tables": seals(folder)}).write(folder / "run.json")


def write_cohorts(folder: Path, members: pd.DataFrame) -> None:
    """Findings whose cohorts are ``members``: utterance_id, finder, cohort."""
    nobody = OnHalf(value=Interval(np.nan, np.nan, np.nan, np.nan, np.nan, 0, "t"), n=0, n_failed=0,
                    n_speakers=0, share=0, weight=0, sufficient=False)
    findings = Findings(metric="wer", fact=SUBJECT.fact, pipeline="given", condition=None,
                        n_discovery=0, n_confirmation=0, overall=nobody, level=0.95, seed=0,
                        finders=[], columns={}, left_out=[], warnings=[])
    write_discovery(RunFolder(folder), Discovery(findings, {}, members, pd.DataFrame(
        {"speaker_id": ["s"], "half": ["discovery"], "amount": [0.0], "weight": [1.0]})))


class World(NamedTuple):
    """The tables that evalkit.cohorts reads; ``city`` (speakers,) is the truth."""

    rows: pd.DataFrame
    utterances: pd.DataFrame
    vectors: pd.DataFrame
    city: np.ndarray

    def people(self, *, higher_is_better: bool = False) -> Speakers:
        return speakers_of(self.rows, self.utterances, higher_is_better=higher_is_better,
                         vectors=self.vectors, postcodes=PostalCodes(POSTCODES, []))


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


def make_run(folder: Path, world: World) -> RunFolder:
    """A run folder with scores, embeddings of every utterance, and target trials in which the
    utterances of a speaker of the harmed city are less alike."""
    facts = {"wer": SUBJECT.fact, "wer.hits": Fact("%", None, "hits over words", part_of="wer")}
    fields = record_fields(folder, ["given"], ["clean"], world.utterances)
    RunRecord.model_validate(fields | {"metrics": facts}).write(folder / "run.json")
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
    base = Baseline(name="base", facts=FACTS, columns=["place"], outcomes={}, left_out=[],
                    blocks=blocks, trials=[],
                    scores=[cell(metric, before, weight)])
    return base, Candidate("candidate", FACTS, frozenset(base.block_of),
                           [cell(metric, after, weight)], [])


def other_way_round(base: Baseline, candidate: Candidate) -> tuple[Baseline, Candidate]:
    return (base.model_copy(update={"scores": candidate.scores, "name": candidate.name}),
            candidate._replace(scores=base.scores, name=base.name))


RATE = 16_000
TEXT = "turn on the kitchen light and play some quiet music"
RATES = {"Caribbean": 0.45, "Scottish": 0.25, "General American": 0.1}
HARM = {"clean": 0.0, "babble_5db": 0.2}
WORDS = ("wer", "wer.substitutions", "wer.deletions", "wer.insertions", "wer.hits")


def facts() -> dict[str, Fact]:
    """Of what the hand-made scores measure."""
    titles = ("Word error rate", "Substituted words", "Deleted words", "Inserted words",
              "Correct words")
    return {name: Fact("%", name == "wer.hits", f"What {name} counts, over reference words",
                       title=title, part_of=None if name == "wer" else "wer",
                       is_count=name != "wer.hits")
            for name, title in zip(WORDS, titles, strict=True)} | {
        "pesq_wb": Fact("MOS-LQO", True, "ITU-T P.862.2", title="PESQ, wideband"),
        "eer": Fact("%", False, "Equal error rate", title="Equal error rate")}


def record_fields(root: Path, pipelines: list[str], conditions: list[str], utterances: pd.DataFrame,
                ) -> dict[str, Any]:
    """The fields of run.json."""
    part = {"name": "ctc", "identity": "ctc 1, sha256 12ab"}
    enhancer = {"name": "rnnoise", "identity": "pyrnnoise 0.4.6", "delay_ms": 10.0,
                "cost": {"weights": 87_500, "bytes": None, "macs_per_second": 4e7,
                         "unknown": "compiled in"}}
    return {
        "evalkit": "0.1.0", "created": "2026-11-21T07:00:00+00:00", "command": "run",
        "config": {"corpus": "test.jsonl", "keep_audio": True, "seed": 0,
                   "pipelines": [{"name": "plain", "recognizer": "reference"}],
                   "metrics": ["wer"]},
        "seed": 0, "alignment_costs": "levenshtein",
        "normaliser": {"name": "basic", "version": "basic-1"}, "metrics": facts(),
        "pipelines": {name: {"enhancer": enhancer if i else None, "recognizer": part,
                             "encoder": None} for i, name in enumerate(pipelines)},
        "conditions": {name: {"identity": f"what {name} does"} for name in conditions},
        "corpus": {"name": "accents", "manifest": "test.jsonl", "root": str(root),
                   "digest": "0123456789abcdef", "utterances": len(utterances),
                   "speakers": utterances["speaker_id"].nunique(), "hours": 0.02,
                   "card": "# Accents\n\nSynthetic speech, **never** evidence about people.\n\n"
                           "| accent | speakers |\n|---|---|\n| Scottish | 3 |\n"},
        "left_out": [], "trials": {"rule": "every pair", "targets": 12, "nontargets": 90},
        "resampler": "soxr 1.1.0 HQ", "packages": {"torch": "2.13.0", "jiwer": "4.0.0"},
        "python": "3.11.7", "git_commit": None,
        "machine": {"platform": "Linux", "processor": "x86_64", "cores": 2},
        "timings": {"wall_seconds": 9.5, "workers": 2, "shards": 4, "shards_reused": 0},
        "batching": [{"pipeline": pipelines[0], "condition": conditions[0], "batch": 8, "n": 9,
                      "n_failed": 0, "otherwise": 2, "distance": None, "counts": [
                          {"utterance_id": f"u{i}", "speaker_id": f"s{i}", "words": 10, "alone": 1,
                           "batch": 1 + i // 7} for i in range(9)]}],
        "tables": {},
    }


HOSTILE = ("<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>", "x" * 300,
           "\u202egnirts\u202c \u05e9\u05dc\u05d5\u05dd", "🎤🏽\x00\x07\x1b[31m",
           "$\\frac{1}{$ ${7*7} {{7*7}}", "_hidden", "a\nb\tc", "]]>&lt;!--",
           "#0072b2 id=\"url(#x)")


@dataclass
class FakeRun:
    """A run of ``pipelines`` under ``conditions``; change its tables, then ``write`` it."""

    folder: Path
    root: Path
    pipelines: list[str] = field(default_factory=lambda: ["plain", "rnnoise"])
    conditions: list[str] = field(default_factory=lambda: list(HARM))
    speakers: int = 3
    utterances: pd.DataFrame = field(init=False)
    outputs: list[dict[str, Any]] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)
    info: dict[str, Any] = field(init=False)
    trials: list[dict[str, Any]] = field(init=False)
    verified: list[dict[str, Any]] = field(default_factory=list)
    enhancing: list[dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.utterances = pd.DataFrame([
            {"utterance_id": f"u{a}{s}{i}", "speaker_id": f"s{a}{s}", "audio": f"u{a}{s}{i}.wav",
             "reference_audio": None, "text": TEXT, "offset": 0.0, "duration": None,
             "accent": accent, "gender": "FM"[s % 2]}
            for a, accent in enumerate(RATES) for s in range(self.speakers) for i in range(2)])
        generator = np.random.default_rng(0)
        for pipeline in self.pipelines:
            for condition in self.conditions:
                for row in self.utterances.to_dict("records"):
                    rate = RATES[row["accent"]] + HARM.get(condition, 0.0)
                    heard = [w if generator.random() > rate else
                             ("night" if generator.random() < 0.6 else "") for w in TEXT.split()]
                    if generator.random() < rate:
                        heard.insert(3, "uh")
                    self.hear(row, pipeline, condition, " ".join(filter(None, heard)))
        self.info = record_fields(self.root, self.pipelines, self.conditions, self.utterances)
        self.enhancing = [
            {"pipeline": p, "condition": c, "machine": "Some processor, 2 cores", "utterances": 18,
             "seconds": 36.0, "elapsed_seconds": 1.2, "processor_seconds": 0.9}
            for p in self.pipelines[1:] for c in self.conditions]
        self.trials = [
            {"pipeline": p, "condition": c, "metric": "eer", "value": 0.125, "n": 102,
             "n_failed": 0, "n_speakers": 9, "threshold": 0.5}
            for p in self.pipelines for c in self.conditions]

    def hear(self, row: dict[str, Any], pipeline: str, condition: str, heard: str) -> None:
        """One utterance's rows, had the recognizer heard ``heard``."""
        where = {"pipeline": pipeline, "condition": condition,
                 "utterance_id": row["utterance_id"]}
        alignment = align(row["text"].split(), heard.split())
        kept = f"audio/{condition}/{pipeline}/{row['utterance_id']}.flac"
        self.outputs.append(where | {
            "hypothesis": heard, "alignment": alignment.to_json(), "seconds": 2.0,
            "input_audio": None, "output_audio": kept if pipeline == "rnnoise" else None,
            "error": None, "processing_seconds": 0.1})
        edits = alignment.edits
        counts = dict(zip(WORDS, (edits.errors, edits.substitutions, edits.deletions,
                                  edits.insertions, edits.hits), strict=True))
        for metric, amount in counts.items():
            self.score(where, row["speaker_id"], metric, amount, edits.reference_length)
        self.score(where, row["speaker_id"], "pesq_wb", 2.0 + 0.1 * edits.hits, 1)

    def score(self, where: dict[str, Any], speaker: str, metric: str, amount: float,
              weight: float) -> None:
        """One row of the scores table."""
        self.scores.append(where | {"speaker_id": speaker, "metric": metric, "amount": amount,
                                    "weight": weight, "error": None})

    def verify(self, weak: str = "") -> None:
        """Trials between every two utterances: a speaker's own have higher scores, but in the
        accent ``weak``."""
        generator = np.random.default_rng(2)
        rows = self.utterances.to_dict("records")
        for pipeline, condition in product(self.pipelines, self.conditions):
            for a, b in combinations(rows, 2):
                same = a["speaker_id"] == b["speaker_id"]
                self.verified.append({
                    "pipeline": pipeline, "condition": condition, "enroll_id": a["utterance_id"],
                    "test_id": b["utterance_id"], "label": same, "score": generator.normal(
                        3.0 * (same and a.get("accent") != weak))})

    def write(self, *, audio: bool = False) -> Path:
        """Writes the folder, with the recordings if ``audio``, and returns it."""
        write_table(self.folder / "utterances.parquet",
                    pa.Table.from_pandas(self.utterances, preserve_index=False))
        write_table(self.folder / "outputs.parquet", pa.Table.from_pylist(self.outputs, OUTPUTS))
        write_table(self.folder / "trials.parquet",
                    pa.Table.from_pylist(self.verified, trials.SCHEMA))
        write_table(self.folder / "scores" / "a.parquet",
                    pa.Table.from_pylist(self.scores, scores.SCHEMA))
        self.record().write(self.folder / "run.json")
        self.summary().write(self.folder / "summary.json")
        if audio:
            self.make_audio()
        return self.folder

    def record(self) -> RunRecord:
        """run.json of what ``info`` says."""
        return RunRecord.model_validate(self.info)

    def headline(self) -> Headline:
        """What a report shows first."""
        return read_headline(self.record(), self.summary(), {})

    def table(self) -> pd.DataFrame:
        """The scores table."""
        return pa.Table.from_pylist(self.scores, scores.SCHEMA).to_pandas()

    def summary(self) -> Summary:
        """What the runner would sum up."""
        columns = ["pipeline", "condition", "metric", "value", "n", "n_failed", "n_speakers"]
        rows = scores.summarise(self.table())[columns].to_dict("records")
        kinds = Counter((row["pipeline"], row["condition"], row["metric"], row["error"])
                        for row in self.scores if row["error"])
        return Summary.model_validate({
            "scores": rows, "trials": self.trials,
            "failures": [{"pipeline": p, "condition": c, "metrics": [m], "why": why, "n": n,
                          "kind": why.split(":")[0], "of": 48, "names": []}
                         for (p, c, m, why), n in sorted(kinds.items())],
            "efficiency": [{"pipeline": p, "condition": c, "seconds": 36.0,
                            "processing_seconds": 1.8, "rtf": 0.05}
                           for p in self.pipelines for c in self.conditions],
            "enhancing": self.enhancing})

    def make_audio(self) -> None:
        """A tone for every recording that the tables name."""
        names = [(self.root, name) for name in self.utterances["audio"] if name]
        names += [(self.folder, row[column]) for row in self.outputs
                  for column in ("input_audio", "output_audio") if row[column]]
        for i, (folder, name) in enumerate(dict.fromkeys(names)):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            tone = 0.1 * np.sin(2 * np.pi * (200 + i) * np.arange(RATE) / RATE)
            soundfile.write(path, tone, RATE)


HOMES = {"Caribbean": (18.0, -76.8), "Scottish": (55.9, -3.2), "General American": (41.9, -87.6)}


def discovered_run(folder: Path) -> FakeRun:
    """A run of 180 speakers in three places, whose voices differ by accent, written together
    with what the cohort finders say of it."""
    run = FakeRun(folder / "run", folder / "corpus", ["plain"], ["clean"], speakers=60)
    generator = np.random.default_rng(1)
    speakers = run.utterances["speaker_id"].drop_duplicates()
    accents = dict(zip(run.utterances["speaker_id"], run.utterances["accent"], strict=True))
    centre = {accent: generator.normal(size=8) for accent in HOMES}
    place = {s: generator.normal(HOMES[accents[s]], 0.4) for s in speakers}
    voice = {s: centre[accents[s]] + generator.normal(size=8, scale=0.4) for s in speakers}
    for i, name in enumerate(("latitude", "longitude")):
        run.utterances[name] = [place[s][i] for s in run.utterances["speaker_id"]]
    path = run.write()
    write_table(path / "embeddings.parquet", pa.Table.from_pylist([
        {"pipeline": "plain", "condition": "clean", "utterance_id": row["utterance_id"],
         "embedding": voice[row["speaker_id"]] / np.linalg.norm(voice[row["speaker_id"]])}
        for row in run.utterances.to_dict("records")], EMBEDDINGS))
    settings = Settings(shuffles=19, resampling=Resampling(draws=999))
    write_discovery(RunFolder(path), discover(RunFolder(path), settings=settings, finders=[
        create("cohorts", name) for name in ("tree", "clusters", "declared")]))
    return run


def hostile_run(folder: Path, by: str, found: Path) -> FakeRun:
    """A run, not yet written, whose strings all try to break out of a page, among them the names
    of cohorts, which are those of the run folder ``found``."""
    names = iter(range(10**6))

    def spoilt(value: str) -> str:
        return f"{HOSTILE[next(names) % len(HOSTILE)]} {value}"

    run = FakeRun(folder / "run", folder / "corpus", [spoilt("a"), spoilt("b")],
                  [spoilt("clean"), spoilt("noise")])
    ids = {name: spoilt(name) for name in run.utterances["utterance_id"]}
    run.utterances["utterance_id"] = run.utterances["utterance_id"].map(ids)
    for column in ("speaker_id", "accent", "text"):
        changed = {name: spoilt(name) for name in run.utterances[column].unique()}
        run.utterances[column] = run.utterances[column].map(changed)
    for row in [*run.outputs, *run.scores]:
        row["utterance_id"] = ids[row["utterance_id"]]
    for i, row in enumerate(run.outputs):
        row["hypothesis"] = spoilt("heard")
        row["alignment"] = f'["<b>bold</b>",["{i}<script>",null],[null,"\\u202e"],["a","b\'\\""]]'
    run.info["left_out"] = [{"what": "row", "where": text, "why": text, "n": 7, "names": [text]}
                            for text in HOSTILE]
    run.info["corpus"]["name"] = HOSTILE[0]
    run.info["corpus"]["card"] = "\n\n".join((*HOSTILE, "[x](javascript:alert(1)) ![i](//e.org/i)",
                                              "<iframe src=//e.org></iframe> <https://e.org>"))
    run.info["packages"] = dict.fromkeys(HOSTILE, HOSTILE[1])
    run.info["config"]["metrics"] = [{"name": "wer", "options": {"names": list(HOSTILE)}}]
    run.info["metrics"]["wer"] = replace(facts()["wer"], definition=HOSTILE[1], title=HOSTILE[0])
    run.utterances = run.utterances.rename(columns={"accent": by})
    run.verify()
    _spoil_findings(found, run.folder, spoilt)
    return run


def _spoil_findings(found: Path, target: Path, spoilt: Callable[[str], str]) -> None:
    """Copies what the finders wrote, every name in it spoilt."""
    target.mkdir(parents=True)
    members = pq.read_table(found / "cohorts.parquet").to_pandas()
    text = (found / "findings.json").read_text()
    for name in members["cohort"].unique():
        new = spoilt(name)
        members["cohort"] = members["cohort"].replace(name, new)
        text = text.replace(json.dumps(name), json.dumps(new))
    findings = json.loads(text) | {"warnings": list(HOSTILE), "pipeline": HOSTILE[1],
                                   "left_out": [{"what": "finder", "where": HOSTILE[0],
                                                 "why": HOSTILE[1], "n": 1, "names": [HOSTILE[2]]}]}
    for verdict in (v for finding in findings["finders"] for v in finding["verdicts"]):
        verdict["who"] = [{"column": "x", "label": label, "share": 1.0, "elsewhere": 0.0}
                          for label in HOSTILE[:3]]
    write_table(target / "cohorts.parquet", pa.Table.from_pandas(members, preserve_index=False))
    findings["tables"]["cohorts.parquet"] = seal(target / "cohorts.parquet")
    (target / "findings.json").write_text(json.dumps(findings))
    shutil.copy(found / "cohort_speakers.parquet", target)
