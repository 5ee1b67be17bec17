"""The sweep: a configuration of arms and seeds, each trained in a process of its own and kept."""

from __future__ import annotations

import gzip
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import Field

from benchmarks.at_once import run_at_once
from benchmarks.smaller.weights import Numbers, pack
from evalkit.core.checked import checked
from evalkit.core.errors import ConfigError
from evalkit.core.files import replacing
from evalkit.core.names import offer
from evalkit.core.strict import Strict
from evalkit.core.yaml_files import read_yaml

CONFIG = Path(__file__).parent / "sweep.yaml"
WEIGHTS = "transducer.safetensors"
"""In the folder of a training."""


class Arm(Strict):
    """``by`` is MODULE:FUNCTION, of a Training, with these ``options``; ``seeds`` are those of the
    sweep where None, and [0] where nothing is drawn. Of an arm that is ``kept`` the folder of each
    training stays, with the weights that the function wrote there; with ``packed`` those of
    the first seed are beside what was heard too, in these numbers (benchmarks.smaller.weights)."""

    by: str = Field(pattern=r"^[\w.]+:\w+$")
    options: dict[str, Any] = Field(default_factory=dict)
    seeds: tuple[int, ...] | None = None
    kept: bool = False
    packed: Numbers | None = None


class Sweep(Strict):
    """``sweep.yaml``."""

    seeds: tuple[int, ...] = Field(min_length=1)
    arms: dict[str, Arm] = Field(min_length=1)

    def of(self, name: str) -> Arm:
        """Raises ConfigError where there is no arm of this ``name``."""
        if name not in self.arms:
            raise ConfigError(f"no arm {name!r}; {offer(name, self.arms)}")
        return self.arms[name]

    def trainings(self, only: Sequence[str] = ()) -> list[tuple[str, int]]:
        """Every arm and seed, the first seed of all arms first."""
        arms = {name: self.of(name) for name in only or self.arms}
        seeds = sorted({seed for arm in arms.values() for seed in arm.seeds or self.seeds})
        return [(name, seed) for seed in seeds for name, arm in arms.items()
                if seed in (arm.seeds or self.seeds)]


@dataclass(frozen=True)
class Training:
    """What a function of an arm is given: its corpora (evalkit's folders of manifests, by name,
    benchmarks.smaller.corpora), a ``folder`` of its own for checkpoints and weights, which is there
    again when a training that was stopped goes on, and ``options``."""

    corpora: Path
    folder: Path
    seed: int
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Trained:
    """What it returns. ``heard`` is by test (CORPUS/SPLIT) and utterance what was heard; ``cost``
    has keys of evalkit.store.documents.frontier.Taken; ``details`` whatever else is to be kept, as
    JSON has it."""

    heard: Mapping[str, Mapping[str, str]]
    cost: Mapping[str, float]
    details: Mapping[str, Any] = field(default_factory=dict)


def read_sweep(path: Path = CONFIG) -> Sweep:
    """Raises ConfigError naming the file and the first key that is wrong."""
    return checked(Sweep, read_yaml(path), path)


def train_all(config: Path, corpora: Path, out: Path, *, only: Sequence[str] = (),
              at_once: int = 1, minutes: float = 1e6) -> list[Path]:
    """Every training that ``out`` does not have, each in a process of its own. Returns the logs of
    those that failed."""
    sweep = read_sweep(config)
    to_do = [(name, seed) for name, seed in sweep.trainings(only)
             if kept(out, name, seed, sweep.of(name)) is None]
    return run_at_once([(out / f"{name}_{seed}.log", [
        "benchmarks.smaller", "one", str(corpora), str(out), "--config", str(config), "--only",
        name, "--seed", str(seed)]) for name, seed in to_do], at_once, minutes)


def train_one(config: Path, corpora: Path, out: Path, name: str, seed: int) -> None:
    """One training, and keeps it."""
    sweep, folder = read_sweep(config), out / f"{name}_{seed}"
    arm = sweep.of(name)
    folder.mkdir(parents=True, exist_ok=True)
    started = time.process_time()
    trained = _function(arm.by)(Training(corpora, folder, seed, arm.options))
    document = {"arm": arm.model_dump(mode="json"), "seed": seed, "cost": dict(trained.cost),
                "details": dict(trained.details), "heard": trained.heard,
                "processor_seconds": round(time.process_time() - started, 1)}
    if arm.packed and seed == sweep.seeds[0]:
        pack(folder / WEIGHTS, out / f"{name}_{seed}.safetensors.gz", arm.packed)
    with replacing(_path(out, name, seed)) as temporary:
        temporary.write_bytes(gzip.compress(json.dumps(document).encode(), mtime=0))
    if not arm.kept:
        shutil.rmtree(folder)


def kept(out: Path, name: str, seed: int, arm: Arm) -> dict[str, Any] | None:
    """What ``train_one`` wrote of an arm, None where it did not, or for an arm of other options."""
    path = _path(out, name, seed)
    if not path.exists():
        return None
    document: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    now = arm.model_dump(mode="json")
    same = all(document["arm"][key] == now[key] for key in ("by", "options"))
    return document if same else None


def all_kept(sweep: Sweep, out: Path, only: Sequence[str] = ()
             ) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Name, seed and document of every training that is done."""
    for name, seed in sweep.trainings(only):
        if document := kept(out, name, seed, sweep.of(name)):
            yield name, seed, document


def of_other_options(sweep: Sweep, out: Path, only: Sequence[str] = ()) -> list[str]:
    """What ``out`` keeps under the name of an arm, and was trained by other options."""
    return [f"{name}_{seed}" for name, seed in sweep.trainings(only)
            if _path(out, name, seed).exists() and kept(out, name, seed, sweep.of(name)) is None]


def _path(out: Path, name: str, seed: int) -> Path:
    return out / f"{name}_{seed}.json.gz"


def _function(by: str) -> Callable[[Training], Trained]:
    module, _, name = by.partition(":")
    found: Callable[[Training], Trained] = getattr(import_module(module), name)
    return found
