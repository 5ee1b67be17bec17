"""Runs of PESQ, STOI and words with two workers, beside the time that their workers spend inside
these three.

The models are stubs: what they gave lies in files. Beside the clock, which other programs on the
machine hold up, is the processor time of all processes. A run has fixed costs, so that there are
two sizes: a small set, and one as large as LibriSpeech's test-clean, which takes some minutes."""

from __future__ import annotations

import json
import resource
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import soundfile

from benchmarks.speed.inside import Spent, noted, process_noted
from benchmarks.speed.quality import RATE, SECONDS, noisy, speech
from benchmarks.speed.table import Row
from evalkit.core.config import parse_config
from evalkit.run import executors
from evalkit.run.runner import Work, run

SMALL, LARGE, WORKERS = 200, 2_620, 2
"""Utterances, the large as many as test-clean has, and processes."""
DISTINCT = 200
"""Recordings that are made up; further ones are copies."""
ASKED = 1.1
SAID = ["the", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog", "and", "then", "it"]


def made(folder: Path, utterances: int) -> Path:
    """A manifest of noisy recordings with their clean ones, and the hypotheses of a stub."""
    rows, heard = [], []
    for i in range(utterances):
        _record(folder, i)
        rows.append({"id": str(i), "audio": f"{i}-noisy.wav", "reference_audio": f"{i}-clean.wav",
                     "text": " ".join(SAID), "speaker": f"s{i % 40}"})
        heard.append(f"{i}\t{' '.join(SAID[:-1])}\n")
    (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "heard.tsv").write_text("".join(heard))
    return folder / "test.jsonl"


def _record(folder: Path, i: int) -> None:
    kinds = "clean", "noisy"
    if i >= DISTINCT:
        for kind in kinds:
            shutil.copyfile(folder / f"{i % DISTINCT}-{kind}.wav", folder / f"{i}-{kind}.wav")
        return
    clean = speech(SECONDS, i)
    for kind, samples in zip(kinds, (clean, noisy(clean, i)), strict=True):
        soundfile.write(folder / f"{i}-{kind}.wav", samples, RATE)


def _processor() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def measured(manifest: Path) -> tuple[Spent, Spent]:
    """What a run of all that ``made`` wrote takes, and how much of it its workers spend inside."""
    folder = manifest.parent
    tree = {"corpus": manifest.name, "metrics": ["pesq_wb", "stoi", "wer"],
            "keep_audio": False, "pipelines": [{"name": "stub", "recognizer": {
                "name": "precomputed", "path": str(folder / "heard.tsv")}}]}
    with patch.object(executors, "process_minded", process_noted):
        start = Spent.now(_processor)
        run(parse_config(tree, manifest), folder / "run", Work(WORKERS))
        whole = Spent.now(_processor).since(start)
    return whole, noted(folder)


def rows_of(utterances: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name:
        whole, inside = measured(made(Path(name), utterances))
    work = f"run of {utterances:,} utterances of {SECONDS} s, stub models, {WORKERS} workers"
    yield Row(f"{work}: clock", whole.clock / (inside.clock / WORKERS), ASKED,
              "x that inside PESQ, STOI and alignment, by workers",
              note=f"{whole.clock:.1f} s, inside {inside.clock:.1f} s")
    yield Row(f"{work}: processor", whole.processor / inside.processor, ASKED,
              "x that inside PESQ, STOI and alignment",
              note=f"{whole.processor:.1f} s, inside {inside.processor:.1f} s")


def rows() -> Iterator[Row]:
    return rows_of(SMALL)
