"""SIGKILL, of the parent and of workers at random moments, and of either at an operation on a file;
the run is then started again, and must end as one that nobody disturbed."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

from benchmarks.hostile.trials import Tried
from evalkit.store.outputs import TIMED
from evalkit.store.runfolder import MEASURED

UTTERANCES = 16
GONE = 5.0
"""Seconds within which no process may be left."""
SHIM = '''"""Kills this process, or all of the run, before or after its n-th operation on a file."""
import os, signal
count = 0
def counted(operation):
    def call(*values, **options):
        global count
        for step in (lambda: None, lambda: operation(*values, **options)):
            count += 1
            result = step()
            if count == int(os.environ["KILL_AT"]):
                (os.killpg if os.environ["KILL_ALL"] else os.kill)(
                    os.getpgrp() if os.environ["KILL_ALL"] else os.getpid(), signal.SIGKILL)
        return result
    return call
if os.environ.get("KILL_AT"):
    for name in ("replace", "rename", "unlink", "fsync", "mkdir", "open"):
        setattr(os, name, counted(getattr(os, name)))
'''

CHEAP = '''"""A condition that costs nothing, whose audio is kept."""
from dataclasses import dataclass
from evalkit.core.types import Audio
@dataclass(frozen=True)
class Clipped:
    identity = "clipped"
    def bind(self, utterances):
        return self
    def apply(self, speech, utterance):
        return Audio(speech.samples.clip(-0.1, 0.1), speech.rate)
'''
SHIMS = {"sitecustomize.py": SHIM, "cheap.py": CHEAP,
         "cheap-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: cheap\nVersion: 1\n",
         "cheap-1.dist-info/entry_points.txt": "[evalkit.conditions]\ncheap = cheap:Clipped\n"}


CLIPPED = {"name": "clipped", "plugin": "cheap"}
HUM = {"name": "hum", "noise": "stationary", "snr_db": 5}
"""A condition that is evalkit's own, for commands that do not know the plug-in."""


@dataclass(frozen=True)
class World:
    """A small corpus with hypotheses, in ``folder``; every process of a run knows ``mark``.
    ``changed`` is the condition under which audio is kept."""

    folder: Path
    changed: Mapping[str, object] = field(default_factory=lambda: CLIPPED)

    @property
    def mark(self) -> str:
        return f"EVALKIT_KILLS={self.folder}"

    def make(self, rng: random.Random) -> None:
        for name in ("audio", "shim/cheap-1.dist-info", "tmp"):
            (self.folder / name).mkdir(parents=True)
        for name, content in SHIMS.items():
            (self.folder / "shim" / name).write_text(content)
        rows, heard = [], []
        for index in range(UTTERANCES):
            noise = np.random.default_rng(index).standard_normal(8000 + 50 * index)
            soundfile.write(self.folder / "audio" / f"{index}.wav", 0.1 * noise, 16_000)
            words = rng.choices(["turn", "it", "on", "off", "please"], k=6)
            rows.append({"id": f"u{index}", "audio": f"audio/{index}.wav", "text": " ".join(words),
                         "speaker": f"s{index % 5}"})
            heard.append({"id": f"u{index}", "hypothesis": " ".join(words[1:])})
        for name, lines in (("test", rows), ("heard", heard)):
            (self.folder / f"{name}.jsonl").write_text(
                "".join(json.dumps(line) + "\n" for line in lines))
        (self.folder / "eval.yaml").write_text(json.dumps({
            "corpus": "test.jsonl", "metrics": ["wer", "si_sdr"], "shard_size": 4,
            "conditions": ["clean", self.changed],
            "pipelines": [{"name": "given", "recognizer": {"name": "precomputed",
                                                           "path": "heard.jsonl"}}]}))

    def start(self, out: Path, jobs: int = 2, **environment: str) -> subprocess.Popen[str]:
        """A run into ``out`` with ``jobs`` workers, in a process group of its own."""
        paths = [str(self.folder / "shim"), os.environ.get("PYTHONPATH", "")]
        name, _, value = self.mark.partition("=")
        return subprocess.Popen(
            [Path(sys.executable).parent / "evalkit", "run", self.folder / "eval.yaml",
             "--out", out, "-j", str(jobs)], start_new_session=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=(self.folder / "stderr").open("w"), text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths)), name: value,
                              "TMPDIR": str(self.folder / "tmp")} | environment)

    def processes(self) -> list[str]:
        """Of runs, that are alive."""
        found = []
        for process in psutil.process_iter():
            try:
                name, _, value = self.mark.partition("=")
                if process.environ().get(name) == value:
                    found.append(" ".join(process.cmdline())[:80])
            except psutil.Error:
                continue
        return found

    @cached_property
    def undisturbed(self) -> tuple[dict[str, str], float]:
        """What a run leaves, and how many seconds it takes."""
        began = time.monotonic()
        if self.start(self.folder / "undisturbed").wait(300):
            raise RuntimeError((self.folder / "stderr").read_text())
        return contents(self.folder / "undisturbed"), time.monotonic() - began

    def ended(self, out: Path) -> list[str]:
        """What is wrong now that a process was killed, and once the run was started again."""
        wrong, until = [], time.monotonic() + GONE
        while (left := self.processes()) and time.monotonic() < until:
            time.sleep(0.1)
        wrong += [f"process left: {each}" for each in left]
        if code := self.start(out, jobs=0).wait(300):
            wrong.append(f"exit code {code}: {(self.folder / 'stderr').read_text()[-200:]}")
        now, before = contents(out), self.undisturbed[0]
        wrong += [f"differs: {name}" for name in sorted(now.keys() | before.keys())
                  if now.get(name) != before.get(name)]
        temporary = [path for path in out.rglob(".*") if not path.name.startswith(".lock")]
        temporary += [*self.folder.glob(".*"), *(self.folder / "tmp").iterdir()]
        wrong += [f"temporary file left: {path.name}" for path in temporary]
        return wrong + [f"process left at the end: {each}" for each in self.processes()]


