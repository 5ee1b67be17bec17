"""Processor time of commands on small input: python benchmarks/startup.py

Prints the median of five of user and system time, in seconds. At most 0.8 on two idle cores."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

EVALKIT = Path(sys.executable).parent / "evalkit"
COMMANDS = ("groups v1 --by accent", "compare v1 v2", "history v1 v2", "doctor",
            "groups absent --by accent", "compare absent absent", "run absent.yaml --out x")


def make(folder: Path) -> None:
    """Two runs of one system on 240 utterances of forty speakers of two accents."""
    words = ["turn", "on", "the", "lights", "please"]
    (folder / "m.jsonl").write_text("".join(json.dumps({
        "id": f"u{i}", "text": " ".join(words), "speaker": f"s{i % 40}", "accent": "ab"[i % 2]})
        + "\n" for i in range(240)))
    for version, step in (("v1", 7), ("v2", 5)):
        (folder / "h.tsv").write_text("".join(
            f"u{i}\t{' '.join(words[i % step == 0:])}\n" for i in range(240)))
        spent(folder, f"score -m m.jsonl -y asr=h.tsv -o {version}")


def spent(folder: Path, command: str) -> float:
    """Seconds of processor time that a command takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([EVALKIT, *command.split()], cwd=folder, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        make(Path(name))
        for command in COMMANDS:
            print(f"{median(spent(Path(name), command) for _ in range(5)):5.2f} s  {command}")
