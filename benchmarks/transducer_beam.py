"""What the transducer's beam and a language model give, and to whom.

    python -m benchmarks.transducer_beam decode CORPORA OUT --every 2   # N-best lists, kept in OUT
    python -m benchmarks.transducer_beam report CORPORA OUT   # and lattices, in OUT/slf

CORPORA are those of `python -m benchmarks.transducer_arms make`; `evalkit rescore` rescores the
lattices. Word errors are pooled; intervals are of 2,000 draws of
speakers, of the difference to greedy search of the same words.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evalkit.core.alignment import count_edits
from evalkit.core.lattices import WordLattice
from evalkit.core.networks import Network, closest
from evalkit.store.manifest import read_manifest

SETS = (("accents", "dev", "babble", (1, 16)), ("accents", "test", "babble", (1, 2, 4, 8, 16)),
        ("accents", "test", "clean", (1, 4, 16)), ("requests", "test", "babble", (1, 4, 16)),
        ("requests", "test", "clean", (1, 4, 16)))
DRAWS = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["decode", "report"])
    parser.add_argument("corpora", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--every", type=int, default=1, help="Of so many utterances one.")
    options = parser.parse_args()
    {"decode": _decode, "report": _report}[options.what](options)


def _decode(options: argparse.Namespace) -> None:
    for corpus, split, condition, widths in SETS:
        out = options.out / f"{corpus}_{split}_{condition}.gz"
        if not out.exists():
            found = _decoded(options.corpora / corpus / f"{split}.jsonl", condition, widths,
                             options.every)
            options.out.mkdir(parents=True, exist_ok=True)
            with gzip.open(out, "wt") as file:
                json.dump(found, file)


def _decoded(manifest: Path, condition: str, widths: Sequence[int], every: int) -> dict[str, Any]:
    """By utterance and width, what a search ended with, and seconds of a processor's time by
    width."""
    import torch

    from evalkit.conditions.noise import Noise
    from evalkit.core.types import Audio
    from evalkit.models import SHIPPED
    from evalkit.models.transducer.beam import Beam
    from evalkit.models.transducer.features import RATE
    from evalkit.models.transducer.network import Transducer
    from evalkit.models.transducer.stream import Greedy
    from evalkit.models.transducer.whole import encoded, in_batches
    from evalkit.training.data import recordings

    torch.set_num_threads(1)
    model = Transducer.load(SHIPPED / "transducer.safetensors")
    speech = recordings(manifest, RATE)
    noise = Noise("babble", 5.0).bind([each.utterance for each in speech])
    speech = speech[::every]
    waves = [each.wave if condition == "clean" else
             noise.apply(Audio(each.wave, RATE), each.utterance).samples for each in speech]
    blocks = {row: heard for rows in in_batches(waves, 64)
              for row, heard in zip(rows, encoded(model, [waves[n] for n in rows]), strict=True)}
    found: dict[str, Any] = {}
    took = dict.fromkeys(widths, 0.0)
    with torch.inference_mode():
        for n, each in enumerate(speech):
            lists = found[each.utterance.id] = {}
            for width in widths:
                started = time.process_time()
                search = Greedy(model) if width == 1 else Beam(model, width)
                for block in blocks[n]:
                    search.hear(block)
                lists[width] = (search.said if isinstance(search, Greedy) else
                                [guess[:4] for guess in search.finish()])
                took[width] += time.process_time() - started
    seconds = {each.utterance.id: len(wave) / RATE
               for each, wave in zip(speech, waves, strict=True)}
    return {"found": found, "seconds": seconds,
            "rtf": {width: each / sum(seconds.values()) for width, each in took.items()}}


class Set(NamedTuple):
    """What was decoded of a corpus: utterances by id, and what a search of each width found."""

    name: str
    utterances: Mapping[str, Any]
    found: Mapping[str, Mapping[str, Any]]
    seconds: Mapping[str, float]
    rtf: Mapping[str, float]

    def guesses(self, utterance: str, width: str) -> list[Any]:
        from evalkit.models.transducer.beam import Prefix

        lists = self.found[utterance][width]
        if width == "1":
            return [Prefix(tuple(n for n, _ in lists), tuple(b for _, b in lists),
                           (0.0,) * len(lists), 0.0, 0.0, 0)]
        return [Prefix(tuple(labels), tuple(blocks), tuple(scores), score, 0.0, 0)
                for labels, blocks, scores, score in lists]


def _sets(options: argparse.Namespace) -> Iterator[Set]:
    for corpus, split, condition, _ in SETS:
        path = options.out / f"{corpus}_{split}_{condition}.gz"
        if path.exists():
            kept = json.loads(gzip.decompress(path.read_bytes()))
            utterances = {u.id: u for u in read_manifest(
                options.corpora / corpus / f"{split}.jsonl").utterances}
            yield Set(f"{corpus}/{split}, {condition}", utterances, kept["found"], kept["seconds"],
                      kept["rtf"])


def _report(options: argparse.Namespace) -> None:
    from evalkit.models import SHIPPED
    from evalkit.models.transducer.lattice import lattice
    from evalkit.models.transducer.network import Transducer
    from evalkit.models.transducer.stream import words_in
    from evalkit.store.slf import slf, write_slf

    model = Transducer.load(SHIPPED / "transducer.safetensors")
    config = model.config
    for each in _sets(options):
        print(f"\n## {each.name}: {len(each.found)} utterances, "
              f"{sum(each.seconds.values()):.0f} s")
        tables: dict[str, dict[str, tuple[int, int]]] = {}
        for width in each.rtf:
            oracle = wide = size = best_size = 0
            errors: dict[str, tuple[int, int]] = {}
            for name in each.found:
                words = (each.utterances[name].text or "").split()
                guesses = each.guesses(name, width)
                edits = [count_edits(words, [w.text for w in words_in(config, g.labels)])
                         for g in guesses]
                errors[name] = edits[0].errors, len(words)
                oracle += min(e.errors for e in edits)
                if width != "1":
                    made = lattice(model, guesses)
                    if width == "16":
                        folder = each.name.replace("/", "_").replace(", ", "_")
                        write_slf(options.out / "slf" / folder / f"{name}.slf", made)
                    best_size = max(best_size, len(slf(made)))
                    size += len(slf(made))
                    near = closest(Network.of(words), _network(made), "levenshtein")
                    wide += count_edits(*near).errors
            total = sum(n for _, n in errors.values())
            tables[width] = errors
            lattices = "" if width == "1" else (
                f", oracle of the list {100 * oracle / total:.2f}, of the lattice "
                f"{100 * wide / total:.2f}; {size / len(errors):.0f} bytes, at most {best_size}, "
                f"{size / sum(each.seconds.values()):.0f} a second")
            print(f"width {width}: {100 * sum(e for e, _ in errors.values()) / total:.2f} % of "
                  f"{total}{lattices}; rtf {each.rtf[width]:.3f}")
        for width in list(each.rtf)[1:]:
            for group, low, value, high in _by_accent(each, tables["1"], tables[width]):
                print(f"  width {width} less greedy, {group}: {value:+.2f} "
                      f"[{low:+.2f}, {high:+.2f}]")


def _network(made: WordLattice) -> Network:
    into: list[list[tuple[int, str | None]]] = [[] for _ in made.times]
    for link in made.links:
        into[link.end].append((link.start, link.word))
    return Network(tuple(map(tuple, into)))


def _by_accent(each: Set, before: Mapping[str, tuple[int, int]],
               after: Mapping[str, tuple[int, int]]
               ) -> Iterable[tuple[str, float, float, float]]:
    accents = {name: str(each.utterances[name].metadata["accent"]) for name in before}
    for group in ("all", *sorted(set(accents.values()))):
        names = [name for name in before if group in ("all", accents[name])]
        speakers = sorted({str(each.utterances[name].speaker) for name in names})
        sums = np.zeros((len(speakers), 3))
        for name in names:
            sums[speakers.index(str(each.utterances[name].speaker))] += (
                before[name][0], after[name][0], before[name][1])
        drawn = np.random.default_rng(0).integers(0, len(sums), (DRAWS, len(sums)))
        a, b, n = sums[drawn].sum(axis=1).T
        low, high = np.quantile(100 * (b - a) / n, [0.025, 0.975])
        a, b, n = sums.sum(axis=0)
        yield f"{group} ({100 * a / n:.1f} to {100 * b / n:.1f})", low, 100 * (b - a) / n, high


if __name__ == "__main__":
    main()
