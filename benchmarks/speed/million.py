"""Made-up transcripts of a large fairness evaluation: a manifest and the hypotheses of a system.

    python benchmarks/speed/million.py FOLDER [--utterances 1000000] [--seed 0]

One speaker for every 28 utterances, as in the largest public evaluation of its kind; accent, age
band, gender and region (139, with latitude and longitude) of each; texts of 8 to 12 words from a
vocabulary of 8,000 as frequent as Zipf's law has it. How often a word is got wrong depends on the
speaker: on accent, age and region, on two of them at once (PLANTED), and on who it is.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PER_SPEAKER = 28
VOCABULARY = 8_000
REGIONS = 139
AT_A_TIME = 10_000
"""Utterances that are drawn together."""
ACCENTS = {"american": .06, "british": .07, "indian": .11, "nigerian": .15, "spanish": .09,
           "mandarin": .10, "arabic": .12, "french": .09}
"""The share of words that is got wrong."""
AGES = {"teens": 1.1, "twenties": .95, "thirties": .9, "forties": 1., "fifties": 1.05,
        "sixties": 1.2, "seventies": 1.5}
"""What it is multiplied by."""
GENDERS = ("female", "male", "other")
PLANTED = ("nigerian", "seventies", 1.8)


@dataclass(frozen=True)
class Speaker:
    """Who speaks, and the share of their words that is got wrong."""

    name: str
    labels: dict[str, str | float]
    rate: float


def vocabulary(rng: np.random.Generator) -> np.ndarray:
    """VOCABULARY words that can be pronounced, the shorter ones first."""
    onsets, vowels = [*"bdfghklmnprstvwz", "st", "tr", "sh", "ch"], [*"aeiou"]
    found: dict[str, None] = {}
    while len(found) < VOCABULARY:
        length = 1 + (len(found) > 150) + (len(found) > 4000)
        word = "".join(rng.choice(onsets) + rng.choice(vowels) for _ in range(length))
        found[word + rng.choice(["", "n", "s", "r"])] = None
    return np.array(list(found), dtype=object)


def speakers(n: int, rng: np.random.Generator) -> list[Speaker]:
    """``n`` of them, over all regions; a region's speakers live near its centre."""
    centres = np.column_stack([rng.uniform(-40, 60, REGIONS), rng.uniform(-120, 150, REGIONS)])
    hard = rng.lognormal(0, .15, REGIONS)
    return [_speaker(i, int(region), centres[region], hard[region], rng)
            for i, region in enumerate(rng.integers(0, REGIONS, n))]


def _speaker(i: int, region: int, centre: np.ndarray, hard: float, rng: np.random.Generator
             ) -> Speaker:
    accent, age = rng.choice(list(ACCENTS)), rng.choice(list(AGES))
    latitude, longitude = np.round(centre + rng.normal(0, .5, 2), 4)
    rate = ACCENTS[accent] * AGES[age] * hard * rng.lognormal(0, .3)
    if (accent, age) == PLANTED[:2]:
        rate *= PLANTED[2]
    labels = {"accent": str(accent), "age_band": str(age),
              "gender": str(rng.choice(GENDERS, p=[.48, .49, .03])),
              "region": f"region {region:03d}", "latitude": float(latitude),
              "longitude": float(longitude)}
    return Speaker(f"speaker-{i:06d}", labels, min(rate, .6))


def heard(said: list[str], rate: float, words: np.ndarray, rng: np.random.Generator) -> list[str]:
    """``said`` as a recognizer has it: of the words that it gets wrong, three fifths substituted,
    a quarter left out, the rest followed by one that nobody said."""
    out = []
    for word, wrong in zip(said, rng.random(len(said)) / rate, strict=True):
        if wrong >= .85 or wrong < .6:
            out.append(word if wrong >= .6 else words[rng.integers(VOCABULARY)])
        if .85 <= wrong < 1:
            out.append(words[rng.integers(VOCABULARY)])
    return out


def rows(utterances: int, rng: np.random.Generator) -> Iterator[tuple[dict[str, object], str]]:
    """Of each utterance the manifest's row and the hypothesis."""
    words, who = vocabulary(rng), speakers(-(-utterances // PER_SPEAKER), rng)
    often = 1 / np.arange(2, VOCABULARY + 2)
    often = np.cumsum(often / often.sum())
    for first in range(0, utterances, AT_A_TIME):
        n = min(AT_A_TIME, utterances - first)
        lengths = rng.integers(8, 13, n)
        drawn = words[np.minimum(np.searchsorted(often, rng.random(lengths.sum())), VOCABULARY - 1)]
        for i, said in enumerate(np.split(drawn, np.cumsum(lengths)[:-1]), first):
            speaker = who[i // PER_SPEAKER]
            row = {"id": f"utterance-{i:08d}", "text": " ".join(said), "speaker": speaker.name}
            yield row | speaker.labels, " ".join(heard(list(said), speaker.rate, words, rng))


def write(folder: Path, utterances: int, seed: int = 0) -> None:
    """Writes ``manifest.jsonl`` and ``hypotheses.jsonl``; the same arguments, the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    with (folder / "manifest.jsonl").open("w") as manifest, \
            (folder / "hypotheses.jsonl").open("w") as hypotheses:
        for row, text in rows(utterances, rng):
            manifest.write(json.dumps(row) + "\n")
            hypotheses.write(json.dumps({"id": row["id"], "hypothesis": text}) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--utterances", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    write(asked.folder, asked.utterances, asked.seed)
