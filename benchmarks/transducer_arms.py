"""Trains the arms of the reference transducer, several seeds each, and keeps what they hear of the
test corpora; `python -m benchmarks.transducer_report` says what each arm gives, and to whom.

    python -m benchmarks.transducer_arms make CORPORA           # the corpora of all arms
    python -m benchmarks.transducer_arms train CORPORA OUT --device cuda --at-once 12 --minutes 9

An arm from scratch is trained in ten minutes of one core, one that goes on from the shipped weights
in three to fifteen. A training that is done is not done again.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.at_once import run_at_once
from evalkit.store.manifest import write_manifest
from evalkit.training.data import recordings

DATASETS = Path(__file__).parent.parent / "datasets"
LANGUAGES = {"en": "accents", "es": "requests_es", "de": "requests_de"}
"""The corpus of each."""
LETTERS = "áéíóúüñäöß"
NOISY = "babble 5 dB"


@dataclass(frozen=True)
class Arm:
    """``corpora`` to train on, and to test on, with what differs from the shipped recipe."""

    corpora: tuple[str, ...] = ("accents",)
    tests: tuple[str, ...] = ("accents", "requests")
    epochs: int = 20
    scratch: bool = False
    """Whether it starts from nothing, or from the shipped weights, whose labels it may add to."""
    options: Mapping[str, Any] = field(default_factory=dict)
    network: Mapping[str, Any] = field(default_factory=dict)
    objective: Mapping[str, Any] = field(default_factory=dict)
    further: Mapping[str, Any] = field(default_factory=dict)
    """How noisy takes of the first corpus teach it, where it is not trained for epochs."""


def _languages() -> Mapping[str, Any]:
    from evalkit.models.transducer.config import ENGLISH

    return {"alphabet": ENGLISH + LETTERS}


NAMED = {"corpora": ("accents", "names", "invented_names"), "tests": ("accents",), "epochs": 8}
ARMS = {
    "plain": Arm(scratch=True),
    "convolutional": Arm(scratch=True, network={"front": "convolutional", "hidden": 142}),
    "names": Arm(**NAMED),
    "attention": Arm(**{**NAMED, "epochs": 5}, network={"bias": 64}),
    "without_keyword": Arm(("keyword/without",), ("keyword/without", "keyword_requests/without"),
                           epochs=3),
    "with_keyword": Arm(("keyword/with",), ("keyword/with", "keyword_requests/with"), epochs=3),
    "end": Arm(epochs=12, options={"silence": (0.2, 1.2)}, network={"end_token": True}),
    "minimum_wer": Arm(further={"errors": True}),
    "further": Arm(further={"errors": False}),
    "continued": Arm(epochs=4),
    "fast_emit": Arm(epochs=4, objective={"fast_emit": 0.02}),
    "languages": Arm((*LANGUAGES.values(), "sessions"), tuple(LANGUAGES.values()), epochs=12,
                     network=_languages()),
}
COMMON = {"takes": 4, "batch": 16, "peak_learning_rate": 4e-3}
"""Of every arm from scratch: a third of the updates that the shipped recipe has."""
GROWN = {"takes": 2, "batch": 16, "peak_learning_rate": 2e-3}
"""Of every arm that goes on from the shipped weights."""
TAUGHT_FURTHER = 800
"""Utterances in noise."""
SEEDS = {"fast_emit": (0,), "continued": (0,), "languages": (0,), "end": (0,), "names": (0,),
         "attention": (0,)}
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
    for name in ("accents", "names", "invented_names", "requests_es", "requests_de", "requests"):
        config = read_synth_config(DATASETS / name / "corpus.yaml")
        started = time.perf_counter()
        synthesise(config, options.corpora / name, workers=options.workers,
                   splits=splits.get(name, ()))
        print(f"{name}: {time.perf_counter() - started:.0f} s", flush=True)
    for number, split in enumerate(splits["accents"]):
        _behind_a_keyword(options.corpora, "accents", split, "keyword", number)
    _behind_a_keyword(options.corpora, "requests", "test", "keyword_requests", 9)
    for number, split in enumerate(("train", "dev")):
        _sessions(options.corpora, split, number)


def _behind_a_keyword(corpora: Path, name: str, split: str, out: str, seed: int) -> None:
    from evalkit.corpora.synthesis.config import read_synth_config
    from evalkit.corpora.synthesis.corpus import RATE
    from evalkit.corpora.synthesis.keyword import compose
    from evalkit.corpora.synthesis.plan import plan

    if not (corpora / out / "with" / f"{split}.jsonl").exists():
        compose(plan(read_synth_config(DATASETS / name / "corpus.yaml")),
                recordings(corpora / name / f"{split}.jsonl", RATE), corpora / out, seed=seed)


def _sessions(corpora: Path, split: str, seed: int) -> None:
    """Of two requests, each in another language."""
    from evalkit.corpora.sessions import make_sessions

    folder = corpora / "sessions"
    if not (folder / f"{split}.jsonl").exists():
        rows = []
        for one, other in combinations(LANGUAGES, 2):
            part = f"{split} {one} {other}"
            make_sessions([corpora / LANGUAGES[name] / f"{split}.jsonl" for name in (one, other)],
                          folder / part, per_session=2, pause=0.3, seed=seed,
                          languages=(one, other))
            rows += [{**row, "id": f"{part} {row['id']}", "audio": f"{part}/{row['audio']}"}
                     for row in _read(folder / part / "sessions.jsonl")]
        write_manifest(folder / f"{split}.jsonl", rows)


def _read(manifest: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines()]


def _train_all(options: argparse.Namespace) -> None:
    """Arm by arm and seed by seed, so many at once, until the minutes are over."""
    run_at_once([(options.out / f"{arm}_{seed}.log", _alone(arm, seed, options))
                 for seed in range(options.seeds) for arm in options.only or ARMS
                 if seed in SEEDS.get(arm, (0, 1, 2))], options.at_once, options.minutes)


def _alone(arm: str, seed: int, options: argparse.Namespace) -> list[str]:
    command = ["benchmarks.transducer_arms", "one", str(options.corpora), str(options.out), "--arm",
               arm, "--seed", str(seed), "--device", options.device]
    return [*command, "--epochs", str(options.epochs)] if options.epochs else command


def _train_one(options: argparse.Namespace) -> None:
    from evalkit.models.transducer.training import TransducerTraining, kind

    arm, stem = ARMS[options.arm], options.out / f"{options.arm}_{options.seed}"
    weights = stem.with_suffix(".safetensors")
    if weights.exists():
        return
    config = TransducerTraining(
        **{**(COMMON if arm.scratch else GROWN), "epochs": options.epochs or arm.epochs,
           **arm.options}, seed=options.seed, network=arm.network, objective=arm.objective)
    names = _names(options.corpora, arm) if "bias" in arm.network else ()
    trained = kind(config, names)
    model = _taught_further(options, config) if arm.further else _trained(
        arm, trained, _together(options.corpora, arm.corpora, stem), config, options.device)
    model.save(weights)
    found = {f"{test}, {condition}": heard(model.to(options.device), speech)
             for test in arm.tests if (options.corpora / test / "test.jsonl").exists()
             for condition, speech in _conditions(trained.recordings(
                 options.corpora / test / "test.jsonl"))}
    with gzip.open(stem.with_suffix(".json.gz"), "wt") as file:
        json.dump(found, file)


def _trained(arm: Arm, trained: Any, corpus: Path, config: Any, device: str) -> Any:
    from evalkit.training.from_scratch import train_from_scratch

    if not arm.scratch:
        trained = replace(trained, make=partial(grown, config.network))
    return train_from_scratch(
        trained, corpus, config=config, device=device,
        progress=lambda epoch, epochs, loss, seconds: print(
            f"epoch {epoch} of {epochs}: {loss:.4f} nats a character, {seconds:.0f} s",
            flush=True))


def grown(config: Any) -> Any:
    """The shipped transducer with the labels of ``config``, those behind its own untrained."""
    import torch

    from evalkit.models import SHIPPED
    from evalkit.models.transducer.network import Transducer

    model = Transducer(config)
    new = model.state_dict()
    with torch.no_grad():
        for name, old in Transducer.load(SHIPPED / "transducer.safetensors").state_dict().items():
            new[name][:len(old)] = old
    return model


def _taught_further(options: argparse.Namespace, config: Any) -> Any:
    """The shipped weights, taught further with noisy takes."""
    import torch

    from evalkit.models.transducer.features import RATE
    from evalkit.models.transducer.minimum_wer import MinimumWerConfig, guesses, teach
    from evalkit.training.takes import take

    model = grown(config.network)
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


def _names(corpora: Path, arm: Arm) -> list[str]:
    """Those to be heard in training, of which distractors are drawn."""
    listed = [each for name in arm.corpora if (corpora / name / "names.json").exists()
              for each in json.loads((corpora / name / "names.json").read_text(encoding="utf-8"))]
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
        if (manifest := corpora / name / f"{split}.jsonl").exists():
            for row in _read(manifest):
                yield {**row, "id": f"{name} {row['id']}", "audio": f"{name}/{row['audio']}"}


def _conditions(speech: Sequence[Any]) -> Iterator[tuple[str, list[tuple[Any, np.ndarray]]]]:
    from evalkit.conditions.noise import Noise
    from evalkit.core.types import Audio
    from evalkit.models.transducer.features import RATE

    noise = Noise("babble", 5.0).bind([r.utterance for r in speech])
    yield "clean", [(r.utterance, r.wave) for r in speech]
    yield NOISY, [(r.utterance, noise.apply(Audio(r.wave, RATE), r.utterance).samples)
                  for r in speech]


def heard(model: Any, speech: Sequence[tuple[Any, np.ndarray]]) -> dict[str, list[Any]]:
    """By utterance, what was heard and the blocks in which its labels were said."""
    from evalkit.models.transducer.stream import hypothesis
    from evalkit.models.transducer.whole import greedy, in_batches

    model.eval()
    found = {}
    for rows in in_batches([wave for _, wave in speech], 64):
        for row, said in zip(rows, greedy(model, [speech[row][1] for row in rows]), strict=True):
            found[speech[row][0].id] = [hypothesis(model, said).text, said]
    return found


if __name__ == "__main__":
    main()
