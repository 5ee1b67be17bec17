"""Alignments of words and characters, beside RapidFuzz, jiwer and kaldialign."""

from __future__ import annotations

import random
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence

import jiwer
import kaldialign
from rapidfuzz.distance.Levenshtein import editops

from benchmarks.speed.table import Row, ratio
from evalkit.core.alignment import count_edits
from evalkit.core.alignments import align_all, count_all

PAIRS = 50_000
SHARD = 10_000
FEWER = 5_000
WRONG = .12
LONG = 20_000
Texts = list[tuple[str, str]]


def texts(n: int, rng: random.Random) -> Texts:
    """References of 5 to 35 words, and hypotheses with WRONG of them wrong."""
    words = [f"word{i}" for i in range(5_000)]
    often = [1 / (i + 3) for i in range(5_000)]
    return [(" ".join(said), " ".join(_heard(said, words, rng)))
            for said in (rng.choices(words, often, k=rng.randint(5, 35)) for _ in range(n))]


def _heard(said: list[str], words: list[str], rng: random.Random) -> Iterator[str]:
    for word in said:
        chance = rng.random() / WRONG
        if chance < .6:
            yield rng.choice(words)
        elif chance >= .8:
            yield word
        if .8 <= chance < 1:
            yield rng.choice(words)


def rows() -> Iterator[Row]:
    spoken = texts(PAIRS, random.Random(0))
    parted = [(said.split(), heard.split()) for said, heard in spoken]
    written = [([*said], [*heard]) for said, heard in spoken]  # as characters are that are kept
    for unit, counted, kept in (("words", parted, parted), ("characters", spoken, written)):
        yield Row(f"{unit} of {PAIRS:,} pairs, counts", _ratio(count_all, counted), 1.5,
                  "x RapidFuzz's editops")
        yield Row(f"{unit} of {PAIRS:,} pairs, counts and text kept", _ratio(align_all, kept), 3,
                  "x RapidFuzz's editops")
    some, few = spoken[:FEWER], parted[:FEWER]
    yield Row(f"words of {FEWER:,} pairs, counts", 1 / ratio(
        lambda: count_all(*zip(*few, strict=True)),
        lambda: [jiwer.process_words(said, heard) for said, heard in some]),
        12, "x as fast as jiwer", at_least=True)
    yield from _sclite(few)
    yield Row(f"{LONG:,} words against as many, sclite's costs", _memory(), 100, "MB more",
              note="a byte for every pair is 400 MB")


def _ratio(work: Callable[[Sequence[Sequence[str]], Sequence[Sequence[str]]], object],
           pairs: Sequence[tuple[Sequence[str], Sequence[str]]]) -> float:
    """Of ``work`` on as many pairs at a time as a large run's shards have, and RapidFuzz's on the
    same pairs."""
    references, hypotheses = zip(*pairs, strict=True)

    def ours() -> None:
        for start in range(0, PAIRS, SHARD):
            some = slice(start, start + SHARD)
            work(references[some], hypotheses[some])

    def peer() -> None:
        for said, heard in pairs:
            editops(said, heard)

    return ratio(ours, peer)


def _sclite(pairs: list[tuple[list[str], list[str]]]) -> Iterator[Row]:
    def peer() -> None:
        for said, heard in pairs:
            kaldialign.align(said, heard, "", sclite_mode=True)

    references, hypotheses = zip(*pairs, strict=True)
    for name, work in (("counts", count_all), ("counts and text kept", align_all)):
        yield Row(f"words of {FEWER:,} pairs, sclite's costs, {name}", ratio(
            lambda: work(references, hypotheses, "sclite"), peer), 1.5,  # noqa: B023
            "x kaldialign")


def _memory() -> float:
    """Megabytes that an alignment adds to the peak of a process of its own."""
    done = subprocess.run([sys.executable, "-m", "benchmarks.speed.alignment"], check=True,
                          capture_output=True, text=True)
    return float(done.stdout)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    said = [str(i * i % 997) for i in range(LONG)]
    count_edits("a", "b", "sclite")
    before = _peak()
    count_edits(said, said[LONG // 2:] + said[:LONG // 2], "sclite")
    print((_peak() - before) / 1024)
