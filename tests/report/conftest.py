"""A run folder as the runner writes them, made of whatever errors a test asks for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import soundfile

from evalkit import scores, trials
from evalkit.alignment import align
from evalkit.report import write_report
from evalkit.runfolder import OUTPUTS, write_json, write_table

RATE = 16_000
TEXT = "turn on the kitchen light and play some quiet music"
RATES = {"Caribbean": 0.45, "Scottish": 0.25, "General American": 0.1}
HARM = {"clean": 0.0, "babble_5db": 0.2}
VOID = {"meta", "br", "link", "img", "input", "hr"}
WORDS = ("wer", "wer.substitutions", "wer.deletions", "wer.insertions", "wer.hits")


def facts() -> dict[str, dict[str, Any]]:
    shares = {name: {"unit": "%", "higher_is_better": False, "decimals": 2,
                     "definition": f"What {name} counts, over reference words"}
              for name in WORDS}
    quality = {"unit": "MOS-LQO", "higher_is_better": True, "decimals": 2,
               "definition": "ITU-T P.862.2"}
    return shares | {"pesq_wb": quality, "eer": {
        "unit": "%", "higher_is_better": False, "decimals": 2, "definition": "Equal error rate"}}


def make_info(root: Path, pipelines: list[str], conditions: list[str], utterances: pd.DataFrame,
              ) -> dict[str, Any]:
    part = {"name": "ctc", "identity": "ctc 1, sha256 12ab"}
    enhancer = {"name": "rnnoise", "identity": "pyrnnoise 0.4.6", "delay_ms": 10.0}
    return {
        "schema": 1, "evalkit": "0.1.0", "created": "2026-11-21T07:00:00+00:00", "command": "run",
        "config": {"corpus": "test.jsonl", "keep_audio": True, "seed": 0}, "seed": 0,
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
        self.info = make_info(self.root, self.pipelines, self.conditions, self.utterances)
        self.trials = [{"pipeline": p, "condition": c, "metric": "eer", "value": 0.125, "n": 102,
                        "n_failed": 0} for p in self.pipelines for c in self.conditions]

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

    def write(self, *, audio: bool = False) -> Path:
        """Writes the folder, with the recordings if ``audio``, and returns it."""
        write_table(self.folder / "utterances.parquet",
                    pa.Table.from_pandas(self.utterances, preserve_index=False))
        write_table(self.folder / "outputs.parquet", pa.Table.from_pylist(self.outputs, OUTPUTS))
        write_table(self.folder / "trials.parquet", trials.SCHEMA.empty_table())
        write_table(self.folder / "scores" / "a.parquet",
                    pa.Table.from_pylist(self.scores, scores.SCHEMA))
        write_json(self.folder / "run.json", self.info)
        write_json(self.folder / "summary.json", self.summary())
        if audio:
            self.record()
        return self.folder

    def table(self) -> pd.DataFrame:
        """The scores table."""
        return pa.Table.from_pylist(self.scores, scores.SCHEMA).to_pandas()

    def summary(self) -> dict[str, Any]:
        """What the runner would sum up."""
        columns = ["pipeline", "condition", "metric", "value", "n", "n_failed", "n_speakers"]
        rows = scores.summarise(self.table())[columns].astype(object)
        kinds = Counter((row["pipeline"], row["condition"], row["metric"],
                         row["error"].split(":")[0]) for row in self.scores if row["error"])
        return {
            "schema": 1, "scores": rows.where(rows.notna(), None).to_dict("records"),
            "trials": self.trials,
            "failures": [{"pipeline": p, "condition": c, "metric": m, "kind": kind, "n": n}
                         for (p, c, m, kind), n in sorted(kinds.items())],
            "efficiency": [{"pipeline": p, "condition": c, "seconds": 36.0,
                            "processing_seconds": 1.8, "rtf": 0.05}
                           for p in self.pipelines for c in self.conditions]}

    def record(self) -> None:
        """A tone for every recording that the tables name."""
        names = [(self.root, name) for name in self.utterances["audio"] if name]
        names += [(self.folder, row[column]) for row in self.outputs
                  for column in ("input_audio", "output_audio") if row[column]]
        for i, (folder, name) in enumerate(dict.fromkeys(names)):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            tone = 0.1 * np.sin(2 * np.pi * (200 + i) * np.arange(RATE // 4) / RATE)
            soundfile.write(path, tone, RATE)


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[FakeRun, Path]:
    """An ordinary run with recordings, and the page of it. Not to be changed."""
    folder = tmp_path_factory.mktemp("written")
    run = FakeRun(folder / "run", folder / "corpus")
    return run, write_report(run.write(audio=True), folder / "report")


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
