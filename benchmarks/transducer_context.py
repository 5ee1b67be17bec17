"""What a list of names gives the reference transducer, and to whom: shallow fusion with a trie, the
network that attends to the list, and both, over lists with distractors.

    python -m benchmarks.transducer_context hear CORPORA names_0.safetensors OUT --fusion 0 1
    python -m benchmarks.transducer_context hear CORPORA attention_0.safetensors OUT --attend \
        --fusion 0 1
    python -m benchmarks.transducer_context hear CORPORA attention_0.safetensors OUT --attend \
        --greedy --each 10
    python -m benchmarks.transducer_context report CORPORA OUT

What a label is worth is chosen on ``--corpus invented_names``, whose names are others.

`hear` keeps in OUT what a beam hears of the corpus of names, an utterance with each list: its own
name and others of names.json, drawn by its id, the smaller list in the larger one. ``--fusion`` are
nats a label, 0 for no trie; without a list at all an utterance is heard once. ``--greedy`` takes
the best label each time, in batches that share a list, of all their names and others. `report`
gives B-WER (the words of the utterance's own name) and U-WER (all others).
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from evalkit.core.types import Hypothesis, Output, Utterance
from evalkit.metrics.listed_words import ListedWords
from evalkit.metrics.word_lists import listed_in
from evalkit.models.transducer.beam import Beam
from evalkit.models.transducer.features import RATE
from evalkit.models.transducer.network import Transducer
from evalkit.models.transducer.phrases import Trie
from evalkit.models.transducer.stream import hypothesis
from evalkit.models.transducer.whole import encoded, greedy, in_batches
from evalkit.statistics.bootstrap import Contrast, intervals
from evalkit.statistics.sums import speaker_sums
from evalkit.store.manifest import read_manifest
from evalkit.training.data import recordings

SIZES = (10, 100, 1_000)
WIDTH = 8
BATCH = 32
HELD_OUT = "names_held_out"
DRAWS = 2_000


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    hear = commands.add_parser("hear")
    hear.add_argument("corpora", type=Path)
    hear.add_argument("weights", type=Path)
    hear.add_argument("out", type=Path)
    hear.add_argument("--corpus", default="names", help="or invented_names, to choose on")
    hear.add_argument("--split", default="test")
    hear.add_argument("--each", type=int, default=5, help="a speaker's utterances of each kind")
    hear.add_argument("--fusion", type=float, nargs="+", default=[0.0])
    hear.add_argument("--sizes", type=int, nargs="+", default=[0, *SIZES])
    hear.add_argument("--attend", action="store_true", help="the network hears of the list")
    hear.add_argument("--greedy", action="store_true")
    report = commands.add_parser("report")
    report.add_argument("corpora", type=Path)
    report.add_argument("out", type=Path)
    report.add_argument("--corpus", default="names")
    report.add_argument("--split", default="test")
    options = parser.parse_args(arguments)
    {"hear": _hear, "report": _report}[options.command](options)


def _hear(options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    model = Transducer.load(options.weights)
    names = [each["name"] for each in json.loads(
        (options.corpora / options.corpus / "names.json").read_text(encoding="utf-8"))]
    said = _chosen(recordings(options.corpora / options.corpus / f"{options.split}.jsonl", RATE),
                   options.each)
    options.out.mkdir(parents=True, exist_ok=True)
    ways = [(size, boost) for size in options.sizes
            for boost in (options.fusion if size else [0.0]) if not size or boost or options.attend]
    heard = [] if options.greedy else _encoded(model, [each.wave for each in said])
    for size, boost in ways:
        words = ("greedy" * options.greedy, "attend" * bool(options.attend and size),
                 f"{boost:g} {size}")
        way = " ".join(word for word in words if word)
        path = options.out / f"{_part(options)} {options.weights.stem} {way}.json"
        if not path.exists():
            texts = _greedily(model, said, names, size) if options.greedy else {
                each.utterance.id: _text(model, blocks, _listed(each.utterance, names, size),
                                         boost, options.attend)
                for each, blocks in zip(said, heard, strict=True)}
            path.write_text(json.dumps(texts), encoding="utf-8")
            print(path.name, flush=True)


def _part(options: argparse.Namespace) -> str:
    """One word, of which part of which corpus is heard."""
    return f"{options.corpus}-{options.split}"


def _chosen(said: Sequence[Any], each: int) -> list[Any]:
    """The first utterances of each speaker, with and without a name that is held out."""
    counts: Counter[tuple[Any, ...]] = Counter()
    chosen = []
    for one in said:
        kind = (one.utterance.speaker, str(one.utterance.metadata.get(HELD_OUT)))
        counts[kind] += 1
        if counts[kind] <= each:
            chosen.append(one)
    return chosen


def _encoded(model: Transducer, waves: Sequence[np.ndarray]) -> list[Tensor]:
    rows = [row for batch in in_batches(waves, BATCH) for row in batch]
    heard = [each for batch in in_batches(waves, BATCH)
             for each in encoded(model, [waves[row] for row in batch])]
    return [each for _, each in sorted(zip(rows, heard, strict=True), key=lambda pair: pair[0])]


def _listed(utterance: Utterance, names: Sequence[str], size: int) -> list[str]:
    """The utterance's own names and others, ``size`` in all."""
    return _with_others(listed_in(utterance.metadata["names"]), names, size, utterance.id)


