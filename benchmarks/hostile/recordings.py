"""Damaged recordings: cut, flipped, with lying headers, under wrong names, or random bytes.

All of them are read in a process of their own, within limits of time and memory; a sample goes
through ``evalkit run``. A file that was cut by more than reading allows for must be refused."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.hostile.trials import Tried

FILES = 10_000
IN_A_RUN = 200
LIMIT = 10
"""Seconds that reading one file may take."""
MEMORY = 3 << 30
"""Bytes of address space that the reading process may take."""
FORMATS = (("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "FLOAT"), ("WAV", "ULAW"),
           ("WAV", "GSM610"), ("WAV", "IMA_ADPCM"), ("WAVEX", "PCM_16"), ("RF64", "PCM_16"),
           ("W64", "PCM_16"), ("AIFF", "PCM_16"), ("AU", "PCM_16"), ("CAF", "PCM_16"),
           ("NIST", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"),
           ("MP3", "MPEG_LAYER_III"))
SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".raw", ".aiff", ".vox", ".gsm", "")


@dataclass(frozen=True)
class Damaged:
    """A file; where it was cut, ``whole`` are the seconds that it had."""

    path: Path
    how: str
    whole: float | None = None


def tried(scale: float, seed: int, folder: Path) -> list[Tried]:
    """Reads ``scale`` times FILES files, and runs over a sample of them."""
    rng = np.random.default_rng(seed)
    sources = _sources(folder / "sources", rng)
    damaged = list(_damaged(sources, round(scale * FILES), folder / "damaged", rng))
    outcomes = _read_all(damaged)
    results = [Tried(f"recordings read ({how})", len(ones := [d for d in damaged if d.how == how]),
                     tuple(filter(None, (_wrong(one, outcomes[one.path]) for one in ones))))
               for how in dict.fromkeys(d.how for d in damaged)]
    step = max(1, len(damaged) // max(12, round(scale * IN_A_RUN)))
    return [*results, _run(damaged[::step], folder)]


def _wrong(one: Damaged, outcome: str | float) -> str | None:
    if isinstance(outcome, str):
        return f"{one.path.name}: {outcome}" if outcome[0].islower() else None
    if one.whole is not None and outcome < one.whole - _allowed(one.path):
        return f"{one.path.name}: {outcome:.3f} of {one.whole:.3f} s scored as whole"
    return None


def _allowed(path: Path) -> float:
    """Seconds that a cut may take away unseen: what reading tolerates, and what encoders add."""
    from evalkit.recordings.reading import MP3_TOLERANCE, OPUS_TOLERANCE, TOLERANCE

    if ".mp3" in path.name:
        return MP3_TOLERANCE * 1152 / 32_000
    return OPUS_TOLERANCE if ".opus" in path.name else TOLERANCE


def _sources(folder: Path, rng: np.random.Generator) -> list[tuple[bytes, str, float]]:
    """Whole recordings: bytes, suffix, seconds as they are read."""
    folder.mkdir(parents=True)
    sources = []
    for number, (container, coding) in enumerate(FORMATS):
        rate = (16_000, 8_000, 48_000)[number % 3]
        path = folder / f"{number}.{'opus' if coding == 'OPUS' else container.lower()}"
        time = np.arange(round(rate * rng.uniform(0.8, 2.0))) / rate
        voice = 0.3 * np.sin(2 * np.pi * 150 * time) * (1 + np.sin(7 * time)) / 2
        soundfile.write(path, voice + 0.02 * rng.standard_normal(len(time)), rate, coding,
                        format=container)
        sources.append((path.read_bytes(), path.suffix, _length(path)))
    return sources


def _length(path: Path) -> float:
    from evalkit.recordings.reading import load

    return load(path).duration


def _damaged(sources: Sequence[tuple[bytes, str, float]], count: int, folder: Path,
             rng: np.random.Generator) -> Iterator[Damaged]:
    folder.mkdir(parents=True)
    ways = ("cut", "cut", "bits flipped", "lying header", "wrong name", "random bytes")
    for number in range(count):
        data, suffix, seconds = sources[number // len(ways) % len(sources)]
        how = ways[number % len(ways)]
        whole, body = None, bytearray(data)
        if how == "cut":
            del body[rng.integers(len(body)):]
            whole = seconds
        elif how == "bits flipped":
            for _ in range(rng.integers(1, 9)):
                body[rng.integers(len(body))] ^= 1 << int(rng.integers(8))
        elif how == "lying header":
            at = int(rng.integers(4, 80))
            body[at:at + 4] = rng.choice([b"\xff" * 4, b"\0" * 4, b"\xff\xff\xff\x7f",
                                          b"\0\0\0\x80", bytes(rng.bytes(4))])
        elif how == "random bytes":
            body = bytearray(data[:rng.integers(0, 64)] + rng.bytes(int(rng.integers(0, 20_000))))
        name = rng.choice(SUFFIXES) if how == "wrong name" else suffix
        path = folder / f"{number}{suffix}.{how.replace(' ', '_')}{name}"
        path.write_bytes(body)
        yield Damaged(path, how, whole)


def _read_all(damaged: Sequence[Damaged]) -> dict[Path, str | float]:
    """By path: seconds that were read, the kind of failure, or a lower-case word for a process
    that died of it."""
    outcomes: dict[Path, str | float] = {}
    left = [one.path for one in damaged]
    while left:
        child = subprocess.run([sys.executable, "-m", __name__], text=True, check=False,
                               capture_output=True, input="\n".join(map(str, left)))
        answers = [json.loads(line) for line in child.stdout.splitlines()]
        outcomes.update(zip(left, answers, strict=False))
        left = left[len(answers):]
        if left:
            ended = "took too long" if child.returncode == -signal.SIGALRM else "crashed"
            outcomes[left.pop(0)] = f"{ended} ({child.returncode}): {child.stderr[-200:]}"
    return outcomes


def _read_here() -> None:
    """Reads the files named on standard input; a line of JSON each."""
    from evalkit.core.errors import UtteranceError
    from evalkit.recordings.reading import load

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for path in sys.stdin.read().splitlines():
        signal.alarm(LIMIT)
        outcome: str | float
        try:
            outcome = load(Path(path)).duration
        except UtteranceError as error:
            outcome = error.kind
        except Exception as error:
            outcome = f"not a failure of the utterance: {error!r}"
        print(json.dumps(outcome), flush=True)


def _run(damaged: Sequence[Damaged], folder: Path) -> Tried:
    """``evalkit run`` over the files and one whole recording."""
    corpus = folder / "corpus"
    rows = [{"id": f"u{n}", "audio": str(one.path.relative_to(folder)), "speaker": f"s{n % 5}"}
            for n, one in enumerate(damaged)]
    rows.append({"id": "whole", "audio": "sources/0.wav", "speaker": "s0"})
    manifest = folder / "m.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "eval.yaml").write_text(
        "corpus: m.jsonl\nmetrics: [si_sdr]\nkeep_audio: true\nconditions:\n"
        "  - {name: noise, noise: stationary, snr_db: 5}\n"
        "pipelines:\n  - {name: rnnoise, enhancer: rnnoise}\n")
    done = subprocess.run([Path(sys.executable).with_name("evalkit"), "run", folder / "eval.yaml",
                           "--out", corpus, "--workers", "0", "--max-failed", "1"],
                          text=True, check=False, capture_output=True)
    what = f"evalkit run over {len(rows):,} of them"
    if done.returncode or not (corpus / "run.json").exists():
        return Tried(what, 1, (f"exit code {done.returncode}: {done.stderr[-300:]}",))
    import pandas as pd

    scores = pd.concat(map(pd.read_parquet, sorted(corpus.glob("scores/*.parquet"))))
    failed = scores.set_index("utterance_id")["error"]
    bad = [f"{name}: no row" for name in {row["id"] for row in rows} - set(failed.index)]
    bad += ["whole: failed"] * bool(failed[["whole"]].notna().any())
    return Tried(what, 1, tuple(bad))


if __name__ == "__main__":
    _read_here()
