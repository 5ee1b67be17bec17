"""What was read from a file, as a model of what the file is to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from evalkit.core.errors import ConfigError
from evalkit.core.mistakes import explained

Model = TypeVar("Model", bound=BaseModel)
_KINDS = {"pipelines": "a configuration of `evalkit run`",
          "recognition": "a configuration of `evalkit mitigate`",
          "verification": "a configuration of `evalkit mitigate`",
          "gates": "a file for `evalkit compare --gates`",
          "splits": "a configuration of `evalkit corpus synth`",
          "schema": "a document that evalkit wrote"}
"""By a key of it, what a file is."""


def _kind(model: type[BaseModel]) -> str:
    names = [_KINDS[key] for key in _KINDS if key in model.model_fields]
    return names[0].partition(" ")[2] if names else "file of this kind"


def checked(model: type[Model], tree: Mapping[str, Any], path: Path,
            where: Callable[[str], str] = str) -> Model:
    """``tree``, read from ``path``, as a ``model``. Raises ConfigError naming the file and the
    first key that is wrong, as ``where`` says it of the file, or what the file is instead."""
    strange = not tree.keys() & model.model_fields.keys()
    for key, what in _KINDS.items():
        if key in tree and key not in model.model_fields and (strange or key == "schema"):
            raise ConfigError(f"{path}: is {what}, as its key {key!r} says, and no {_kind(model)}")
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(f"{path}: {where(explained(error, model, tree))}") from error
