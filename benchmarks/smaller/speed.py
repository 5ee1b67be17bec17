"""What zeros and few bits gain in time on a processor: processor time of the shipped transducer as
it is and compressed, and of its largest product by kernels that skip zeros or compute with 8 bits.

    python -m benchmarks.smaller.speed

Each number is relative to the dense one of 32 bits: the quickest of several turns, one thread.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping

import numpy as np
import torch

from benchmarks.smaller.compression import shipped
from evalkit.models.compression import compress, largest
from evalkit.models.tensors import threads
from evalkit.models.transducer.network import Transducer
from evalkit.models.transducer.stream import texts

SECONDS = 10
TURNS = 7
PRODUCTS = 2_000
ROWS, COLUMNS = 768, 384
"""Of the upper LSTM's larger matrix."""
ZEROS = (0.5, 0.7, 0.9, 0.95)


def main() -> None:
    wave = np.random.default_rng(0).normal(0, 0.05, SECONDS * 16_000).astype(np.float32)
    with threads(1):
        _show(f"the recognizer, {SECONDS} s of noise", {
            name: _hearing(model, wave) for name, model in _models().items()})
        _show(f"a matrix of {ROWS} x {COLUMNS} by a vector, {PRODUCTS:,} times", _products())


def _models() -> Mapping[str, Transducer]:
    models = {name: shipped() for name in ("dense, 32 bits", "8 bits", "70 % zeros",
                                           "70 % zeros in blocks of 8 x 4")}
    compress(models["8 bits"], bits=8)
    compress(models["70 % zeros"], zeros=0.7)
    with torch.no_grad():
        weights = [weight for weight in models["70 % zeros in blocks of 8 x 4"].parameters()
                   if weight.dim() > 1]
        for weight, mask in zip(weights, largest(weights, 0.7, (8, 4)), strict=True):
            weight.mul_(mask)
    return models


def _hearing(model: Transducer, wave: np.ndarray) -> Callable[[], object]:
    return lambda: texts(model, [wave])


def _products() -> Mapping[str, Callable[[], object]]:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(ROWS, COLUMNS, generator=generator)
    vector = torch.randn(COLUMNS, 1, generator=generator)
    found = {"dense, 32 bits": _product(weight, vector)}
    for zeros in ZEROS:
        single, blocks = (weight * largest([weight], zeros, block)[0]
                          for block in ((1, 1), (8, 4)))
        found[f"{zeros:.0%} zeros, dense"] = _product(single, vector)
        found[f"{zeros:.0%} zeros, rows of numbers (CSR)"] = _product(single.to_sparse_csr(),
                                                                      vector)
        found[f"{zeros:.0%} zeros, blocks of 8 x 4 as rows of numbers (CSR)"] = _product(
            blocks.to_sparse_csr(), vector)
    layer = torch.nn.Linear(COLUMNS, ROWS, bias=False)
    with torch.no_grad():
        layer.weight.copy_(weight)
    eight = torch.ao.quantization.quantize_dynamic(torch.nn.Sequential(layer), {torch.nn.Linear})
    row = vector.T.contiguous()
    found["8 bits, weights and numbers (fbgemm)"] = lambda: [eight(row) for _ in range(PRODUCTS)]
    return found


def _product(matrix: torch.Tensor, vector: torch.Tensor) -> Callable[[], object]:
    return lambda: [matrix @ vector for _ in range(PRODUCTS)]


def _show(title: str, ways: Mapping[str, Callable[[], object]]) -> None:
    quickest = dict.fromkeys(ways, float("inf"))
    with torch.inference_mode():
        for _ in range(TURNS):
            for name, way in ways.items():
                started = time.process_time()
                way()
                quickest[name] = min(quickest[name], time.process_time() - started)
    dense = next(iter(quickest.values()))
    print(f"{title}: {dense:.3f} s")
    for name, seconds in quickest.items():
        print(f"  {name}: {seconds / dense:.2f}")


if __name__ == "__main__":
    warnings.filterwarnings("ignore")  # that torch's sparse tensors are young
    main()
