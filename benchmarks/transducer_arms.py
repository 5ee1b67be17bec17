"""Trains the arms of the reference transducer, several seeds each, and keeps what they hear of the
test corpora; `python -m benchmarks.transducer_report` says what each arm gives, and to whom.

    python -m benchmarks.transducer_arms make CORPORA           # the corpora of all arms
    python -m benchmarks.transducer_arms train CORPORA OUT --device cuda --at-once 12 --minutes 9

An arm is trained on the CPU in about half an hour of one core, on a graphics processor in a minute
or two. A training that is done is not done again.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.store.manifest import write_manifest
from evalkit.training.data import recordings

DATASETS = Path(__file__).parent.parent / "datasets"
LETTERS = "áéíóúüñäöß"
NOISY = "babble 5 dB"


@dataclass(frozen=True)
class Arm:
    """``corpora`` to train on, and to test on, with what differs from the shipped recipe."""

    corpora: tuple[str, ...] = ("accents",)
    tests: tuple[str, ...] = ("accents", "requests")
    options: Mapping[str, Any] = field(default_factory=dict)
    network: Mapping[str, Any] = field(default_factory=dict)
    objective: Mapping[str, Any] = field(default_factory=dict)
    further: Mapping[str, Any] = field(default_factory=dict)
    """How the plain arm of the seed is taught further, where it is."""


def _languages() -> Mapping[str, Any]:
    from evalkit.models.transducer.config import ENGLISH

    return {"alphabet": ENGLISH + LETTERS}


NAMES = {"corpora": ("names",), "tests": ("names",)}
ARMS = {
    "plain": Arm(),
    "convolutional": Arm(network={"front": "convolutional", "hidden": 142}),
    "names": Arm(**NAMES),
    "attention": Arm(**NAMES, network={"bias": 64}),
    "without_keyword": Arm(("keyword/without",), ("keyword/without",)),
    "with_keyword": Arm(("keyword/with",), ("keyword/with",)),
    "end": Arm(options={"silence": (0.2, 1.2)}, network={"end_token": True}),
    "minimum_wer": Arm(further={"errors": True}),
    "further": Arm(further={"errors": False}),
    "fast_emit": Arm(objective={"fast_emit": 0.02}),
    "languages": Arm(("accents", "requests_es", "requests_de"),
                     ("accents", "requests_es", "requests_de"), network=_languages()),
    "spanish": Arm(("requests_es",), ("requests_es",), network=_languages()),
    "german": Arm(("requests_de",), ("requests_de",), network=_languages()),
}
COMMON = {"epochs": 30, "takes": 4, "batch": 32, "peak_learning_rate": 5e-3}
"""Of every arm: half as many updates as the shipped recipe has."""
TAUGHT_FURTHER = 800
"""Utterances in noise."""
SEEDS = {"fast_emit": (0,), "spanish": (0,), "german": (0,), "languages": (0,), "end": (0, 1)}
"""Of an arm that has others than 0, 1 and 2."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["make", "train", "one"])
    parser.add_argument("corpora", type=Path)
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument("--arm", choices=ARMS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=1e6)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", nargs="*")
    options = parser.parse_args(arguments)
    {"make": _make, "train": _train_all, "one": _train_one}[options.what](options)


def _make(options: argparse.Namespace) -> None:
    """The corpora of all arms."""
    from evalkit.corpora.synthesis.config import read_synth_config
    from evalkit.corpora.synthesis.corpus import synthesise

    splits = {"accents": ("train", "dev", "test")}
    for name in ("accents", "names", "requests_es", "requests_de", "requests"):
        config = read_synth_config(DATASETS / name / "corpus.yaml")
        started = time.perf_counter()
        synthesise(config, options.corpora / name, workers=options.workers,
                   splits=splits.get(name, ()))
        print(f"{name}: {time.perf_counter() - started:.0f} s", flush=True)
    if not (options.corpora / "keyword").exists():
        from evalkit.corpora.synthesis.corpus import RATE
        from evalkit.corpora.synthesis.keyword import compose
        from evalkit.corpora.synthesis.plan import plan

        config = read_synth_config(DATASETS / "accents" / "corpus.yaml")
        for number, split in enumerate(splits["accents"]):
            said = recordings(options.corpora / "accents" / f"{split}.jsonl", RATE)
            compose(plan(config), said, options.corpora / "keyword", seed=number)


def _train_all(options: argparse.Namespace) -> None:
    """Arm by arm and seed by seed, so many at once, until the minutes are over."""
    ends = time.monotonic() + 60 * options.minutes
    to_do = [(arm, seed) for seed in range(options.seeds) for arm in options.only or ARMS
             if seed in SEEDS.get(arm, (0, 1, 2))]
    running: list[subprocess.Popen[bytes]] = []
    while (to_do or running) and time.monotonic() < ends:
        running = [each for each in running if each.poll() is None]
        while to_do and len(running) < options.at_once:
            running.append(_start(*to_do.pop(0), options))
        time.sleep(0.2)
    for each in running:
        each.kill()


