"""The diagonal of the Fisher information: how much a model's likelihood depends on each weight
(Kirkpatrick et al. 2017, arXiv 1612.00796).

The labels are those of the data, which makes it the empirical Fisher. Gradients are squared one
utterance at a time: near an optimum they sum to about 0, so the square of a batch's gradient
says nothing about curvature.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from evalkit.core.files import replacing
from evalkit.core.types import Recording
from evalkit.training.trainable import TrainedRecognizer, parameters

Example = TypeVar("Example")


def diagonal_fisher(weights: Mapping[str, Tensor], loss: Callable[[Example], Tensor],
                    examples: Sequence[Example]) -> dict[str, Tensor]:
    """Mean over ``examples`` of the squared gradient of ``loss``, the negative log-likelihood in
    nats of one example; tensors of the shapes of ``weights``, 0 for those that it does not depend
    on."""
    total = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    for example in examples:
        gradients = torch.autograd.grad(loss(example), list(weights.values()),
                                        allow_unused=True, materialize_grads=True)
        for square, gradient in zip(total.values(), gradients, strict=True):
            square.addcmul_(gradient, gradient)
    return {name: square / len(examples) for name, square in total.items()}


def normalised(fisher: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """``fisher`` with mean 1 over all weights, so that a penalty's strength means the same for
    any model and any number of utterances."""
    total = sum(float(part.sum()) for part in fisher.values())
    count = sum(part.numel() for part in fisher.values())
    return {name: part * (count / total) for name, part in fisher.items()}


def fisher_of(model: TrainedRecognizer, speech: Sequence[Recording], cache: Path
              ) -> dict[str, Tensor]:
    """The normalised Fisher diagonal of ``model`` on ``speech``, in evaluation mode.

    Kept in the folder ``cache`` under a digest of the weights and of the recordings, and read
    from there the next time."""
    weights = parameters(model.module)
    path = cache / f"{content(weights, speech)}.safetensors"
    if not path.is_file():
        model.module.eval()
        # cuDNN has no backward pass through recurrent layers in evaluation mode.
        with torch.backends.cudnn.flags(enabled=False):
            fisher = diagonal_fisher(weights, lambda r: model.losses([r]).sum(), speech)
        with replacing(path) as temporary:
            save_file(normalised(fisher), temporary)
    kept = load_file(path, device="cpu")
    return {name: kept[name].to(weight.device) for name, weight in weights.items()}


def content(weights: Mapping[str, Tensor], speech: Sequence[Recording]) -> str:
    """SHA-256 of weights and recordings, in hexadecimal."""
    digest = hashlib.sha256()
    for name, weight in weights.items():
        digest.update(name.encode())
        digest.update(weight.detach().cpu().numpy().tobytes())
    for recording in speech:
        digest.update(recording.text.encode())
        digest.update(recording.wave.tobytes())
    return digest.hexdigest()
