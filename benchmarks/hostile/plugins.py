"""Runs with plug-ins and programs that misbehave on one utterance of six: none may be lost, the
others' numbers must be those of a run in which all behave, and the guilty utterance must be a
failure that says why, or unharmed where what was done is undone."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile

from benchmarks.hostile import misbehaviour as ways
from benchmarks.hostile.trials import Tried
from evalkit.store.runfolder import MEASURED

RATE = 16_000
LENGTHS = (9_600, 10_400, ways.GUILTY, 12_000, 12_800, 13_600)
WHO = "u2"
HARMLESS = {*ways.HARMLESS, "clears its batch", "writes later", "writes memory",
            "changes the metadata", "a subclass of str"}
TOGETHER = 12
"""Misbehaviours in one run."""
LONGEST_REASON = 400

ENTRY_POINTS = "".join(f"[evalkit.{group}]\n" + "".join(
    f"{name} = benchmarks.hostile.misbehaviour:{what}\n" for name, what in plugins.items())
    for group, plugins in {
        "enhancers": {"hostile": "Enhancer"}, "streaming_enhancers": {"hostile": "Enhancer"},
        "encoders": {"hostile": "Encoder"},
        "recognizers": {"hostile": "Recognizer", "unmade": "Unmade", "dying": "Dying",
                        "unimportable": "NoSuchThing"},
        "metrics": {"hostile": "Metric", "misstated": "Misstated"},
        "conditions": {"hostile": "Condition", "unbound": "Unbound"}}.items())

PROGRAM = """
import os, shutil, signal, subprocess, sys, time, wave
with wave.open(sys.argv[1]) as file:
    n = file.getnframes()
child = [sys.executable, "-S", "-c", "import time; time.sleep(600)", os.path.dirname(__file__)]
done = False
if n == {guilty}:
    {code}
if not done and len(sys.argv) > 2:
    shutil.copy(sys.argv[1], sys.argv[2])
