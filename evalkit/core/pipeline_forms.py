"""The short form in which ``eval.yaml`` names one pipeline for each of several settings of an
end-pointer, written out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evalkit.core.condition_forms import filled, points
from evalkit.core.errors import ConfigError

EXAMPLE = "{hangover: [0.3, 0.5, 0.8]}"


def pipelines_written_out(pipelines: Any) -> Any:
    """``pipelines``, as read, with each that has a ``grid`` as the pipelines that it makes; all
    others as they are. Raises ConfigError naming the pipeline."""
    if not isinstance(pipelines, list):
        return pipelines
    return [each for item in pipelines for each in _written_out(item)]


def _written_out(item: Any) -> Iterator[Any]:
    if not isinstance(item, Mapping) or "grid" not in item:
        yield item
        return
    name, system = item.get("name"), item.get("endpointer")
    rest = {key: value for key, value in item.items() if key != "grid"}
    try:
        if not isinstance(system, str | Mapping):
            raise ConfigError("grid holds options of the end-pointer, and there is none; name it "
                              "(endpointer: energy), or leave 'grid' out")
        named = {"name": system} if isinstance(system, str) else system
        for point in points(name, item["grid"], "pipelines", EXAMPLE):
            yield rest | {"name": filled(name, point), "endpointer": {**named, **point}}
    except ConfigError as error:
        raise ConfigError(f"pipelines.{name}: {error}") from error
