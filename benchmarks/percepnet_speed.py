"""What PercepNet's signal path costs, without its network.

    python benchmarks/percepnet_speed.py [--seconds 10] [--repeats 5]

Processor time of one thread, the best of the repeats: a frame of 10 ms when streamed hop by hop,
and how many times faster than real time a whole signal is processed. Set OMP_NUM_THREADS=1."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from evalkit.models.percepnet.bands import BANDS
from evalkit.models.percepnet.frames import RATES, Framing
from evalkit.models.percepnet.path import Path, enhance


def advised(heard: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What costs nothing to say."""
    return (np.full((len(heard), BANDS), 0.7, np.float32),
            np.full((len(heard), BANDS), 0.4, np.float32))


def streamed(signal: np.ndarray, framing: Framing) -> None:
    path = Path(framing, advised)
    for block in signal.reshape(-1, framing.hop):
        path.push(block)


def best(function: Callable[[], object], repeats: int) -> float:
    """Seconds of processor time."""
    spent = []
    for _ in range(repeats):
        before = time.process_time()
        function()
        spent.append(time.process_time() - before)
    return min(spent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    for rate in RATES:
        framing = Framing(rate)
        signal = np.random.default_rng(0).standard_normal(rate * options.seconds)
        signal = (0.1 * signal).astype(np.float32)
        stream = best(lambda s=signal, f=framing: streamed(s, f), options.repeats)
        whole = best(lambda s=signal, f=framing: enhance(s, f, advised), options.repeats)
        print(f"{rate} Hz: streamed {10 * stream / options.seconds:.3f} ms a frame, "
              f"whole {options.seconds / whole:.0f} x real time")


if __name__ == "__main__":
    main()
