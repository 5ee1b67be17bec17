"""The short forms in which ``eval.yaml`` names conditions, written out: several in one line are a
chain, and lists in a ``grid`` every combination of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

from evalkit.core.errors import ConfigError
from evalkit.core.names import nearest, offer
from evalkit.core.plugins import available

MOST = 1_000
"""Conditions or pipelines that one grid may make."""
CHAIN = "chain"
"""The key of a list of steps, and the condition that they are."""
MAIN_OPTION = {"noise": "kind", "impulse_responses": "folder"}
"""The option that a condition's own key stands for, where it is not named as the condition is."""

_FORMS = (CHAIN, "grid")


def written_out(conditions: Any) -> Any:
    """``conditions``, as read, with each item that is a chain or a grid as its name and plug-in;
    all others as they are. Raises ConfigError naming the item."""
    if not isinstance(conditions, list):
        return conditions
    return [each for item in conditions for each in _written_out(item)]


def _written_out(item: Any) -> list[Any]:
    if not isinstance(item, Mapping) or "plugin" in item:
        return [item]
    keys = {key: value for key, value in item.items() if key != "name"}
    try:
        if "grid" in keys:
            return list(_grid(item.get("name"), keys))
        known = available("conditions").keys()
        if not keys or {key for key in keys if key in known} == {"noise"}:
            return [item]
        steps = _chain(keys) if CHAIN in keys else _steps(keys, _FORMS)
        return [_named(item.get("name"), steps)]
    except ConfigError as error:
        raise ConfigError(f"conditions.{item.get('name')}: {error}") from error


def _named(name: Any, steps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A condition of one step or of a chain of them."""
    plugin = steps[0] if len(steps) == 1 else {"name": CHAIN, "options": {"steps": [*steps]}}
    return {"name": name, "plugin": plugin}


def _chain(keys: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The steps that a list names."""
    steps, others = keys[CHAIN], [key for key in keys if key != CHAIN]
    if others:
        raise ConfigError(f"{others[0]!r} beside 'chain'; make it a step of the chain")
    if not isinstance(steps, list) or not steps:
        raise ConfigError("chain must be a list of steps, such as [{gain: -6}, {codec: opus}]")
    return [step for item in steps for step in _steps(item)]


def _steps(keys: Any, forms: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The conditions that ``keys`` name in their order, each with the options that follow it;
    options before the first one are of that. One of the ``forms`` may be meant instead."""
    if isinstance(keys, str):
        return [{"name": keys, "options": {}}]
    if not isinstance(keys, Mapping):
        raise ConfigError("a step must be the name of a condition, or {CONDITION: …, OPTION: …}")
    known = available("conditions")
    steps: list[dict[str, Any]] = []
    early: dict[str, Any] = {}
    for key, value in keys.items():
        if key in known:
            whole = isinstance(value, Mapping)
            steps.append({"name": key, "options": dict(value) if whole else
                          {MAIN_OPTION.get(key, key): value}})
        else:
            (steps[-1]["options"] if steps else early)[key] = value
    if not steps:
        names, there_are = [*map(str, keys), ""], [*forms, *known]
        key = next((name for name in names if nearest(name, there_are)), names[0])
        raise ConfigError(f"no condition {key!r}; {offer(key, there_are)}")
    steps[0]["options"] |= early
    return steps


def _grid(name: Any, keys: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The conditions of every combination, the last list changing fastest."""
    axes, others = keys["grid"], [key for key in keys if key != "grid"]
    if others:
        raise ConfigError(f"{others[0]!r} beside 'grid'; put it into the grid")
    for point in points(name, axes, "conditions", "{noise: [babble], snr_db: [0, 5]}"):
        yield _named(filled(name, point), _steps(point))


def points(name: Any, axes: Any, what: str, example: str) -> Iterator[dict[str, Any]]:
    """The value of every key in each combination of the lists of ``axes``, the last list changing
    fastest. Raises ConfigError for what is no grid, such as ``example`` is, of ``what`` it makes,
    and for a ``name`` that does not tell them apart."""
    if not isinstance(axes, Mapping) or not axes:
        raise ConfigError(f"grid must be keys with lists, such as {example}")
    lists = [value if isinstance(value, list) else [value] for value in axes.values()]
    _check_grid(name, dict(zip(axes, lists, strict=True)), what)
    for values in product(*lists):
        yield dict(zip(axes, values, strict=True))


def _check_grid(name: Any, axes: Mapping[str, Sequence[Any]], what: str) -> None:
    for key, values in axes.items():
        if not values:
            raise ConfigError(f"grid: {key} has an empty list; name what is to be tried")
        if len(values) > 1 and f"{{{key}}}" not in str(name):
            raise ConfigError(f"grid: the name must hold {{{key}}}, in quotes, to tell its "
                              f"{len(values)} values apart")
    if (number := prod(map(len, axes.values()))) > MOST:
        raise ConfigError(f"grid: makes {number:,} {what}; at most {MOST:,} are taken")


def filled(name: Any, point: Mapping[str, Any]) -> Any:
    """``name`` with values in place of their keys in braces."""
    if not isinstance(name, str):
        return name
    return re.sub(r"\{(\w+)\}", lambda found: str(point.get(found[1], found[0])), name)
