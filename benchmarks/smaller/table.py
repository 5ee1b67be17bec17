"""The table of a sweep: `evalkit frontier` of what its arms heard in all seeds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import evalkit
from benchmarks.smaller.corpora import TEST, sentences
from benchmarks.smaller.sweep import all_kept, of_other_options, read_sweep
from evalkit.cli.frontier import print_frontier
from evalkit.core.alignment import count_edits
from evalkit.store.manifest import write_manifest

Done = Mapping[str, Mapping[int, Mapping[str, Any]]]
"""By arm and seed what was kept."""


def table(config: Path, corpora: Path, out: Path, *, only: Sequence[str] = (),
          by: str | None = "accent", against: str = "shipped", cost: str = "bytes",
          test: str = TEST) -> None:
    """Prints the word error rate of every arm in every seed, and the frontier of all seeds
    together; writes what it is of into the folder ``table`` of ``out``.

    Every seed hears the same speakers: what all of them heard of a speaker is one sum. An arm of
    one seed, in which nothing is drawn, counts as often as the others; of the seeds those are taken
    that all other arms have. ``only`` are arms, besides ``against``, of those that heard ``test``
    (CORPUS/SPLIT)."""
    found: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)
    rows = sentences(corpora, test)
    sweep, names = read_sweep(config), [*only, against] if only else ()
    for each in of_other_options(sweep, out, names):
        print(f"left out: {each}, which was trained by other options than {config.name} has now")
    for name, seed, document in all_kept(sweep, out, names):
        if test in document["heard"]:
            found[name][seed] = document
    print("\n".join(_seed_by_seed(found, rows, test)))
    together(found, rows, out / "table", test)
    print_frontier(evalkit.frontier(out / "table" / "run", by=[by] if by else [],
                                    cost=cost, costs=out / "table" / "costs.csv",
                                    against=against))


def together(found: Done, rows: Sequence[Mapping[str, Any]], out: Path, test: str) -> None:
    """Writes a run of all seeds, in which each utterance is there once a seed, and costs.csv."""
    seeds = seeds_of(found)
    write_manifest(out / "seeds.jsonl", (
        {**{key: row[key] for key in row if key != "audio"}, "id": _id(row["id"], seed)}
        for seed in seeds for row in rows))
    for name, documents in found.items():
        heard = {seed: documents.get(seed, documents[min(documents)])["heard"][test]
                 for seed in seeds}
        write_manifest(out / f"{name}.jsonl", (
            {"id": _id(row["id"], seed), "hypothesis": heard[seed][row["id"]]}
            for seed in seeds for row in rows))
    (out / "costs.csv").write_text("".join(_costs(found)), encoding="utf-8")
    evalkit.score(out / "seeds.jsonl", {name: out / f"{name}.jsonl" for name in found}, out / "run",
                  metrics=["wer"], overwrite=True)


def seeds_of(found: Done) -> list[int]:
    """Those that all arms of several seeds have; that of arms of one seed where there are none."""
    several = [set(documents) for documents in found.values() if len(documents) > 1]
    return sorted(set.intersection(*several) if several else {0})


def _id(utterance: str, seed: int) -> str:
    return f"{utterance} seed {seed}"


def _costs(found: Done) -> Iterator[str]:
    """Means over seeds."""
    keys = sorted({key for documents in found.values() for each in documents.values()
                   for key in each["cost"]})
    yield ",".join(["pipeline", *keys]) + "\n"
    for name, documents in found.items():
        means = [fmean(each["cost"][key] for each in documents.values())
                 if all(key in each["cost"] for each in documents.values()) else ""
                 for key in keys]
        yield ",".join([name, *map(str, means)]) + "\n"


def _seed_by_seed(found: Done, rows: Sequence[Mapping[str, Any]], test: str) -> Iterator[str]:
    said = {row["id"]: row["text"].split() for row in rows}
    words = sum(map(len, said.values()))
    yield f"{test}: {len(said):,} utterances, {words:,} words; WER by seed, processor minutes"
    for name, documents in found.items():
        rates = [sum(count_edits(text, each["heard"][test][key].split()).errors
                     for key, text in said.items()) / words for each in documents.values()]
        minutes = fmean(each["processor_seconds"] for each in documents.values()) / 60
        yield (f"  {name}: " + ", ".join(f"{seed}: {rate:.2%}" for seed, rate in zip(
            documents, rates, strict=True)) + f"; {minutes:.1f}")
