"""Tries evalkit with what goes wrong: killed processes, damaged recordings, misbehaving plug-ins,
damaged run folders, hostile strings, contended and full folders, signals at any moment.

    python -m benchmarks.faults                 # everything at full size
    python -m benchmarks.faults kills plugins   # some kinds
    python -m benchmarks.faults --scale 0.1     # a tenth of the attempts

Prints a line a kind and every attempt that ended wrong; exits with 1 where there is any.
"""

from __future__ import annotations

import argparse
import tempfile
from importlib import import_module
from pathlib import Path

from benchmarks.hostile.trials import Tried

KINDS = ("kills", "recordings", "plugins", "damages", "strings", "folders", "signals")


def main() -> int:
    """Tries the kinds that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []], default=KINDS)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    bad = 0
    for kind in asked.kinds:
        with tempfile.TemporaryDirectory(prefix="evalkit-faults-") as folder:
            results: list[Tried] = import_module(f"benchmarks.hostile.{kind}").tried(
                asked.scale, asked.seed, Path(folder))
        for result in results:
            print(f"{result.n:>7,} {result.what}: {len(result.bad)} ended wrong", flush=True)
            for line in result.bad:
                print(f"        {line}")
            bad += len(result.bad)
    return int(bool(bad))


if __name__ == "__main__":
    raise SystemExit(main())
