"""The largest public fairness evaluation in simulation: 306,230 utterances of 36,691 speakers in
139 regions, with made-up texts, from transcripts to a page, in one command.

    python benchmarks/scale_simulation.py                     # 306,230 utterances
    python benchmarks/scale_simulation.py --exponents         # smaller ones too: costs by size

Each step is a command of evalkit in a process of its own: `score`, `cohorts` by the tree of places
and by declared groups, `groups` by three labels, `report`, and `compare` with a copy of the run.
Printed are wall seconds, processor seconds and peak memory of each step, and with --exponents the
power of the number of utterances that processor seconds grow with, as speed/texts.py fits it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.speed.million import (  # noqa: E402 -- once the folder above is known
    AT_A_TIME,
    REGIONS,
    VOCABULARY,
    heard,
    speakers,
    vocabulary,
)
from benchmarks.speed.texts import exponent  # noqa: E402
from benchmarks.speed.tree import Took, took  # noqa: E402

UTTERANCES, SPEAKERS = 306_230, 36_691
SMALLER = (20_000, 80_000)
"""Sizes that costs are fitted to, beside the whole."""


def rows(utterances: int, people: int, rng: np.random.Generator
         ) -> Iterator[tuple[dict[str, object], str]]:
    """Of each utterance the manifest's row and the hypothesis; everybody speaks at least once."""
    words, who = vocabulary(rng), speakers(people, rng)
    turns = np.concatenate([np.arange(people), rng.integers(0, people, utterances - people)])
    often = 1 / np.arange(2, VOCABULARY + 2)
    often = np.cumsum(often / often.sum())
    for first in range(0, utterances, AT_A_TIME):
        part = turns[first:first + AT_A_TIME]
        lengths = rng.integers(8, 13, len(part))
        drawn = words[np.minimum(np.searchsorted(often, rng.random(lengths.sum())), VOCABULARY - 1)]
        for i, said in enumerate(np.split(drawn, np.cumsum(lengths)[:-1])):
            speaker = who[part[i]]
            row = {"id": f"utterance-{first + i:08d}", "text": " ".join(said),
                   "speaker": speaker.name}
            yield row | speaker.labels, " ".join(heard(list(said), speaker.rate, words, rng))


def write(folder: Path, utterances: int) -> None:
    """``manifest.jsonl`` and ``hypotheses.jsonl``."""
    people = max(1, round(utterances * SPEAKERS / UTTERANCES))
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "manifest.jsonl").open("w") as manifest, \
            (folder / "hypotheses.jsonl").open("w") as hypotheses:
        for row, text in rows(utterances, people, np.random.default_rng(0)):
            manifest.write(json.dumps(row) + "\n")
            hypotheses.write(json.dumps({"id": row["id"], "hypothesis": text}) + "\n")


def steps(folder: Path) -> dict[str, list[str]]:
    """The commands, in their order."""
    evalkit, run = [sys.executable, "-m", "evalkit"], str(folder / "run")
    return {
        "score": [*evalkit, "score", "-m", str(folder / "manifest.jsonl"), "-y",
                  f"asr={folder / 'hypotheses.jsonl'}", "-o", run, "-j", "2"],
        "cohorts": [*evalkit, "cohorts", run, "--finder", "tree", "--finder", "declared"],
        "groups": [*evalkit, "groups", run, "--by", "accent", "--by", "age_band", "--by", "gender"],
        "report": [*evalkit, "report", run, "--out", str(folder / "page")],
        "compare": [*evalkit, "compare", run, str(folder / "again")]}


def measured(folder: Path, utterances: int) -> dict[str, Took]:
    """What each step takes; making up the texts is none."""
    write(folder, utterances)
    print(f"{utterances:,} utterances of {round(utterances * SPEAKERS / UTTERANCES):,} speakers in "
          f"{REGIONS} regions", flush=True)
    found = {}
    for name, command in steps(folder).items():
        if name == "compare":
            copytree(folder / "run", folder / "again")
        found[name] = took(command)
        print(f"  {name:8} {found[name]}", flush=True)
    print(f"  {'all':8} {sum(each.wall for each in found.values()):.1f} s, "
          f"{sum(each.processor for each in found.values()):.1f} processor seconds, "
          f"{max(each.peak for each in found.values()) / 1e9:.2f} GB at most", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--utterances", type=int, default=UTTERANCES)
    parser.add_argument("--exponents", action="store_true")
    asked = parser.parse_args()
    sizes = [*(SMALLER if asked.exponents else ()), asked.utterances]
    with tempfile.TemporaryDirectory() as place:
        found = {n: measured(Path(place) / str(n), n) for n in sizes}
    if asked.exponents:
        for name in found[sizes[0]]:
            print(f"{name:8} {exponent([found[n][name] for n in sizes], sizes):.2f}")


if __name__ == "__main__":
    main()