print("on " * (n // 1600))
"""
PROGRAMS: Mapping[str, tuple[str, bool]] = {
    "starts a child": ("subprocess.Popen(child)", True),
    "starts a session": ("subprocess.Popen(child, start_new_session=True)", True),
    "exit 3": ("sys.exit('no model')", False), "aborts": ("os.abort()", False),
    "prints for ever": ("while True: print('on ' * 10_000)", False),
    "complains for ever": ("while True: sys.stderr.write('no ' * 10_000)", False),
    "hangs": ("signal.signal(signal.SIGTERM, signal.SIG_IGN); subprocess.Popen(child); "
              "time.sleep(600)", False),
    "reads": ("sys.stdin.read()", True), "kills its group": ("os.killpg(0, 9)", False),
    "kills its parent": ("os.kill(os.getppid(), 9); time.sleep(600)", False)}
"""By name: what a program does, and whether its utterance is unharmed."""
HEARD = PROGRAMS | {
    "not UTF-8": ("os.write(1, b'\\xff\\xfe')", False), "NUL": ("os.write(1, b'o\\0n')", False)}
MADE = PROGRAMS | {
    "writes nothing": ("done = True", False),
    "a fifo": ("os.mkfifo(sys.argv[2]); done = True", False),
    "a folder": ("os.mkdir(sys.argv[2]); done = True", False),
    "a link": ("os.symlink(sys.argv[1], sys.argv[2]); done = True", False),
    "a device": ("os.symlink('/dev/zero', sys.argv[2]); done = True", False),
    "no recording": ("open(sys.argv[2], 'w').write('RIFF'); done = True", False)}


@dataclass(frozen=True)
class Case:
    """One way to misbehave of one ``part``: enhancer or its stream, recognizer, encoder, metric,
    condition, or a program in the place of an enhancer or recognizer."""

    part: str
    how: str
    program: bool = False
    plugin: str = "hostile"

    def __str__(self) -> str:
        return f"{self.part}{' program' if self.program else ''}: {self.how}"

    @property
    def is_harmless(self) -> bool:
        """Whether the utterance must have its usual scores."""
        return ({**HEARD, **MADE}[self.how][1] if self.program
                else self.how in {ways.WELL, *HARMLESS})


def cases() -> list[Case]:
    """All of them that do not end their process."""
    plugins = {
        "recognizer": [*ways.ENDINGS, *ways.HARMLESS, *ways.LISTS, *ways.Recognizer.waywards],
        "enhancer": [*ways.Enhancer.waywards, "too few", "clears its batch", "sys.exit(0)",
                     "closes descriptors"],
        "stream": [*ways.STREAMS, "sys.exit(0)", "KeyboardInterrupt", "settings"],
        "encoder": [*ways.Encoder.waywards, "too many", "sys.exit(0)", "settings"],
        "metric": [*ways.MEASURES, *ways.ENDINGS, *ways.HARMLESS, "changes the metadata",
                   "writes into the reference", "writes memory"],
        "condition": [*ways.Condition.waywards, "sys.exit(0)", "KeyboardInterrupt", "settings"]}
    programs = {"recognizer": HEARD, "enhancer": MADE}
    return [*(Case(part, how) for part, hows in plugins.items() for how in hows),
            *(Case(part, how, program=True) for part, hows in programs.items() for how in hows)]


def dying() -> list[Case]:
    """Those that end their process, or never end."""
    return [Case("recognizer", how, plugin="dying") for how in ways.DYING]


UNMADE: Mapping[str, dict[str, Any]] = {
    **{f"recognizer: {where}": {"recognizer": {"name": "unmade", "where": where}}
       for where in ("init", "error", "identity", "number", "empty", "warm-up")},
    "recognizer: not in its module": {"recognizer": "unimportable"},
    "recognizer: batch 0": {"recognizer": {"name": "hostile", "batch": 0}},
    "metric: facts": {"metrics": ["misstated"]}}
"""Pipelines that cannot be made."""


Evalkit = Callable[[Sequence[str], Path], "subprocess.CompletedProcess[str]"]


def evalkit(words: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """The installed program, which finds the plug-ins of ``folder``."""
    root = Path(__file__).parents[2]
    path = os.pathsep.join(filter(None, [str(folder), str(root), os.environ.get("PYTHONPATH")]))
    return subprocess.run([Path(sys.executable).parent / "evalkit", *words], cwd=folder, text=True,
                          env=os.environ | {"PYTHONPATH": path}, capture_output=True, check=False,
                          errors="replace", timeout=300)


def prepare(folder: Path) -> None:
    """A corpus of six utterances, and the plug-ins."""
    rng = np.random.default_rng(0)
    rows = []
    for i, length in enumerate(LENGTHS):
        tone = 0.3 * np.sin(0.05 * (i + 1) * np.arange(length))
        soundfile.write(folder / f"{i}.wav", tone + 0.01 * rng.standard_normal(length), RATE)
        rows.append({"id": f"u{i}", "audio": f"{i}.wav", "text": "on " * (length // 1600),
                     "speaker": f"s{i % 2}", "accent": "north"})
    (folder / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    package = folder / "hostile-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile\nVersion: 1\n")
    (package / "entry_points.txt").write_text(ENTRY_POINTS)


def pipeline(name: str, case: Case | None, folder: Path) -> dict[str, Any]:
    """One whose parts behave, but for that of the case; a program in its place."""
    well = {"name": "hostile", "salt": name}
    parts: dict[str, Any] = dict.fromkeys(("enhancer", "recognizer", "encoder"), well)
    metric: dict[str, Any] = well
    if case is not None and case.program:
        parts[case.part] = _command(case, folder)
    elif case is not None and case.part in parts:
        parts[case.part] = well | {"name": case.plugin, "how": case.how}
    elif case is not None and case.part == "metric":
        metric = well | {"how": case.how}
    elif case is not None and case.part == "stream":
        parts |= {"enhancer": well | {"how": case.how}, "stream": 1.0}
    return {"name": name, **parts, "metrics": [metric, "wer", "si_sdr"]}


def _command(case: Case, folder: Path) -> dict[str, Any]:
    path = folder / f"{case.part} {case.how}.py"
    code = ("pass" if case.how == ways.WELL else {**HEARD, **MADE}[case.how][0])
    path.write_text(PROGRAM.format(guilty=ways.GUILTY, code=code))
    places = ["{input}", "{output}"][:1 + (case.part == "enhancer")]
    return {"name": "command", "run": [sys.executable, "-S", str(path), *places], "timeout_s": 3.0}


def attempt(tried: Sequence[Case], folder: Path, name: str, workers: int = 1,
            evalkit: Evalkit = evalkit, **options: Any) -> Iterator[str]:
    """A line for everything that is wrong after a run of the cases between pipelines, or under
    conditions, that behave."""
    conditions, pipelines = [], []
    for i, case in enumerate(tried):
        if case.part == "condition":
            conditions.append({"name": f"case{i}", "plugin": {
                "name": "hostile", "how": case.how}})
        else:
            pipelines.append(pipeline(f"case{i}", case, folder))
    well = {"name": "well", "plugin": {"name": "hostile"}}
    programs = [pipeline(f"well-{part}-program", Case(part, ways.WELL, program=True), folder)
                for part in {case.part for case in tried if case.program}]
    after = {"name": "after", "plugin": {"name": "hostile", "salt": "after"}}
    tree = {"corpus": "m.jsonl", "metrics": ["wer"], "conditions": [well, *conditions,
                                                                     *[after][:len(conditions)]],
        **options, "pipelines": [pipeline("well", None, folder), *programs, *pipelines,
                      pipeline("after", None, folder)]}
    (folder / f"{name}.yaml").write_text(json.dumps(tree))
    ended = evalkit(["run", f"{name}.yaml", "-o", name, "-j", str(workers), "--max-failed", "1"],
                    folder)
    out = folder / name
    if ended.returncode != 0 or not (out / "run.json").exists():
        said = (ended.stderr.splitlines() or ["it said nothing"])[-1]
        yield f"{name} ({', '.join(map(str, tried))}): exit code {ended.returncode}: {said}"
        return
    tables = Tables(out)
    for i, case in enumerate(tried):
        on_its_own = case.part == "condition"
        usual = f"well-{case.part}-program" if case.program else "well"
        for wrong in tables.wrong(case, (usual, "well"),
                                  ("well", f"case{i}") if on_its_own else (f"case{i}", "well")):
            yield f"{case}: {wrong}"
    last = [("after", "well"), *([("well", "after")] if conditions else [])]
    for wrong in (line for cell in last for line in tables.wrong(None, ("well", "well"), cell)):
        yield f"{name}, what came after: {wrong}"
    yield from (f"{name}: {line}" for line in _left_running(folder))


class Tables:
    """The tables of a run, a row a thing that is compared."""

    def __init__(self, out: Path) -> None:
        scores = pd.concat(pd.read_parquet(path) for path in sorted(out.glob("scores/*.parquet")))
        outputs = pd.read_parquet(out / "outputs.parquet")
        embeddings = pd.read_parquet(out / "embeddings.parquet")
        self._parts = {"scores": scores, "outputs": outputs, "embeddings": embeddings.assign(
            embedding=embeddings["embedding"].map(lambda vector: vector.tobytes()))}

    def cell(self, table: str, cell: tuple[str, str], *, guilty: bool) -> pd.DataFrame:
        """The rows of one pipeline under one condition, of the guilty utterance or the others,
        without what is measured in seconds or names files."""
        rows = self._parts[table]
        here = ((rows["pipeline"] == cell[0]) & (rows["condition"] == cell[1])
                & ((rows["utterance_id"] == WHO) == guilty))
        dropped = rows.columns.intersection(["pipeline", "condition", "input_audio",
                                             "output_audio", *MEASURED])
        keys = ["utterance_id", "metric"] if table == "scores" else ["utterance_id"]
        return rows[here].drop(columns=dropped).sort_values(keys, ignore_index=True)

    def wrong(self, case: Case | None, usual: tuple[str, str], cell: tuple[str, str]
              ) -> Iterator[str]:
        """What differs from the usual, and must not; and a failure that is none."""
        for guilty in (False, True):
            if guilty and case is not None and not case.is_harmless:
                yield from self._unfailed(case, cell)
                continue
            for table in self._parts:
                a, b = (self.cell(table, each, guilty=guilty) for each in (usual, cell))
                if not a.equals(b):
                    yield f"{table} of {'itself' if guilty else 'others'} differ"

    def _unfailed(self, case: Case, cell: tuple[str, str]) -> Iterator[str]:
        scores = self.cell("scores", cell, guilty=True).set_index("metric")["error"]
        affected = {"recognizer": ["wer"], "encoder": [], "metric": ["hostile"]}.get(
            case.part, ["wer", "si_sdr", "hostile"])
        errors = list(scores[affected])
        if case.part != "metric":
            errors.append(self.cell("outputs", cell, guilty=True)["error"].item())
        if case.part == "encoder" and len(self.cell("embeddings", cell, guilty=True)):
            yield "its embedding is kept"
        for error in errors:
            if not isinstance(error, str):
                yield "it is no failure"
            elif len(error) > LONGEST_REASON or not error.isprintable() or ": " not in error:
                yield f"its reason is {error!r}"
            elif "writes into" in case.how and "copy it first" not in error:
                yield f"its reason does not say what to do: {error}"


def _left_running(folder: Path) -> Iterator[str]:
    import psutil

    for process in psutil.process_iter(["cmdline"]):
        if any(str(folder) in word for word in process.info["cmdline"] or ()):
            yield f"still runs: {' '.join(process.info['cmdline'])[:200]}"


def unmade(folder: Path, evalkit: Evalkit = evalkit) -> Iterator[str]:
    """A line for each plug-in that cannot be made and is not refused in one line."""
    for name, changes in UNMADE.items():
        tree = {"corpus": "m.jsonl", "metrics": ["wer"], "conditions": ["clean"], "pipelines": [
            {**pipeline("p", None, folder), **changes}]}
        (folder / "unmade.yaml").write_text(json.dumps(tree))
        ended = evalkit(["run", "unmade.yaml", "-o", "unmade", "-j", "0"], folder)
        lines = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
        if ended.returncode != 2 or len(lines) != 1 or "internal error" in lines[0]:
            yield f"{name}: exit code {ended.returncode}: {ended.stderr[-300:]}"


def tried(scale: float, seed: int, folder: Path) -> list[Tried]:
    """A part of the cases, drawn at random, TOGETHER in a run."""
    prepare(folder)
    every = cases()
    drawn = random.Random(seed).sample(every, max(1, round(scale * len(every))))
    bad = [line for first in range(0, len(drawn), TOGETHER) for line in attempt(
        drawn[first:first + TOGETHER], folder, f"run{first}")]
    ends = dying()
    fatal = [line for i, case in enumerate(ends) for line in attempt(
        [case], folder, f"dying{i}", workers=2, time_limit=5.0)]
    return [Tried("misbehaving plug-ins and programs", len(drawn), tuple(bad)),
            Tried("plug-ins that end their process, or never end", len(ends), tuple(fatal)),
            Tried("plug-ins that cannot be made", len(UNMADE), tuple(unmade(folder)))]