def contents(out: Path) -> dict[str, str]:
    """Digests of all tables of a run, measured times aside, and of its audio."""
    return {str(path.relative_to(out)): hashlib.sha256(_bytes(path)).hexdigest()
            for path in sorted(out.rglob("[!.]*")) if path.suffix in (".parquet", ".flac", ".npy")}


def _bytes(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix != ".parquet":
        return data
    table = pq.read_table(path)
    table = table.drop_columns([name for name in table.column_names if name in {*MEASURED, *TIMED}])
    table = table.replace_schema_metadata(None)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


def _kill_parent(world: World, out: Path, rng: random.Random) -> str:
    run, moment = world.start(out), rng.uniform(0, world.undisturbed[1])
    time.sleep(moment)
    run.kill()
    run.wait()
    return f"parent after {moment:.2f} s"


def _kill_worker(world: World, out: Path, rng: random.Random) -> str:
    run, workers = world.start(out), []
    while not workers and run.poll() is None:
        time.sleep(0.05)
        workers = [child for child in psutil.Process(run.pid).children()
                   if "evalkit.core.worker" in " ".join(child.cmdline())]
    moment = rng.uniform(0, 0.6 * world.undisturbed[1])
    time.sleep(moment)
    try:
        rng.choice(workers).kill()
    except psutil.Error:
        moment = -1.0
    code = run.wait(300)
    return f"worker after {moment:.2f} s, exit code {code}"


def _kill_at_file(world: World, out: Path, rng: random.Random) -> str:
    operation, everything = rng.randrange(1, 100), rng.choice(["", "yes"])
    run = world.start(out, KILL_AT=str(operation), KILL_ALL=everything)
    try:
        run.wait(300)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        return f"ENDLESS at operation {operation}"
    return f"{'all' if everything else 'itself'} at operation {operation}"


KINDS: tuple[tuple[str, int, Callable[[World, Path, random.Random], str]], ...] = (
    ("SIGKILLs of the parent", 50, _kill_parent), ("SIGKILLs of a worker", 20, _kill_worker),
    ("SIGKILLs at a file operation", 20, _kill_at_file))


def tried(scale: float, seed: int, folder: Path) -> list[Tried]:
    """All kinds, each ``scale`` times as often as at full size."""
    rng, world, results = random.Random(seed), World(folder), []
    world.make(rng)
    for what, full, kill in KINDS:
        times, bad = max(1, round(scale * full)), []
        for attempt in range(times):
            out = folder / f"{kill.__name__}{attempt}"
            killed = kill(world, out, rng)
            bad += [f"{killed}: {line}" for line in world.ended(out)]
        results.append(Tried(what, times, tuple(bad)))
    return results
