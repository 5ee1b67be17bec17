"""What an arm of the transducer gives against another, and to whom: word error rates of what
`benchmarks.transducer_arms` kept, paired by speaker, for each seed and all seeds together.

    python -m benchmarks.transducer_report CORPORA OUT plain convolutional
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from evalkit.core.alignment import count_edits
from evalkit.core.types import Interval, Utterance
from evalkit.statistics.bootstrap import Contrast, intervals
from evalkit.statistics.sums import speaker_sums
from evalkit.store.manifest import read_manifest

GROUP = "accent"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpora", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("one")
    parser.add_argument("other")
    options = parser.parse_args(arguments)
    of_one, of_other = ({path.name.rsplit(".")[0].rsplit("_", 1)[1]: _read(path)
                         for path in sorted(options.out.glob(f"{arm}_[0-9].json.gz"))}
                        for arm in (options.one, options.other))
    seeds = [seed for seed in of_one if seed in of_other]
    # Arms are tested on the same requests, though their recordings may differ.
    for test, also in zip(of_one[seeds[0]], of_other[seeds[0]], strict=True):
        said = read_manifest(options.corpora / test.split(", ")[0] / "test.jsonl").utterances
        tables = {seed: _errors(said, of_one[seed][test], of_other[seed][also]) for seed in seeds}
        print(f"{test}: {options.other} against {options.one}")
        for seed, table in tables.items():
            print(f"  seed {seed}: {_line(table)}")
        # A speaker is heard by every seed: the sums of all seeds are one amount of that speaker.
        together = pd.concat(tables.values())
        print(f"  all seeds: {_line(together)}")
        for group in sorted(together[GROUP].unique()):
            print(f"    {group}: {_line(together[together[GROUP] == group])}")


def _read(path: Path) -> dict[str, dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        heard: dict[str, dict[str, Any]] = json.load(file)
    return heard


def _errors(said: Sequence[Utterance], one: Mapping[str, Any], other: Mapping[str, Any]
            ) -> pd.DataFrame:
    """A row an utterance and system: errors and words."""
    rows = []
    for system, heard in (("one", one), ("other", other)):
        for utterance in said:
            words = (utterance.text or "").split()
            edits = count_edits(words, heard[utterance.id][0].split())
            rows.append((system, utterance.id, utterance.speaker, utterance.metadata[GROUP],
                         float(edits.errors), float(len(words))))
    return pd.DataFrame(rows, columns=["pipeline", "utterance_id", "speaker_id", GROUP, "amount",
                                       "weight"])


def _line(table: pd.DataFrame) -> str:
    sums = speaker_sums(table.assign(error=None), system="pipeline")
    systems = list(sums.systems)
    one, other = systems.index("one"), systems.index("other")
    rate, also, change = intervals(sums, [
        Contrast((0, one)), Contrast((0, other)), Contrast((0, other), (0, one))])
    words = int(table.loc[table["pipeline"] == "one", "weight"].sum())
    return (f"{words:,} words, {_shown(rate)} and {_shown(also)}; difference {_shown(change)} "
            f"points, {change.value / rate.value:+.1%} relative")


def _shown(interval: Interval) -> str:
    return f"{100 * interval.value:.2f} [{100 * interval.low:.2f}, {100 * interval.high:.2f}]"


if __name__ == "__main__":
    main()
