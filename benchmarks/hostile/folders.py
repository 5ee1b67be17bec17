"""Folders that cannot be worked in: two runs at once, copies, full and read-only disks, what is
removed during the run, names that are too long, files where folders should be. Each is one line and
exit code 2, never a defect; and once it is mended the run goes on, to the undisturbed one's end."""

from __future__ import annotations

import contextlib
import io
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from benchmarks.hostile import kills
from benchmarks.hostile.kills import contents
from benchmarks.hostile.trials import Tried
from evalkit.cli.commands import main

KILOBYTES = 96
"""Of a disk that a run fills."""


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code and its lines of errors."""

    code: int
    lines: tuple[str, ...]

    @classmethod
    def of(cls, code: int, printed: str) -> Ended:
        return cls(code, tuple(line for line in printed.splitlines() if line))

    def wrong(self, *words: str) -> Iterator[str]:
        """What is wrong with a refusal, which should hold ``words``."""
        errors = [line for line in self.lines if line.startswith("error: ")]
        if self.code != 2 or len(errors) != 1 or "internal error" in errors[0] or any(
                "Traceback" in line for line in self.lines):
            yield f"exit code {self.code}: {self.lines[-3:]}"
        elif not all(word in errors[0] for word in words):
            yield f"{errors[0]!r} does not say {words}"

    def failed(self) -> Iterator[str]:
        """What is wrong with a success."""
        if self.code:
            yield f"exit code {self.code}: {self.lines[-2:]}"


def here(*words: object) -> Ended:
    """`evalkit WORDS`, in this process."""
    errors, code = io.StringIO(), 0
    with (contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(errors),
          mock.patch.object(sys, "argv", ["evalkit", *map(str, words)])):
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return Ended.of(code, errors.getvalue())


def apart(*words: object, output: str | None = None, longest_file: int | None = None) -> Ended:
    """The same in a process of its own, which prints into ``output`` and may write no file of more
    than ``longest_file`` bytes."""
    limit = (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (longest_file, longest_file))
             ) if longest_file else None
    with Path(output or os.devnull).open("w") as printed:
        done = subprocess.run([Path(sys.executable).parent / "evalkit", *map(str, words)],
                              stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.PIPE,
                              text=True, check=False, timeout=300, preexec_fn=limit)
    return Ended.of(done.returncode, done.stderr)


@dataclass(frozen=True)
class World:
    """A small corpus in ``folder`` and a finished run of it."""

    folder: Path
    corpus: kills.World

    @property
    def finished(self) -> Path:
        return self.corpus.undisturbed and self.folder / "undisturbed"

    def run(self, out: Path, *options: object, command: Callable[..., Ended] = here) -> Ended:
        return command("run", self.folder / "eval.yaml", "--out", out, "-j", 0, *options)

    def mended(self, out: Path) -> Iterator[str]:
        """What is wrong once the run in ``out`` is started again, with nothing in its way."""
        yield from self.run(out).failed()
        now, before = contents(out), self.corpus.undisturbed[0]
        yield from (f"differs: {name}" for name in sorted(now.keys() | before.keys())
                    if now.get(name) != before.get(name))
        yield from (f"temporary file left: {path.name}" for path in out.rglob(".evalkit-*"))

    def started(self, out: Path) -> subprocess.Popen[str]:
        """A run into ``out`` that has made a part of it."""
        process = self.corpus.start(out)
        while process.poll() is None and not list(out.glob("scores/*.parquet")):
            time.sleep(0.02)
        return process


Case = Callable[[World, Path], Iterator[str]]
"""What is wrong when it is tried in a folder."""


def _two_at_once(world: World, folder: Path) -> Iterator[str]:
    first = world.started(folder / "run")
    yield from world.run(folder / "run", "--set", "seed=3").wrong("works in it")
    first.wait(300)
    yield from world.mended(folder / "run")


def _copied(world: World, folder: Path) -> Iterator[str]:
    shutil.copytree(world.finished, folder / "run")
    yield from here("groups", folder / "run", "--by", "speaker_id").failed()
    yield from world.mended(folder / "run")


def _moved(world: World, folder: Path) -> Iterator[str]:
    shutil.copytree(world.finished, folder / "before")
    (folder / "before").rename(folder / "run")
    yield from world.mended(folder / "run")


def _copied_while_running(world: World, folder: Path) -> Iterator[str]:
    process = world.started(folder / "run")
    subprocess.run(["cp", "-r", folder / "run", folder / "copy"], check=False,
                   stderr=subprocess.DEVNULL)
    process.wait(300)
    yield from world.mended(folder / "copy")
    yield from world.mended(folder / "run")


def _removed_while_running(world: World, folder: Path) -> Iterator[str]:
    process = world.started(folder / "run")
    shutil.rmtree(folder / "run", ignore_errors=True)
    code = process.wait(300)
    yield from Ended.of(code, (world.folder / "stderr").read_text()).wrong("start")
    yield from world.mended(folder / "run")


def _files_are_bounded(world: World, folder: Path) -> Iterator[str]:
    def bounded(*words: object) -> Ended:
        return apart(*words, longest_file=4000)

    yield from world.run(folder / "run", command=bounded).wrong("make room")
    yield from world.mended(folder / "run")


def _output_is_full(world: World, _folder: Path) -> Iterator[str]:
    yield from apart("groups", world.finished, "--by", "speaker_id", "--json",
                     output="/dev/full").wrong("No space left")


@contextmanager
def _disk(folder: Path, size: str) -> Iterator[bool]:
    """``folder`` as a disk of its own; False where that is not allowed."""
    folder.mkdir(exist_ok=True)
    allowed = _mount("-t", "tmpfs", "-o", f"size={size}", "none", folder)
    try:
        yield allowed
    finally:
        if allowed:
            subprocess.run(["umount", "-l", folder], check=True)


def _mount(*words: object) -> bool:
    return shutil.which("mount") is not None and not subprocess.run(
        ["mount", *map(str, words)], check=False, stderr=subprocess.DEVNULL).returncode


def _full(world: World, folder: Path) -> Iterator[str]:
    with _disk(folder / "disk", f"{KILOBYTES}k") as allowed:
        if allowed:
            yield from world.run(folder / "disk" / "run").wrong("No space left", "make room")
            _mount("-o", "remount,size=64m", folder / "disk")
            yield from world.mended(folder / "disk" / "run")


def _full_report(world: World, folder: Path) -> Iterator[str]:
    with _disk(folder / "disk", f"{KILOBYTES}k") as allowed:
        if allowed:
            yield from here("report", world.finished, "--out", folder / "disk" / "report").wrong(
                "No space left")
            yield from (f"left: {path}" for path in (folder / "disk").iterdir())


def _read_only(world: World, folder: Path) -> Iterator[str]:
    with _disk(folder / "disk", "64m") as allowed:
        if not allowed:
            return
        run = folder / "disk" / "run"
        shutil.copytree(world.finished, run)
        _mount("-o", "remount,ro", folder / "disk")
        yield from here("groups", run, "--by", "speaker_id").failed()
        for words in (("run", world.folder / "eval.yaml", "--out", run),
                      ("run", world.folder / "eval.yaml", "--out", folder / "disk" / "new"),
                      ("score", run), ("cohorts", run),
                      ("report", run, "--out", folder / "disk" / "report"),
                      ("report", run, "--out", folder / "report", "--markdown",
                       folder / "disk" / "brief.md"),
                      ("baseline", "freeze", run, "--out", folder / "disk" / "base.json.gz")):
            yield from (f"{words[0]}: {line}" for line in here(*words).wrong("ead-only"))
        _mount("-o", "remount,rw", folder / "disk")
        yield from world.mended(run)


def _long_names(world: World, folder: Path) -> Iterator[str]:
    for long in (folder / ("n" * 300), folder.joinpath(*["n" * 200] * 30)):
        for words in (("run", world.folder / "eval.yaml", "--out", long),
                      ("groups", long, "--by", "speaker_id"), ("score", long), ("cohorts", long),
                      ("run", long, "--out", folder / "run"),
                      ("report", world.finished, "--out", long), ("report", long, "--out", folder),
                      ("report", world.finished, "--out", folder / "r", "--markdown", long),
                      ("score", "-m", long, "-y", long, "-o", folder / "run"),
                      ("compare", long, world.finished)):
            yield from (f"{words[0]}: {line}" for line in here(*words).wrong())


def _files_for_folders(world: World, folder: Path) -> Iterator[str]:
    file = folder / "file"
    file.write_text("text")
    for words in (("run", world.folder / "eval.yaml", "--out", file),
                  ("run", world.folder / "eval.yaml", "--out", file / "run"),
                  ("groups", file, "--by", "speaker_id"), ("score", file, "--out", folder / "s"),
                  ("cohorts", file / "run"),
                  ("report", world.finished, "--out", file),
                  ("report", world.finished, "--out", file / "report"),
                  ("report", world.finished, "--out", folder / "r", "--markdown", file / "a.md")):
        yield from (f"{words[0]}: {line}" for line in here(*words).wrong(file.name))


def _files_within(world: World, folder: Path) -> Iterator[str]:
    for name in ("scores", "shards", "outputs", "audio", "outputs/measured"):
        run = folder / name.replace("/", "-")
        shutil.copytree(world.finished, run)
        shutil.rmtree(run / name, ignore_errors=True)
        (run / name).write_text("text")
        yield from (f"{name}: {line}" for line in world.run(run).wrong(Path(name).name))
        (run / name).unlink()
        yield from (f"{name}: {line}" for line in world.mended(run))


def _folders_within(world: World, folder: Path) -> Iterator[str]:
    for name in ("run.json", "summary.json", "outputs.parquet", "outputs/begun.json", ".lock",
                 ".lock.json", "outputs/run.json"):
        run = folder / name.replace("/", "-")
        shutil.copytree(world.finished, run)
        (run / name).unlink(missing_ok=True)
        (run / name).mkdir()
        yield from (f"{name}: {line}" for line in world.run(run).wrong(Path(name).name))
        (run / name).rmdir()
        yield from (f"{name}: {line}" for line in world.mended(run))


def _half_written(world: World, folder: Path) -> Iterator[str]:
    run, report = folder / "run", folder / "report"
    shutil.copytree(world.finished, run)
    nobody = subprocess.Popen([sys.executable, "-S", "-c", ""])
    nobody.wait()
    for place in (run, run / "scores", run / "outputs" / "measured", folder):
        name = f".evalkit-{_host()}-{nobody.pid}-0123abcd"
        (place / name).mkdir()
        (place / f"{name}.parquet").write_text("half")
    yield from here("report", run, "--out", report).failed()
    yield from world.mended(run)
    yield from (f"left: {path}" for path in folder.rglob(".evalkit-*"))


def _host() -> str:
    from evalkit.core.files import _host as host

    return host()


CASES: Mapping[str, Case] = {
    "copied": _copied, "moved": _moved, "long names": _long_names,
    "files in place of folders": _files_for_folders, "files within": _files_within,
    "folders within": _folders_within, "full disk": _full, "full disk, report": _full_report,
    "read-only": _read_only, "half-written files": _half_written,
    "two at once": _two_at_once, "copied while running": _copied_while_running,
    "removed while running": _removed_while_running, "bounded files": _files_are_bounded,
    "full output": _output_is_full}


def tried(scale: float, seed: int, folder: Path) -> list[Tried]:
    """``scale`` of the cases, chosen by ``seed``."""
    corpus, bad = kills.World(folder, kills.HUM), []
    corpus.make(random.Random(seed))
    world = World(folder, corpus)
    chosen = random.Random(seed).sample(sorted(CASES), round(min(1.0, scale) * len(CASES)))
    for number, name in enumerate(chosen):
        place = folder / f"case{number}"
        place.mkdir()
        bad += [f"{name}: {line}" for line in CASES[name](world, place)]
    return [Tried("folders that cannot be worked in", len(chosen), tuple(bad))]
