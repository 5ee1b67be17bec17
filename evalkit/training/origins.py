"""What a training follows from, kept beside its checkpoint: no other goes on from there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from evalkit.core.errors import ConfigError
from evalkit.core.files import write
from evalkit.core.types import Recording

_DOCUMENT = TypeAdapter(dict[str, Any])


def claim(checkpoint: Path, options: Mapping[str, Any], speech: Sequence[Recording],
          first: nn.Module) -> None:
    """Writes beside ``checkpoint`` that it is of a training by ``options``, which are JSON, on
    ``speech``, from the weights that ``first`` has. Raises ConfigError where there is a
    checkpoint of another training, or one of which that is not known."""
    path = checkpoint.with_suffix(".json")
    asked = {**options, "recordings": _digest_of_speech(speech),
             "first weights": _digest_of_weights(first)}
    known = _read(path)
    if checkpoint.is_file() and (
            others := [key for key in asked if key not in known or known[key] != asked[key]]):
        raise ConfigError(f"{checkpoint}: is of another training; {', '.join(others)} "
                          f"{'is' if len(others) == 1 else 'are'} different or not known of it; "
                          "give another --out, or seed, options, recordings and the weights to "
                          "start from as they were")
    write(path, json.dumps(asked, indent=1))


def _read(path: Path) -> dict[str, Any]:
    """What is known; nothing where it cannot be read."""
    try:
        return _DOCUMENT.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return {}


def _digest_of_speech(speech: Sequence[Recording]) -> str:
    """SHA-256 of what training sees, in its order; where the files lie is not part of it."""
    found = hashlib.sha256()
    for each in speech:
        said = each.utterance
        found.update(json.dumps([said.id, said.speaker, each.text, list(map(astuple, said.words)),
                                 dict(said.metadata), each.wave.size], default=str).encode())
        found.update(each.wave.tobytes())
    return found.hexdigest()


def _digest_of_weights(module: nn.Module) -> str:
    """SHA-256 of weights and buffers with their names."""
    found = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        found.update(f"{name} {tuple(tensor.shape)}".encode())
        found.update(tensor.cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()
