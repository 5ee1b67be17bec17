"""SIGINT and SIGTERM at random moments of a command's life, from when it first hears signals: it
ends as always, or with 130 or 143 and one line, never with a traceback, within five seconds."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.hostile.trials import Tried

EVALKIT = Path(sys.executable).parent / "evalkit"
SIGNALS = (signal.SIGINT, signal.SIGTERM)
COMMANDS = ("--help", "score -m m.jsonl -y h.tsv -o x", "run eval.yaml -o y -j 1",
            "report v1 -o rep")
SECONDS = 5.0
"""In which a command ends."""
SPAN = 2.0
"""Seconds of a command's life in which signals come."""


def make(folder: Path) -> None:
    """A corpus, hypotheses, a configuration, and a run ``v1`` of them."""
    (folder / "m.jsonl").write_text("".join(json.dumps({
        "id": f"u{i}", "text": "turn on the light", "speaker": f"s{i % 8}"}) + "\n"
        for i in range(32)))
    (folder / "h.tsv").write_text("".join(f"u{i}\tturn on the light\n" for i in range(32)))
    (folder / "eval.yaml").write_text(
        "corpus: m.jsonl\nmetrics: [wer]\n"
        "pipelines: [{name: a, recognizer: {name: precomputed, path: h.tsv}}]\n")
    words = ["score", "-m", "m.jsonl", "-y", "h.tsv", "-o", "v1"]
    subprocess.run([EVALKIT, *words], cwd=folder, check=True, capture_output=True)


def hears(process: subprocess.Popen[str], _folder: Path) -> bool:
    """Whether the program, no longer Python alone, handles SIGTERM."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("SigCgt"):
            return bool(int(line.split()[1], 16) >> (signal.SIGTERM - 1) & 1)
    return False


def at_work(process: subprocess.Popen[str], _folder: Path) -> bool:
    """Whether it has said its first line, which begins every command's work."""
    assert process.stderr is not None
    return bool(process.stderr.readline())


def stopped(folder: Path, command: str, number: signal.Signals, *, after: float = 0.0,
            when: Callable[[subprocess.Popen[str], Path], bool] = hears
            ) -> tuple[int, list[str]]:
    """Exit code and lines of errors of a command that gets a signal ``after`` seconds."""
    for made in ("x", "y", "rep"):
        shutil.rmtree(folder / made, ignore_errors=True)
    with subprocess.Popen([EVALKIT, *command.split()], cwd=folder, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while process.poll() is None and not when(process, folder):
            time.sleep(0.001)
        time.sleep(after)
        process.send_signal(number)
        try:
            said = process.communicate(timeout=SECONDS)[1]
        except subprocess.TimeoutExpired:
            process.kill()
            said = process.communicate()[1] + "\nendless"
        return process.returncode, said.splitlines()


def wrong(folder: Path, command: str, after: float, number: signal.Signals) -> Iterator[str]:
    """What is wrong with how it ended."""
    code, lines = stopped(folder, command, number, after=after)
    what = f"{command}: {number.name} after {after:.3f} s: exit code {code}: {lines[-3:]}"
    said = [line for line in lines if line.startswith("stopped by ")]
    ended = code in (0, 128 + number, -number) and "endless" not in lines
    unclear = any("Traceback" in line or "ignored" in line or line.startswith("error")
                  for line in lines)
    last = lines[-1:] if code == 128 + number else said
    if not ended or unclear or len(said) > 1 or last != said:
        yield what


def tried(scale: float, seed: int, folder: Path) -> list[Tried]:
    """Forty moments of every command."""
    make(folder)
    rng, results = random.Random(seed), []
    for command in COMMANDS:
        n = max(1, round(40 * scale))
        bad = [line for _ in range(n)
               for line in wrong(folder, command, rng.uniform(0, SPAN), rng.choice(SIGNALS))]
        results.append(Tried(f"signals at {command.split()[0]}", n, tuple(bad)))
    return results
