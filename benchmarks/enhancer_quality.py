"""What enhancers do to speech and noise that PercepNet's shipped weights never heard.

    python -m benchmarks.enhancer_quality [--data FOLDER] [--out FOLDER] [--utterances 3]
        [--enhancers rnnoise spectral_gating nsnet2 deepfilternet] [--snrs 0 5 10 15]
        [--weights FILE[@READER,READER…[@NOISE,NOISE…]] …] [--float FILE]

Readers 1998, 3080, 1688 and 2033 of LibriSpeech's test-other and the noises of a kitchen and of
dishes were kept out of the training; babble is made of the other three readers. DATA,
EVALKIT_REAL_DATA where none is given, holds librispeech_test-other/ and noise/*.wav. Every file of
weights is a network of PercepNet, streamed as well as whole, with the postfilter and without; FILE
alone of --float is the first of them in 32-bit floats. Without --weights the shipped ones are
taken. Differences are paired by utterance and noise, their intervals 95 %, by reader. Printed too:
what is to hold, and whether it does.

Networks that were trained on other parts of the material show how much the choice of what is kept
out matters: each file of weights is given with the readers and noises that it never heard ("-" for
babble alone), or stands in the folder of its training, whose recipe says so; all are set side by
side.

What is made is kept in the run folders under --out, and what they hold is not made again.
"""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.ladder.mixtures import CORPUS, NOISE_FOLDER, readers
from evalkit.core.config import parse_config
from evalkit.core.types import Interval
from evalkit.models import SHIPPED
from evalkit.models.percepnet.recipe import RECIPE, WEIGHTS, EnhancerRecipe
from evalkit.run.runner import run
from evalkit.statistics.bootstrap import Contrast, intervals
from evalkit.statistics.sums import speaker_sums
from evalkit.store.manifest import write_manifest
from evalkit.training.sources import find

READERS = ("1998", "3080", "1688", "2033")
NOISES = ("kitchen", "doing_the_dishes")
ENHANCERS = ("rnnoise", "spectral_gating", "nsnet2", "deepfilternet")
METRICS = {"pesq_wb": 3, "stoi": 4, "estoi": 4, "si_sdr": 2, "dnsmos_ovrl": 3, "dnsmos_sig": 3,
           "dnsmos_bak": 3}
"""And the decimals that they are shown with."""
JUDGED = ["pesq_wb", "stoi", "estoi", "si_sdr", "dnsmos"]
COMPARED = JUDGED[:-1]
"""What the forms of one network are compared by: DNSMOS takes longest."""
NOISY, OURS = "noisy", "percepnet"
HOP = 0.01
"""Seconds of audio that a stream is given at once."""
STREAMED, PLAIN, FLOATS = "percepnet-streamed", "percepnet-no-postfilter", "percepnet-floats"


@dataclass(frozen=True)
class KeptOut:
    """A network, the shipped one where ``weights`` is None, and what it never heard."""

    weights: Path | None = None
    readers: tuple[str, ...] = READERS
    noises: tuple[str, ...] = NOISES

    @staticmethod
    def parsed(text: str, data: Path) -> KeptOut:
        """From FILE[@READERS[@NOISES]]; what is not named follows from the recipe that stands
        beside FILE, where one does."""
        path, *parts = text.split("@")
        named = [tuple(name for name in part.split(",") if name != "-") for part in parts]
        recipe = Path(path).with_name(RECIPE)
        known = unheard(recipe, data) if recipe.exists() else (READERS, NOISES)
        return KeptOut(Path(path), *named, *known[len(named):])

    @property
    def name(self) -> str:
        """Of the folder that what is made is kept in: alike for what the same was kept out of."""
        return "-".join(sorted({*self.readers, *self.noises}))


