"""The weights of an arm in a small file."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path
from typing import Literal

import torch

from evalkit.core.errors import ConfigError
from evalkit.core.files import write
from evalkit.models.tensors import load_tensors, save_tensors

Numbers = Literal["float32", "float16"]


def pack(weights: Path, packed: Path, numbers: Numbers) -> None:
    """Writes the tensors of ``weights``, which evalkit.models.tensors.save_tensors wrote, in
    ``numbers``, compressed by gzip: what ``gzip -d`` makes of it is loaded as ``weights`` are. Few
    bits and zeros repeat themselves, and make it small. Raises ConfigError, and writes nothing,
    where a tensor holds numbers that are not finite, or are not in ``numbers``."""
    tensors, description = load_tensors(weights)
    rounded = {name: tensor.to(getattr(torch, numbers)) for name, tensor in tensors.items()}
    for name, tensor in rounded.items():
        if not torch.isfinite(tensor).all():
            raise ConfigError(f"{weights}: {name} holds numbers that {numbers} has not; pack it as "
                              "float32, or train it anew where they are not finite")
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / weights.name
        save_tensors(whole, rounded, description)
        write(packed, gzip.compress(whole.read_bytes(), mtime=0))
