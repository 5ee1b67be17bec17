"""A run folder as the runner writes them, made of whatever errors a test asks for."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from evalkit.cohorts.discovery import Settings, discover
from evalkit.cohorts.findings import write_discovery
from evalkit.core.alignment import align
from evalkit.core.plugins import create
from evalkit.core.types import Fact
from evalkit.report.headline import Headline, read_headline
from evalkit.report.page import write_report
from evalkit.statistics.bootstrap import Resampling
from evalkit.store import scores, trials
from evalkit.store.documents.run import RunRecord, Summary
from evalkit.store.runfolder import EMBEDDINGS, OUTPUTS, RunFolder, write_json, write_table

RATE = 16_000
TEXT = "turn on the kitchen light and play some quiet music"
RATES = {"Caribbean": 0.45, "Scottish": 0.25, "General American": 0.1}
HARM = {"clean": 0.0, "babble_5db": 0.2}
VOID = {"meta", "br", "link", "img", "input", "hr"}
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


def make_record(root: Path, pipelines: list[str], conditions: list[str], utterances: pd.DataFrame,
                ) -> dict[str, Any]:
    """The fields of run.json."""
    part = {"name": "ctc", "identity": "ctc 1, sha256 12ab"}
    enhancer = {"name": "rnnoise", "identity": "pyrnnoise 0.4.6", "delay_ms": 10.0}
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
        self.info = make_record(self.root, self.pipelines, self.conditions, self.utterances)
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
        counts = dict(zip(WORDS, (alignment.errors, alignment.substitutions, alignment.deletions,
                                  alignment.insertions, alignment.hits), strict=True))
        for metric, amount in counts.items():
            self.score(where, row["speaker_id"], metric, amount, alignment.reference_length)
        self.score(where, row["speaker_id"], "pesq_wb", 2.0 + 0.1 * alignment.hits, 1)

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
        kinds = Counter((row["pipeline"], row["condition"], row["metric"],
                         row["error"].split(":")[0]) for row in self.scores if row["error"])
        return Summary.model_validate({
            "scores": rows, "trials": self.trials,
            "failures": [{"pipeline": p, "condition": c, "metric": m, "kind": kind, "n": n}
                         for (p, c, m, kind), n in sorted(kinds.items())],
            "efficiency": [{"pipeline": p, "condition": c, "seconds": 36.0,
                            "processing_seconds": 1.8, "rtf": 0.05}
                           for p in self.pipelines for c in self.conditions]})

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


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[FakeRun, Path]:
    """An ordinary run with recordings, and the page of it. Not to be changed."""
    folder = tmp_path_factory.mktemp("written")
    run = FakeRun(folder / "run", folder / "corpus")
    return run, write_report(run.write(audio=True), folder / "report")


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


@pytest.fixture(scope="session")
def discovered(tmp_path_factory: pytest.TempPathFactory) -> tuple[FakeRun, Path]:
    """A run whose cohorts were looked for, and the page of it. Not to be changed."""
    folder = tmp_path_factory.mktemp("discovered")
    run = discovered_run(folder)
    return run, write_report(run.folder, folder / "report")


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
    run.info["left_out"] = list(HOSTILE)
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
                                   "skipped": {HOSTILE[0]: HOSTILE[1]}}
    for verdict in (v for finding in findings["finders"] for v in finding["verdicts"]):
        verdict["who"] = [{"column": "x", "label": label, "share": 1.0, "elsewhere": 0.0}
                          for label in HOSTILE[:3]]
    write_json(target / "findings.json", findings)
    write_table(target / "cohorts.parquet", pa.Table.from_pandas(members, preserve_index=False))
    shutil.copy(found / "cohort_speakers.parquet", target)


@pytest.fixture
def fake_run(tmp_path: Path) -> FakeRun:
    """A run of 2 pipelines, 2 conditions and 9 speakers of 3 accents; write it to use it."""
    return FakeRun(tmp_path / "run", tmp_path / "corpus")


@dataclass
class Page(HTMLParser):
    """A page as a browser's parser sees it. Fails where tags do not match."""

    path: Path
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: str = ""
    scripts: list[str] = field(default_factory=list)
    cells: list[list[str]] = field(default_factory=list)
    open_tags: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.source = self.path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.close()
        assert not self.open_tags

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open_tags.append(tag)
        if tag == "tr":
            self.cells.append([])
        if tag in ("td", "th"):
            self.cells[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open_tags.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open_tags and self.open_tags[-1] == "script":
            self.scripts.append(data)
        elif "style" not in self.open_tags:
            self.text += data
            if {"td", "th"} & set(self.open_tags):
                self.cells[-1][-1] += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every such element."""
        return [attrs for name, attrs in self.tags if name == tag]
