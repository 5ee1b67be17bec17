"""How wrong the times of words are: those of one manifest against the truth of another.

    evalkit corpus align datasets/accents/test.jsonl --out aligned.jsonl
    python benchmarks/word_times.py datasets/accents/test.jsonl aligned.jsonl --by accent
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from evalkit.core.types import Utterance
from evalkit.store.manifest import read_manifest


def errors(truth: Utterance, other: Utterance) -> Iterator[tuple[float, float]]:
    """Milliseconds by which the start and the end of each entry of the truth, a word or several,
    are later in ``other``."""
    words = iter(other.words)
    for word in truth.words:
        parts = list(islice(words, len(word.text.split())))
        yield 1000 * (parts[0].start - word.start), 1000 * (parts[-1].end - word.end)


def row(name: str, found: np.ndarray) -> str:
    """Words, and median, 90th percentile and signed median of starts and of ends."""
    figures = [f"{np.median(np.abs(each)):.0f} | {np.percentile(np.abs(each), 90):.0f} | "
               f"{np.median(each):+.0f}" for each in found.T]
    return f"| {name} | {len(found)} | {' | '.join(figures)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("truth", type=Path)
    parser.add_argument("other", type=Path)
    parser.add_argument("--by", help="a column of the manifest")
    given = parser.parse_args()
    truth, other = ({each.id: each for each in read_manifest(path, outside=True).utterances}
                    for path in (given.truth, given.other))
    common = [name for name in truth if name in other and other[name].words]
    found = {name: list(errors(truth[name], other[name])) for name in common}
    print(f"{len(truth) - len(common)} of {len(truth)} utterances have no times in the other")
    print("| | words | start: median of the amount | P90 | median | end: median of the amount | "
          "P90 | median |\n|---|---|---|---|---|---|---|---|")
    print(row("all", np.array([each for name in common for each in found[name]])))
    groups = {str(truth[name].metadata.get(given.by)) for name in common if given.by}
    for group in sorted(groups):
        print(row(group, np.array([each for name in common for each in found[name]
                                   if str(truth[name].metadata.get(given.by)) == group])))


if __name__ == "__main__":
    main()