def unheard(recipe: Path, data: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Readers and noises of ``data`` that a training by ``recipe`` did not draw from."""
    read = EnhancerRecipe.model_validate_json(recipe.read_text(encoding="utf-8"))
    drawn = {path for source in (*read.speech, *read.noise)
             if source.folder.name in (CORPUS, NOISE_FOLDER)
             for path in find(source.model_copy(
                 update={"folder": data / source.folder.name})).paths}
    speakers = {path.parent.parent.name for path in drawn}
    return (tuple(reader for reader in readers(data) if reader not in speakers),
            tuple(path.stem for path in sorted((data / NOISE_FOLDER).glob("*.wav"))
                  if path not in drawn))


def configuration(kept: KeptOut, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Of `evalkit run`, with its corpus and noises in ``folder``."""
    speech = readers(options.data)
    rows = [{"id": path.stem, "audio": str(path), "speaker": reader}
            for reader in kept.readers for path in speech[reader][:options.utterances]]
    write_manifest(folder / "kept_out.jsonl", rows)
    for noise in kept.noises:
        (folder / noise).mkdir(exist_ok=True)
        name = f"{noise}.wav"
        shutil.copyfile(options.data / NOISE_FOLDER / name, folder / noise / name)
    conditions = [{"name": f"{noise}_{snr:g}dB", "snr_db": snr,
                   **({"noise": "babble"} if noise == "babble" else
                      {"noise": "recorded", "folder": noise})}
                  for noise in (*kept.noises, "babble") for snr in options.snrs]
    return {"corpus": "kept_out.jsonl", "outside": True, "keep_audio": False,
            "conditions": conditions, "metrics": JUDGED,
            "pipelines": list(pipelines(kept, options))}


def pipelines(kept: KeptOut, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    yield {"name": NOISY}
    for name in options.enhancers:
        yield {"name": name, "enhancer": name}
    weights = {"weights": str(kept.weights.resolve())} if kept.weights else {}
    yield {"name": OURS, "enhancer": {"name": OURS, **weights}}
    if not options.variants:
        return
    yield {"name": STREAMED, "enhancer": {"name": OURS, **weights}, "stream": HOP,
           "metrics": COMPARED}
    yield {"name": PLAIN, "enhancer": {"name": OURS, **weights, "postfilter": False}}
    if options.float:
        floats = {"weights": str(options.float.resolve())}
        yield {"name": FLOATS, "enhancer": {"name": OURS, **floats}, "metrics": COMPARED}


def measured(kept: KeptOut, options: argparse.Namespace) -> pd.DataFrame:
    """The scores table; what is one utterance in it is one utterance under one condition."""
    folder = options.out / kept.name
    folder.mkdir(parents=True, exist_ok=True)
    tree = configuration(kept, options, folder)
    made = run(parse_config(tree, folder / "eval.yaml"), folder / "run", say=print)
    scores = made.scores()
    noise, snr = scores["condition"].str.extract(r"(.*)_(.*)dB").T.to_numpy()
    return scores.assign(noise=noise, snr=snr.astype(float),
                         utterance_id=scores["utterance_id"].astype(str) + " "
                         + scores["condition"].astype(str))


def gain(scores: pd.DataFrame, metric: str, system: str, other: str) -> Interval:
    """Of ``system`` less ``other``, on what both were measured on."""
    rows = scores[(scores["metric"] == metric) & scores["pipeline"].isin([system, other])
                  & scores["error"].isna()]
    paired = rows[rows.groupby("utterance_id")["pipeline"].transform("size") == 2]
    sums = speaker_sums(paired, system="pipeline")
    first, second = (sums.systems.index(name) for name in (system, other))
    return intervals(sums, [Contrast((0, first), (0, second))])[0]


@dataclass(frozen=True)
class Bar:
    """That ``metric`` of PercepNet less that of ``other`` be at least ``least``, at ``snr`` dB
    where one is given."""

    metric: str
    other: str
    least: float
    snr: float | None = None
    kind: str = "must"

    def met(self, scores: pd.DataFrame) -> tuple[bool, str]:
        """Whether it is, and a line that says so."""
        part = scores if self.snr is None else scores[scores["snr"] == self.snr]
        found = gain(part, self.metric, OURS, self.other)
        at = "" if self.snr is None else f" at {self.snr:g} dB"
        holds = found.value >= self.least
        return holds, (f"{'held    ' if holds else 'NOT HELD'} {self.metric} less {self.other}'s"
                       f"{at}: {shown(found, METRICS[self.metric])}, {self.kind} be at least "
                       f"{self.least:+g}")


def bars(scores: pd.DataFrame) -> list[Bar]:
    """What is to hold of the systems that were run."""
    wanted = [Bar("pesq_wb", NOISY, 0.15),
              *(Bar("pesq_wb", NOISY, 0, snr) for snr in sorted(set(scores["snr"]))),
              *(Bar(metric, NOISY, 0) for metric in ("dnsmos_ovrl", "dnsmos_bak", "stoi")),
              Bar("si_sdr", "rnnoise", 0), Bar("pesq_wb", "rnnoise", -0.05, kind="should"),
              *(Bar(metric, "spectral_gating", 0) for metric in METRICS),
              Bar("pesq_wb", FLOATS, -0.02), Bar("stoi", FLOATS, -0.002)]
    return [bar for bar in wanted if bar.other in set(scores["pipeline"])]


def show(scores: pd.DataFrame) -> None:
    """Means, gains over noisy by ratio and by noise, and what is to hold."""
    systems = sorted(set(scores["pipeline"]), key=list(scores["pipeline"]).index)
    means = scores.pivot_table(index="pipeline", columns="metric", values="amount")
    print(means.loc[systems, list(METRICS)].round(pd.Series(METRICS)).to_string())
    failed = scores[scores["error"].notna()]
    print(f"not measured: {len(failed)} of {len(scores)}", *sorted(set(failed["error"]))[:3])
    others = [system for system in systems if system != NOISY]
    print("over noisy")
    for system in others:
        print_gains(scores, system, NOISY)
    print(f"over {OURS}")
    for system in [system for system in (STREAMED, PLAIN, FLOATS) if system in systems]:
        print_gains(scores, system, OURS)
    for column in ("snr", "noise", "speaker_id"):
        parts = {value: {system: gain(part, "pesq_wb", system, NOISY).value for system in others}
                 for value, part in scores.groupby(column)}
        print(f"PESQ over noisy by {column}")
        print(pd.DataFrame(parts).round(3).to_string())
    if OURS in systems:
        for bar in bars(scores):
            print(bar.met(scores)[1])


def print_gains(scores: pd.DataFrame, system: str, other: str) -> None:
    there = set(scores.loc[scores["pipeline"] == system, "metric"])
    print(f"{system:24}", "  ".join(
        f"{metric} {shown(gain(scores, metric, system, other), decimals)}"
        for metric, decimals in METRICS.items() if metric in there))


def compare(networks: Sequence[KeptOut], tables: Sequence[pd.DataFrame]) -> None:
    """How much the choice of what is kept out matters."""
    rows = [{"weights": kept.weights and kept.weights.name, "readers": " ".join(kept.readers),
             "noises": " ".join(kept.noises),
             **{f"{metric} over {other}": shown(gain(scores, metric, OURS, other),
                                                METRICS[metric])
                for metric in ("pesq_wb", "stoi") for other in (NOISY, "rnnoise")
                if other in set(scores["pipeline"])}}
            for kept, scores in zip(networks, tables, strict=True)]
    print(pd.DataFrame(rows).to_string(index=False))
    gains = [gain(scores, "pesq_wb", OURS, NOISY).value for scores in tables]
    print(f"PESQ over noisy: {min(gains):.3f} to {max(gains):.3f}, "
          f"standard deviation {pd.Series(gains).std():.3f}, of {len(gains)} networks")


def shown(of: Interval, decimals: int) -> str:
    return f"{of.value:+.{decimals}f} ({of.low:+.{decimals}f} to {of.high:+.{decimals}f})"


def options_of(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("EVALKIT_REAL_DATA") or None)
    parser.add_argument("--out", type=Path, default=Path("runs/enhancer_quality"))
    parser.add_argument("--utterances", type=int, default=3)
    parser.add_argument("--enhancers", nargs="*", default=ENHANCERS)
    parser.add_argument("--snrs", type=float, nargs="+", default=[0.0, 5.0, 10.0, 15.0])
    parser.add_argument("--weights", nargs="+", default=[])
    parser.add_argument("--float", type=Path)
    parser.add_argument("--variants", action=argparse.BooleanOptionalAction, default=True)
    return parser.parse_args(words)


def main() -> None:
    options = options_of()
    if options.data is None:
        print("skipped: it needs real recordings; give --data, or set EVALKIT_REAL_DATA")
        return
    if not options.weights and not (SHIPPED / WEIGHTS).is_file():
        print("skipped: evalkit ships no weights; give --weights")
        return
    networks = [KeptOut.parsed(text, options.data) for text in options.weights] or [KeptOut()]
    tables = [measured(kept, options) for kept in networks]
    for scores in tables:
        show(scores)
    if len(tables) > 1:
        compare(networks, tables)


if __name__ == "__main__":
    main()
