"""What every configuration is: a model whose keys and values are what they are said to be."""

from __future__ import annotations

from types import NoneType
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Strict(BaseModel):
    """A misspelt key is an error, and so is a number that is not finite, or a truth value for
    one."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        for each in value if isinstance(value, list | tuple) else [value]:
            if isinstance(each, bool) and _numeric(
                    cls.model_fields[info.field_name or ""].annotation):
                raise ValueError(f"must be a number, not {str(each).lower()}")
        return value


def _numeric(kind: Any) -> bool:
    """Whether values of a type are numbers, or several of them, or None."""
    if get_origin(kind) is Annotated:
        return _numeric(get_args(kind)[0])
    parts = [part for part in get_args(kind) if part not in (NoneType, Ellipsis)]
    return kind in (int, float) or (bool(parts) and all(map(_numeric, parts)))
