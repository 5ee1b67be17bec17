"""Tensors in files of safetensors, tensors of waveforms, and where and how they are computed."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from evalkit.core.errors import ConfigError, one_line
from evalkit.core.files import replacing

Module = TypeVar("Module", bound=nn.Module)


def save_tensors(path: Path, tensors: Mapping[str, Tensor], description: Mapping[str, Any]
                 ) -> None:
    """Writes safetensors with a ``description`` in JSON's types."""
    with replacing(path) as temporary:
        # One entry only: safetensors writes several in random order.
        temporary.write_bytes(save(dict(tensors), {"evalkit": json.dumps(description)}))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What ``save_tensors`` wrote. Raises OSError, SafetensorError or ValueError."""
    with safe_open(path, framework="pt") as file:
        description = json.loads((file.metadata() or {}).get("evalkit", "{}"))
    return load_file(path), description


def load_network(path: Path, make: Callable[[dict[str, Any]], Module], *, form: str, kind: str,
                 command: str) -> Module:
    """The network that ``make`` makes of the description in ``path``, with the weights in it, in
    evaluation mode, on the CPU. Nothing in the file is run. Raises ConfigError, which names the
    ``kind`` of network and the ``command`` that makes one, where the file cannot be read, is not of
    the format ``form``, or holds something else."""
    try:
        tensors, described = load_tensors(path)
        if described.get("format") != form:
            raise ValueError(f"it is not an {form}")
        with torch.device("meta"), _Undrawn():  # sizes alone, which take no memory
            _check_size(make(described), tensors)
        with torch.device("cpu"):
            network = make(described)
        network.load_state_dict(tensors)
        for name, tensor in network.state_dict().items():  # in whose type a number may overflow
            if not torch.isfinite(tensor).all():
                raise ValueError(f"{name} holds numbers that are not finite")
    except (OSError, SafetensorError, LookupError, AttributeError, ValueError,
            RuntimeError) as error:
        raise ConfigError(f"{path}: cannot load the {kind}: {one_line(error)}; `{command}` makes "
                          "one") from error
    return network.eval()


class _Undrawn(TorchFunctionMode):
    """In the block no layer is given the normal numbers that it begins with. A tensor of the device
    "meta" has none anyway, and torch loads its compiler, most of a second, to find out."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None
                           ) -> Any:
        named = kwargs or {}
        return named["tensor"] if function is nn.init.normal_ else function(*args, **named)


def _check_size(declared: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Raises ValueError for a network of more numbers than ``tensors``."""
    numbers, held = (sum(each.numel() for each in some.values())
                     for some in (declared.state_dict(), tensors))
    if numbers > held:
        raise ValueError(f"it declares a network of {numbers:,} numbers, and holds {held:,}")


def save_weights(module: nn.Module, path: Path) -> None:
    """Writes the state of ``module`` as safetensors, tensors that share memory once each."""
    state = {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}
    save_tensors(path, state, {})


def load_weights(module: nn.Module, path: Path) -> None:
    """Gives ``module`` the state that ``save_weights`` wrote. Raises ConfigError where ``path``
    holds something else."""
    try:
        module.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise ConfigError(f"{path}: cannot load these weights: {one_line(error)}; give the file "
                          "that `evalkit mitigate` wrote for this model") from error


def padded(waves: Sequence[np.ndarray], device: torch.device) -> tuple[Tensor, Tensor]:
    """Waveforms padded with zeros to (n, longest), and their lengths (n,), on ``device``."""
    tensors = [torch.tensor(wave, dtype=torch.float32, device=device) for wave in waves]
    return (nn.utils.rnn.pad_sequence(tensors, batch_first=True),
            torch.tensor([len(wave) for wave in waves], device=device))


def best_device() -> torch.device:
    """A graphics processor where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def placed(module: Module, device: str) -> Module:
    """``module`` on torch's device of that name, or on the best for "auto". Raises ConfigError
    where there is none."""
    found = str(best_device()) if device == "auto" else device
    check_device(found)
    return module.to(found)


def check_device(device: str) -> None:
    """Raises ConfigError where nothing can be computed on torch's device of that name."""
    try:
        torch.ones(1, device=device).sum().item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ConfigError(f"device {device!r} cannot be used: {one_line(error)}; cpu always can, "
                          "cuda where torch finds a graphics processor") from error


def device_of(module: nn.Module) -> torch.device:
    """Where the weights are, and inputs have to be."""
    return next(module.parameters()).device


@contextmanager
def same_draws(device: torch.device) -> Iterator[None]:
    """What torch draws at random in the block is always the same, and none of what it draws
    afterwards depends on it."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(0)
        yield


@contextmanager
def numbers(device: torch.device, precision: str) -> Iterator[None]:
    """torch computes products and convolutions in numbers of ``precision``, and what would suffer
    from it in float32; those of float32 are as without. On a processor it does so by itself,
    since the library that it else asks refuses recurrences where the processor has no such
    numbers."""
    if precision == "float32":
        yield
        return
    alone = without_mkldnn() if device.type == "cpu" else nullcontext()
    with alone, torch.autocast(device.type, getattr(torch, precision)):
        yield


@contextmanager
def without_mkldnn() -> Iterator[None]:
    """torch computes by itself what that library would else compute."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of TF32, which is switched off with the rest
        with torch.backends.mkldnn.flags(enabled=False):
            yield


@contextmanager
def threads(count: int) -> Iterator[None]:
    """torch computes on ``count`` threads. How sums are split among them changes their
    rounding."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
