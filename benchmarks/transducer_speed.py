"""What the transducer's loss takes of a training step, and what hearing takes of the time that is
heard: each a ratio within this run, on one thread.

    python -m benchmarks.transducer_speed
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import process_time

import numpy as np
import torch

from evalkit.core.types import Recording, Utterance
from evalkit.models import SHIPPED
from evalkit.models.tensors import padded, threads
from evalkit.models.transducer.beam import Beam
from evalkit.models.transducer.features import RATE
from evalkit.models.transducer.loss import transducer_losses
from evalkit.models.transducer.network import Transducer
from evalkit.models.transducer.objective import Objective, ObjectiveConfig
from evalkit.models.transducer.stream import Blocks, heard

BATCH, SECONDS, TEXT = 16, 2.2, "turn on the kitchen lights please"
ROUNDS = 7


def main() -> None:
    model = Transducer.load(SHIPPED / "transducer.safetensors")
    rng = np.random.default_rng(0)
    waves = [(0.05 * rng.standard_normal(int(SECONDS * RATE))).astype(np.float32)
             for _ in range(BATCH)]
    with threads(1):
        step, loss = _median(lambda: _step(model, waves)), _median(_loss(model, waves))
        print(f"training step of {BATCH} utterances: {1000 * step:.0f} ms, of which the loss and "
              f"its gradient {1000 * loss:.1f} ms: {loss / step:.1%}")
        model.eval()
        for width in (1, 4, 8):
            taken = _median(lambda width=width: _hear(model, waves[0], width))  # type: ignore[misc]
            print(f"hearing, beam {width}: {taken / SECONDS:.3f} of the time that is heard")


def _median(work: Callable[[], object]) -> float:
    """Processor seconds of a call."""
    taken = []
    for _ in range(ROUNDS):
        start = process_time()
        work()
        taken.append(process_time() - start)
    return median(taken)


def _step(model: Transducer, waves: list[np.ndarray]) -> None:
    model.train()
    batch = [Recording(Utterance(str(n)), TEXT, wave) for n, wave in enumerate(waves)]
    Objective(ObjectiveConfig())(model, batch).sum().backward()


def _loss(model: Transducer, waves: list[np.ndarray]) -> Callable[[], None]:
    targets, lengths = model.targets([TEXT] * len(waves))
    found, _, blocks = model.encoded(*padded(waves, torch.device("cpu")))
    logits = model.logits(found, targets).detach().requires_grad_()

    def work() -> None:
        transducer_losses(logits, targets, blocks, lengths).sum().backward()

    return work


@torch.inference_mode()
def _hear(model: Transducer, wave: np.ndarray, width: int) -> None:
    if width == 1:
        heard(model, wave)
        return
    blocks, beam = Blocks(model), Beam(model, width)
    for block in (*blocks.push(wave), *blocks.finish()):
        beam.hear(block)


if __name__ == "__main__":
    main()