def _with_others(own: Sequence[str], names: Sequence[str], size: int, drawn_by: str) -> list[str]:
    order = np.random.default_rng(crc32(drawn_by.encode())).permutation(len(names))
    others = [names[n] for n in order if names[n] not in own]
    return [*own, *others][:size]


@torch.inference_mode()
def _text(model: Transducer, blocks: Tensor, listed: Sequence[str], boost: float, attend: bool
          ) -> str:
    beam = Beam(model, WIDTH, Trie(listed, model.config, boost) if boost else None,
                model.listed(listed) if attend and listed else None)
    for block in blocks:
        beam.hear(block)
    return hypothesis(model, beam.finish()[0].said).text


@torch.inference_mode()
def _greedily(model: Transducer, said: Sequence[Any], names: Sequence[str], size: int
              ) -> dict[str, str]:
    texts = {}
    for rows in in_batches([each.wave for each in said], min(size, BATCH) or BATCH):
        batch = [said[row] for row in rows]
        own = {name for each in batch for name in listed_in(each.utterance.metadata["names"])}
        listed = _with_others(sorted(own), names, size, batch[0].utterance.id)
        found = greedy(model, [each.wave for each in batch],
                       model.listed(listed) if size else None)
        texts |= {each.utterance.id: hypothesis(model, labels).text
                  for each, labels in zip(batch, found, strict=True)}
    return texts


def _report(options: argparse.Namespace) -> None:
    utterances = {each.id: each for each in read_manifest(
        options.corpora / options.corpus / f"{options.split}.jsonl").utterances}
    scores = pd.DataFrame([row for path in sorted(options.out.glob(f"{_part(options)} *.json"))
                           for row in _scores(path, utterances)])
    print("| way | B-WER, held out | B-WER, trained | U-WER |\n|---|---|---|---|")
    parts = (("b_wer", "True"), ("b_wer", "False"), ("u_wer", None))
    for way in scores["way"].unique():
        cells = [_cell(scores, way, metric, held_out) for metric, held_out in parts]
        print(f"| {way} | {' | '.join(cells)} |")
    print()
    for way in scores["way"].unique():
        _by_accent(scores[(scores["way"] == way) & (scores["metric"] == "b_wer")], way)


def _scores(path: Path, utterances: dict[str, Utterance]) -> Iterator[dict[str, Any]]:
    metric = ListedWords(key="names")
    for name, text in json.loads(path.read_text(encoding="utf-8")).items():
        one = utterances[name]
        measured = metric.measure(one, Output(hypothesis=Hypothesis(text)))
        for rate in ("b_wer", "u_wer"):
            yield {"way": path.stem.split(" ", 1)[1], "metric": rate, "utterance_id": name,
                   "speaker_id": one.speaker,
                   "accent": one.metadata["accent"],
                   "held_out": str(one.metadata[HELD_OUT]), "amount": measured[rate].amount,
                   "weight": measured[rate].weight, "error": None}


def _cell(scores: pd.DataFrame, way: str, metric: str, held_out: str | None) -> str:
    """The rate, its interval, and the relative change from no list."""
    rows = scores[(scores["metric"] == metric)
                  & ((scores["held_out"] == held_out) | (held_out is None))]
    if rows.empty:
        return "–"
    words = way.split()
    none = " ".join([words[0], *(["greedy"] if "greedy" in words else []), "0 0"])
    with_list, without = (rows[rows["way"] == each].set_index("utterance_id")
                          for each in (way, none))
    one = intervals(speaker_sums(rows[rows["way"] == way]), [Contrast((0, 0))])[0]
    change = "" if with_list.index.symmetric_difference(without.index).size else _change(
        with_list, without)
    return f"{100 * one.value:.1f} ({100 * one.low:.1f} to {100 * one.high:.1f}){change}"


def _change(new: pd.DataFrame, old: pd.DataFrame) -> str:
    """Relative change of a rate, and what 95 % of draws of speakers give."""
    errors = pd.DataFrame({"speaker": old["speaker_id"], "old": old["amount"], "new": new["amount"]}
                          ).groupby("speaker")[["old", "new"]].sum().to_numpy()
    rng = np.random.default_rng(0)
    drawn = errors[rng.integers(len(errors), size=(DRAWS, len(errors)))].sum(1)
    low, high = np.quantile(drawn[:, 1] / drawn[:, 0] - 1, [0.025, 0.975])
    value = errors[:, 1].sum() / errors[:, 0].sum() - 1
    return f", {100 * value:+.0f} % ({100 * low:+.0f} to {100 * high:+.0f})"


def _by_accent(rows: pd.DataFrame, way: str) -> None:
    sums = speaker_sums(rows, cohort="accent")
    found = intervals(sums, [Contrast((n, 0)) for n in range(len(sums.cohorts))])
    print(f"{way}: B-WER " + "; ".join(
        f"{accent} {100 * each.value:.0f} ({100 * each.low:.0f} to {100 * each.high:.0f})"
        for accent, each in zip(sums.cohorts, found, strict=True)))


if __name__ == "__main__":
    main()
