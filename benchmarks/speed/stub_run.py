"""A run of PESQ, STOI and words with two workers, beside the time that these alone take.

The models are stubs: what they gave lies in files. Beside the wall clock, which other programs on
the machine hold up, is the processor time of all processes."""

from __future__ import annotations

import json
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import soundfile

from benchmarks.speed.quality import RATE, SECONDS, fresh, noisy, speech
from benchmarks.speed.table import Row
from evalkit.core.alignment import align, count_edits
from evalkit.core.config import parse_config
from evalkit.core.types import Utterance
from evalkit.metrics.pesq import PesqWideband
from evalkit.metrics.stoi import Stoi
from evalkit.run.runner import Work, run

UTTERANCES, WORKERS = 200, 2
SAID = ["the", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog", "and", "then", "it"]


def made(folder: Path) -> Path:
    """A manifest of noisy recordings with their clean ones, and the hypotheses of a stub."""
    rows, heard = [], []
    for i in range(UTTERANCES):
        clean = speech(SECONDS, i)
        for kind, samples in (("clean", clean), ("noisy", noisy(clean, i))):
            soundfile.write(folder / f"{i}-{kind}.wav", samples, RATE)
        rows.append({"id": str(i), "audio": f"{i}-noisy.wav", "reference_audio": f"{i}-clean.wav",
                     "text": " ".join(SAID), "speaker": f"s{i % 40}"})
        heard.append(f"{i}\t{' '.join(SAID[:-1])}\n")
    (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "heard.tsv").write_text("".join(heard))
    return folder / "test.jsonl"


def inside(folder: Path) -> float:
    """Processor seconds of the metrics alone, of one process."""
    utterance, taken = Utterance("u"), 0.0
    for i in range(UTTERANCES):
        output = fresh(*(soundfile.read(folder / f"{i}-{kind}.wav", dtype="float32")[0]
                         for kind in ("clean", "noisy")))
        started = time.process_time()
        for metric in (PesqWideband(), Stoi()):
            metric.measure(utterance, output)
        count_edits(SAID, SAID[:-1])
        align(SAID, SAID[:-1]).to_json()
        taken += time.process_time() - started
    return taken


def _processor() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        manifest = made(folder)
        alone = inside(folder)
        tree = {"corpus": manifest.name, "metrics": ["pesq_wb", "stoi", "wer"],
                "keep_audio": False, "pipelines": [{"name": "stub", "recognizer": {
                    "name": "precomputed", "path": str(folder / "heard.tsv")}}]}
        before = time.perf_counter(), _processor()
        run(parse_config(tree, manifest), folder / "run", Work(WORKERS))
        wall, processor = time.perf_counter() - before[0], _processor() - before[1]
    work = f"run of {UTTERANCES} utterances of {SECONDS} s, stub models, {WORKERS} workers"
    yield Row(f"{work}: wall", wall / (alone / WORKERS), 1.1, "x PESQ, STOI and alignment",
              note=f"{wall:.1f} s")
    yield Row(f"{work}: processor", processor / alone, 1.1, "x PESQ, STOI and alignment",
              note=f"{processor:.1f} s, of which {alone:.1f} s")
