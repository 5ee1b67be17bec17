"""The commands of the sweep (see benchmarks.smaller)."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import smaller
from benchmarks.smaller.sweep import CONFIG, train_all, train_one
from evalkit.core.errors import EvalkitError


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=smaller.__doc__.splitlines()[0])
    parser.add_argument("what", choices=["make", "train", "one", "table"])
    parser.add_argument("corpora", type=Path)
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=1e6)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--by", default="accent")
    parser.add_argument("--against", default="shipped")
    parser.add_argument("--cost", default="bytes")
    options = parser.parse_args(arguments)
    if options.what != "make" and options.out is None:
        parser.error("OUT is missing")
    try:
        return _do(options)
    except EvalkitError as error:
        sys.exit(str(error))


def _do(options: argparse.Namespace) -> int:
    if options.what == "make":
        from benchmarks.smaller import corpora, separating

        corpora.make(options.corpora, options.workers)
        separating.make(options.corpora)
    elif options.what == "train":
        failed = train_all(options.config, options.corpora, options.out, only=options.only,
                           at_once=options.at_once, minutes=options.minutes)
        print("".join(f"failed: {log}\n" for log in failed), end="")
        return 1 if failed else 0
    elif options.what == "one":
        train_one(options.config, options.corpora, options.out, *options.only, options.seed)
    else:
        from benchmarks.smaller.table import table

        table(options.config, options.corpora, options.out, only=options.only, by=options.by,
              against=options.against, cost=options.cost)
    return 0


if __name__ == "__main__":
    sys.exit(main())
