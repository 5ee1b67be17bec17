"""Damages to a run's folder. Each must be noticed; until it is mended no command may show another
number than before; and running again must mend it, byte for byte."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

from benchmarks.hostile.kills import contents
from benchmarks.hostile.trials import Tried
from evalkit import api
from evalkit.core.errors import EvalkitError

SPEAKERS, EACH = 16, 2
Damage = Callable[[Path, Path], None]
"""Of the run in the first folder; the second holds one of the same corpus with other hypotheses."""


def _first(pattern: str) -> Callable[[Path], Path]:
    return lambda run: sorted(run.glob(pattern))[0]


def _bytes(pattern: str, change: Callable[[bytes], bytes]) -> Damage:
    def damage(run: Path, _other: Path) -> None:
        path = _first(pattern)(run)
        path.write_bytes(change(path.read_bytes()))
    return damage


def _cut(pattern: str) -> Damage:
    return _bytes(pattern, lambda data: data[:len(data) // 2])


def _emptied(pattern: str) -> Damage:
    return _bytes(pattern, lambda data: b"")


def _flipped(pattern: str) -> Damage:
    return _bytes(pattern, lambda data: data[:len(data) // 2] + bytes(
        [data[len(data) // 2] ^ 4]) + data[len(data) // 2 + 1:])


def _lost(pattern: str) -> Damage:
    def damage(run: Path, _other: Path) -> None:
        for path in sorted(run.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return damage


def _of_another(pattern: str) -> Damage:
    def damage(run: Path, other: Path) -> None:
        shutil.copyfile(_first(pattern)(other), _first(pattern)(run))
    return damage


def _swapped(pattern: str) -> Damage:
    def damage(run: Path, _other: Path) -> None:
        first, *_, last = sorted(run.glob(pattern))
        one, two = first.read_bytes(), last.read_bytes()
        first.write_bytes(two)
        last.write_bytes(one)
    return damage


def _added(pattern: str) -> Damage:
    def damage(run: Path, other: Path) -> None:
        path = _first(pattern)(other)
        shutil.copyfile(path, _first(pattern)(run).with_name(path.name))
    return damage


def _rewritten(pattern: str, change: Callable[[pa.Table], pa.Table]) -> Damage:
    """By another program, which keeps what the footer says."""
    def damage(run: Path, _other: Path) -> None:
        path = _first(pattern)(run)
        pq.write_table(change(pq.read_table(path)), path)
    return damage


def _unsealed(run: Path, _other: Path) -> None:
    tree = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(tree | {"tables": {}}))


DAMAGES: Mapping[str, Damage] = {
    "scores cut": _cut("scores/*"),
    "scores emptied": _emptied("scores/*"),
    "scores of one shard missing": lambda run, _: _first("scores/*")(run).unlink(),
    "scores: a bit flipped": _flipped("scores/*"),
    "scores swapped with another shard's": _swapped("scores/*"),
    "scores: another run's beside them": _added("scores/*"),
    "scores: rows twice": _rewritten("scores/*", lambda rows: pa.concat_tables([rows, rows])),
    "scores: rows fewer": _rewritten("scores/*", lambda rows: rows.slice(1)),
    "scores: all missing": _lost("scores"),
    "a shard's outputs missing": lambda run, _: _first("shards/*.outputs.parquet")(run).unlink(),
    "a shard's embeddings cut": _cut("shards/*.embeddings.parquet"),
    "all outputs missing": _lost("outputs/recognised"),
    "outputs of a stage flipped": _flipped("outputs/enhanced/*"),
    "measured scores emptied": _emptied("outputs/measured/*"),
    "embeddings: rows lost": _rewritten("embeddings.parquet", lambda rows: rows.slice(0, 0)),
    "utterances: columns lost": _rewritten("utterances.parquet",
                                           lambda rows: rows.drop_columns(["accent"])),
    "utterances: rows lost": _rewritten("utterances.parquet", lambda rows: rows.slice(1)),
    "outputs of another run": _of_another("outputs.parquet"),
    "trials: text": _bytes("trials.parquet", lambda _: b"score\n0.5\n"),
    "trials missing": _lost("trials.parquet"),
    "index missing": _lost("outputs/index.parquet"),
    "index of another run": _of_another("outputs/index.parquet"),
    "run.json of another run": _of_another("run.json"),
    "run.json cut": _cut("run.json"),
    "run.json missing": _lost("run.json"),
    "summary of another run": _of_another("summary.json"),
    "summary cut": _cut("summary.json"),
    "findings of other scores": _of_another("findings.json"),
    "cohorts of other findings": _of_another("cohort_speakers.parquet"),
    "cohorts cut": _cut("cohort_speakers.parquet"),
    "kept audio missing": _lost("audio"),
    "exact samples cut": _cut("audio/*/*.npy"),
    "audio emptied": _emptied("audio/*/*.flac"),
    "exact samples flipped": _flipped("audio/*/*.npy"),
    "audio flipped": _flipped("audio/*/*.flac"),
    "run.json: no seals": _unsealed,
    "list of audio missing": _lost("audio/*/*.parquet"),
}


@dataclass(frozen=True)
class World:
    """A small corpus with two sets of hypotheses, in ``folder``."""

    folder: Path

    def make(self) -> None:
        rng = np.random.default_rng(0)
        rows, ids = [], [f"u{i}" for i in range(SPEAKERS * EACH)]
        (self.folder / "audio").mkdir(parents=True)
        for i, name in enumerate(ids):
            soundfile.write(self.folder / f"audio/{name}.wav",
                            0.1 * rng.standard_normal(6400 + 40 * i), 16_000)
            rows.append({"id": name, "audio": f"audio/{name}.wav", "text": "turn it on again",
                         "speaker": f"s{i // EACH}", "accent": "ab"[i // EACH % 2]})
        self._lines("test", rows)
        for which, words in (("run", "turn it on"), ("other", "turn off")):
            self._lines(which, [{"id": name, "hypothesis": words if i % 3 else "turn it on again"}
                                for i, name in enumerate(ids)])
            np.savez(self.folder / f"{which}.npz", ids=ids,
                     embeddings=rng.standard_normal((len(ids), 8)))

    def _lines(self, name: str, rows: list[dict[str, str]]) -> None:
        (self.folder / f"{name}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))

    def run(self, out: Path, which: str = "run") -> list[str]:
        """Runs into ``out``; returns what was said."""
        precomputed = {"recognizer": {"name": "precomputed", "path": f"{which}.jsonl"},
                       "encoder": {"name": "precomputed", "path": f"{which}.npz"}}
        (self.folder / "eval.yaml").write_text(json.dumps({
            "corpus": "test.jsonl", "metrics": ["wer", "si_sdr"], "shard_size": 12,
            "conditions": ["clean", {"name": "hum", "noise": "stationary", "snr_db": 5}],
            "pipelines": [{"name": "given", **precomputed},
                          {"name": "made", "enhancer": "spectral_gating", **precomputed}]}))
        said: list[str] = []
        api.run(self.folder / "eval.yaml", out, say=said.append)
        return said

    @cached_property
    def undisturbed(self) -> Path:
        """A finished run, with findings."""
        return self._finished("run")

    @cached_property
    def other(self) -> Path:
        """Another, of the same corpus."""
        return self._finished("other")

    def _finished(self, which: str) -> Path:
        out = self.folder / "finished" / which
        self.run(out, which)
        _find(out)
        return out


def _find(run: Path) -> None:
    api.cohorts(run, finders=["declared"], pipeline="given", condition="clean")


def shown(run: Path, reports: Path) -> Iterator[tuple[str, Callable[[], str]]]:
    """By its name, what every reader shows of a run."""
    yield "groups", lambda: repr(api.groups(run, ["accent"]))
    yield "verification", lambda: repr(api.verification(run, ["accent"]))
    yield "compare", lambda: api.compare(run, run, by=["accent"]).to_json().replace(str(run), "")
    yield "report", lambda: api.report(run, reports / "report", by="accent").with_name(
        "findings.json").read_text()
    yield "scored anew", lambda: _scored_anew(run, reports)


def _scored_anew(run: Path, reports: Path) -> str:
    copy = reports / "anew"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(run, copy)
    folder = api.rescore(copy)
    return f"{folder.scores().to_csv()} {folder.summary().to_json()}"


def _wrong_meanwhile(run: Path, reports: Path, right: Mapping[str, str], lines: list[str]
                     ) -> Iterator[str]:
    """What the readers show that differs; what they refuse goes to ``lines``."""
    for name, show in shown(run, reports):
        if name not in right:
            continue
        try:
            if show() != right[name] and not (name == "report" and _is_stale(run)):
                yield f"{name} shows other numbers"
        except EvalkitError as error:
            lines.append(str(error))
            if "\n" in str(error) or str(run) not in str(error).replace(str(reports / "anew"),
                                                                        str(run)):
                yield f"{name}: {error}"
        except Exception as error:
            yield f"{name}: internal error: {type(error).__name__}: {error}"


def _is_stale(run: Path) -> bool:
    """Whether the findings are said to be out of date, and not shown."""
    folder = api.read_run(run)
    return bool(folder.stale()) and folder.findings() is None


def _wrong_after(world: World, run: Path, right: Mapping[str, str], lines: list[str]
                 ) -> Iterator[str]:
    """What is wrong once the run, and where its findings are stale their finder, ran again."""
    try:
        lines += [line for line in world.run(run) if "made again" in line]
        if stale := api.read_run(run).stale():
            lines += map(str, stale)
            _find(run)
    except EvalkitError as error:
        yield f"run again: {error}"
        return
    now = contents(run)
    yield from (f"differs after it: {name}" for name in sorted(now.keys() | right.keys())
                if now.get(name) != right.get(name))


def tried(scale: float, seed: int, folder: Path) -> list[Tried]:
    """``scale`` of the damages, chosen by ``seed``. The report, which is slow, is read at full size
    alone."""
    world, bad = World(folder), []
    world.make()
    right_tables = contents(world.undisturbed)
    right = {name: show() for name, show in shown(world.undisturbed, folder)
             if name != "report" or scale >= 1}
    names = sorted(random.Random(seed).sample(
        sorted(DAMAGES), max(1, min(len(DAMAGES), round(scale * len(DAMAGES))))))
    for name in names:
        run, lines = folder / "run", list[str]()
        shutil.copytree(world.undisturbed, run)
        DAMAGES[name](run, world.other)
        wrong = list(_wrong_meanwhile(run, folder, right, lines))
        wrong += _wrong_after(world, run, right_tables, lines)
        if not lines:
            wrong.append("not noticed")
        bad += [f"{name}: {line}" for line in wrong]
        shutil.rmtree(run)
    return [Tried("damages to a run's folder", len(names), tuple(bad))]
