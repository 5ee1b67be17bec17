"""Overrides of a configuration on the command line: ``a.b=value``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.core.errors import ConfigError
from evalkit.core.mistakes import unknown_key
from evalkit.core.yaml_files import yaml_value


def set_key(tree: dict[str, Any], override: str) -> None:
    """Does to the configuration ``tree`` what ``override`` says. Raises ConfigError for a key that
    there is not."""
    key, separator, value = override.partition("=")
    if not separator or not key:
        raise ConfigError(f"--set {override!r}: expected KEY=VALUE, such as seed=3")
    node: Any = tree
    *parents, last = key.split(".")
    try:
        for part in parents:
            node = (node[_index(node, part)] if isinstance(node, list)
                    else _keys(node).setdefault(part, {}))
        where: Any = _index(node, last) if isinstance(node, list) else last
        (node if isinstance(node, list) else _keys(node))[where] = yaml_value(value)
    except ValueError as error:
        raise ConfigError(f"--set {override!r}: {error}") from error


def _keys(node: Any) -> dict[str, Any]:
    """Raises ValueError where there are none."""
    if not isinstance(node, dict):
        raise ValueError(f"no such key: there is {node!r}, which holds none")
    return node


def _index(items: list[Any], part: str) -> int:
    """Which item of a list ``part`` means. Raises ValueError where there is none."""
    names = [item.get("name") if isinstance(item, Mapping) else item for item in items]
    if part in names:
        return names.index(part)
    if part.isdecimal() and int(part) < len(items):
        return int(part)
    known = [name if isinstance(name, str) else str(i) for i, name in enumerate(names)]
    raise ValueError(f"no such key: {unknown_key(part, known)}")
