"""Checkpoints of a training that can go on where it was stopped, to the same weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from torch.optim import Adam

from evalkit.core.errors import RunError, one_line
from evalkit.core.files import replacing
from evalkit.training.trainable import parameters

_MOMENTS = ("exp_avg", "exp_avg_sq")


def save_checkpoint(path: Path, done: int, module: nn.Module, optimiser: Adam, *,
                    draws: bool = False) -> None:
    """Writes what the step after the ``done`` ones starts from: weights, buffers of layers (the
    means of batch normalisation), the optimiser's moments, and where ``draws``, the state of
    torch's global generators of random numbers (those of dropout)."""
    tensors = {"done": torch.tensor(done, device="cpu")}
    for name, generator in _generators(module).items() if draws else ():
        tensors[f"draws.{name}"] = generator.get_state()
    for name, buffer in module.named_buffers():
        tensors[f"buffer.{name}"] = buffer.clone()
    for name, weight in parameters(module).items():
        tensors[f"weight.{name}"] = weight.detach()
        for moment in _MOMENTS:
            # None of a weight that the loss does not depend on.
            tensors[f"{moment}.{name}"] = optimiser.state[weight].get(
                moment, torch.zeros_like(weight))
    with replacing(path) as temporary:
        save_file(tensors, temporary)


@torch.no_grad()
def resume(path: Path, module: nn.Module, optimiser: Adam) -> int:
    """Restores what ``save_checkpoint`` wrote and returns how many steps were done; 0 where
    there is no file. Raises RunError where it is damaged, or of another network."""
    if not path.is_file():
        return 0
    with _readable(path):
        return _restored(load_file(path, device="cpu"), module, optimiser)


def steps_done(path: Path) -> int:
    """How many steps the training made whose checkpoint is ``path``; 0 where there is none.
    Raises RunError where it is damaged."""
    if not path.is_file():
        return 0
    with _readable(path), safe_open(path, framework="pt") as file:
        return int(file.get_tensor("done"))


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, SafetensorError, KeyError, RuntimeError, ValueError) as error:
        raise RunError(f"{path}: no checkpoint of this training: {one_line(error)}; remove it to "
                       "start anew, or give another folder") from error


def _restored(tensors: Mapping[str, torch.Tensor], module: nn.Module, optimiser: Adam) -> int:
    for name, buffer in module.named_buffers():
        buffer.copy_(tensors[f"buffer.{name}"])
    for name, weight in parameters(module).items():
        weight.copy_(tensors[f"weight.{name}"])
        optimiser.state[weight] = {"step": tensors["done"].float()} | {
            moment: tensors[f"{moment}.{name}"].to(weight.device) for moment in _MOMENTS}
    for name, generator in _generators(module).items():
        if f"draws.{name}" in tensors:
            generator.set_state(tensors[f"draws.{name}"])
    return int(tensors["done"])


def _generators(module: nn.Module) -> dict[str, torch.Generator]:
    """Those that layers of ``module`` draw from, by the kind of device."""
    found = {"cpu": torch.default_generator}
    for weight in module.parameters():
        if weight.device.type == "cuda":
            found["cuda"] = torch.cuda.default_generators[weight.device.index]
    return found