def _start(arm: str, seed: int, options: argparse.Namespace) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "benchmarks.transducer_arms", "one", str(options.corpora),
               str(options.out), "--arm", arm, "--seed", str(seed), "--device", options.device]
    if options.epochs:
        command += ["--epochs", str(options.epochs)]
    options.out.mkdir(parents=True, exist_ok=True)
    with (options.out / f"{arm}_{seed}.log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log,
                                env={**os.environ, "OMP_NUM_THREADS": "1"})


def _train_one(options: argparse.Namespace) -> None:
    from evalkit.models.transducer.training import TransducerTraining, kind
    from evalkit.training.from_scratch import train_from_scratch

    arm, stem = ARMS[options.arm], options.out / f"{options.arm}_{options.seed}"
    weights = stem.with_suffix(".safetensors")
    if weights.exists():
        return
    config = TransducerTraining(
        **COMMON, seed=options.seed, network=arm.network, objective=arm.objective,
        **arm.options).model_copy(update={"epochs": options.epochs or COMMON["epochs"]})
    names = _names(options.corpora) if "bias" in arm.network else ()
    trained = kind(config, names)
    model = _taught_further(options, config) if arm.further else train_from_scratch(
        trained, _together(options.corpora, arm.corpora, stem), config=config,
        device=options.device, progress=lambda epoch, epochs, loss, seconds: print(
            f"epoch {epoch} of {epochs}: {loss:.4f} nats a character, {seconds:.0f} s",
            flush=True))
    model.save(weights)
    heard = {f"{test}, {condition}": _heard(model.to(options.device), speech, names)
             for test in arm.tests if (options.corpora / test / "test.jsonl").exists()
             for condition, speech in _conditions(trained.recordings(
                 options.corpora / test / "test.jsonl"))}
    with gzip.open(stem.with_suffix(".json.gz"), "wt") as file:
        json.dump(heard, file)


def _taught_further(options: argparse.Namespace, config: Any) -> Any:
    """The plain arm of the seed, taught further with noisy takes."""
    import torch

    from evalkit.models.transducer.features import RATE
    from evalkit.models.transducer.minimum_wer import MinimumWerConfig, guesses, teach
    from evalkit.models.transducer.network import Transducer
    from evalkit.training.takes import take

    plain = options.out / f"plain_{options.seed}.safetensors"
    while not plain.exists():
        time.sleep(1)
    model = Transducer.load(plain)
    further = MinimumWerConfig(seed=options.seed, **ARMS[options.arm].further)
    rng = np.random.default_rng(100 + options.seed)
    speech = recordings(options.corpora / "accents" / "train.jsonl", RATE)
    chosen = [speech[n] for n in rng.permutation(len(speech))[:TAUGHT_FURTHER]]
    noisy = config.model_copy(update={"noisy": 1.0, "snr_db": (0.0, 5.0, 10.0)})
    taken = take(chosen, RATE, noisy, 0, rng)
    found = [guesses(model, each, further.width) for each in taken]
    torch.manual_seed(options.seed)
    for done in teach(model.to(options.device), taken, found, further):
        if done % 25 == 0:
            print(f"update {done}", flush=True)
    return model.cpu().eval()


def _names(corpora: Path) -> list[str]:
    listed = json.loads((corpora / "names" / "names.json").read_text(encoding="utf-8"))
    return [each["name"] for each in listed if not each["held_out"]]


def _together(corpora: Path, names: Sequence[str], stem: Path) -> Path:
    """A folder with the train and dev manifests of several corpora in one."""
    if len(names) == 1:
        return corpora / names[0]
    folder = corpora / f"together_{stem.name}"
    for split in ("train", "dev"):
        write_manifest(folder / f"{split}.jsonl", _rows(corpora, names, split))
    for name in names:
        if not (folder / name).exists():
            shutil.copytree(corpora / name, folder / name, copy_function=os.link)
    return folder


def _rows(corpora: Path, names: Sequence[str], split: str) -> Iterator[dict[str, Any]]:
    for name in names:
        with (corpora / name / f"{split}.jsonl").open(encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                yield {**row, "id": f"{name} {row['id']}", "audio": f"{name}/{row['audio']}"}


def _conditions(speech: Sequence[Any]) -> Iterator[tuple[str, list[tuple[Any, np.ndarray]]]]:
    from evalkit.conditions.noise import Noise
    from evalkit.core.types import Audio
    from evalkit.models.transducer.features import RATE

    noise = Noise("babble", 5.0).bind([r.utterance for r in speech])
    yield "clean", [(r.utterance, r.wave) for r in speech]
    yield NOISY, [(r.utterance, noise.apply(Audio(r.wave, RATE), r.utterance).samples)
                  for r in speech]


def _heard(model: Any, speech: Sequence[tuple[Any, np.ndarray]], names: Sequence[str]
           ) -> dict[str, list[Any]]:
    """By utterance, what was heard and the blocks in which its labels were said."""
    from evalkit.models.transducer.stream import hypothesis
    from evalkit.models.transducer.whole import greedy, in_batches

    model.eval()
    heard = {}
    for rows in in_batches([wave for _, wave in speech], 64):
        for row, said in zip(rows, greedy(model, [speech[row][1] for row in rows]), strict=True):
            heard[speech[row][0].id] = [hypothesis(model, said).text, said]
    return heard


if __name__ == "__main__":
    main()
