"""What PercepNet costs.

    python benchmarks/percepnet_speed.py [--network FILE.onnx] [--seconds 2] [--repeats 15]

Processor time of one thread, the best of the repeats: of a frame of 10 ms when streamed hop by hop,
as a share of the core too, and how many times faster than real time a whole signal is processed.
With the ``network`` in FILE, a random one of the shipped size and one of the full size, in 8-bit
integers, where none is given (they cost as much; it takes the package onnx), and with none. For
comparison on other machines: RNNoise on the same signal, and a transform of 1,024 samples by numpy,
all in the same run. Set OMP_NUM_THREADS=1."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from evalkit.core.types import Audio
from evalkit.models.percepnet.advice import Advice
from evalkit.models.percepnet.bands import BANDS
from evalkit.models.percepnet.frames import RATES, Framing
from evalkit.models.percepnet.path import Adviser, enhance
from evalkit.models.percepnet.path import Path as SignalPath
from evalkit.models.percepnet.runtime import Runtime
from evalkit.systems.rnnoise import RNNoise


def free() -> Adviser:
    """What costs nothing to say."""
    return lambda heard: (np.full((len(heard), BANDS), 0.7, np.float32),
                          np.full((len(heard), BANDS), 0.4, np.float32))


def advisers(network: Path | None, folder: Path) -> Iterator[tuple[str, Callable[[], Adviser]]]:
    """By what they are called."""
    yield "no network", free
    for name, path in [("network", network)] if network else random_networks(folder):
        runtime = Runtime(path)
        yield name, lambda runtime=runtime: Advice(runtime)


def random_networks(folder: Path) -> Iterator[tuple[str, Path]]:
    from evalkit.models.percepnet.graph import write
    from evalkit.models.percepnet.network import SHIPPED_SIZES, PercepNet

    for name, sizes in (("shipped size", SHIPPED_SIZES), ("full size", None)):
        write(PercepNet(sizes), folder / f"{name}.onnx", {})
        yield name, folder / f"{name}.onnx"


def streamed(signal: np.ndarray, framing: Framing, adviser: Adviser) -> None:
    path = SignalPath(framing, adviser)
    for block in signal.reshape(-1, framing.hop):
        path.push(block)


def best(function: Callable[[], object], repeats: int) -> float:
    """Seconds of processor time."""
    spent = []
    for _ in range(repeats):
        before = time.thread_time()
        function()
        spent.append(time.thread_time() - before)
    return min(spent)


def peers(signal: np.ndarray, rate: int, repeats: int) -> tuple[float, float]:
    """Seconds of RNNoise for the ``signal``, and of 1,000 transforms."""
    rnnoise, row = RNNoise(), np.random.default_rng(1).standard_normal(1_024)
    rnnoise.enhance([Audio(signal[:rate], rate)])
    return (best(lambda: rnnoise.enhance([Audio(signal, rate)]), repeats),
            best(lambda: [np.fft.rfft(row) for _ in range(1_000)], repeats))


def shown(name: str, signal: np.ndarray, framing: Framing, adviser: Callable[[], Adviser],
          repeats: int) -> None:
    seconds = len(signal) / framing.rate
    rnnoise, transform = peers(signal, framing.rate, repeats)
    stream = best(lambda: streamed(signal, framing, adviser()), repeats)
    whole = best(lambda: enhance(signal, framing, adviser()), repeats)
    print(f"{framing.rate} Hz, {name}: streamed {10 * stream / seconds:.3f} ms a frame "
          f"({stream / seconds:.1%} of a core, {stream / rnnoise:.2f} RNNoises, "
          f"{10 * stream / seconds / transform:.0f} transforms), "
          f"whole {seconds / whole:.0f} x real time ({whole / rnnoise:.2f} RNNoises)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--network", type=Path)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, adviser in advisers(options.network, Path(folder)):
            for rate in RATES:
                signal = np.random.default_rng(0).standard_normal(rate * options.seconds)
                shown(name, (0.1 * signal).astype(np.float32), Framing(rate), adviser,
                      options.repeats)


if __name__ == "__main__":
    main()
