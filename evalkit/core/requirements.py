"""Which packages a plug-in imports, read from its source without importing any of them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from evalkit.core.plugins import EXTRA_OF_PACKAGE, find, load, missing_package

Definition = ast.ClassDef | ast.FunctionDef


def check_installed(group: str, name: str) -> None:
    """Raises PluginError where the plug-in ``name``, or a package that it imports, is not
    installed. What it imports is what stands at the head of its module and of the modules of its
    own package that it uses, and within its own class and the functions that this names."""
    module, _, attribute = find(group, name).value.partition(":")
    if _source(module) is None or attribute not in _definitions(module):
        load(group, name)  # compiled, or made when it is imported: only importing it tells
        return
    packages = sorted(_packages(module, attribute))
    packages.sort(key=lambda package: EXTRA_OF_PACKAGE.get(package) == "audio")  # others bring it
    for package in packages:
        if not _there(package):
            raise missing_package(ModuleNotFoundError(name=package), f"{group} plug-in {name!r}")


def _packages(module: str, attribute: str) -> set[str]:
    """Packages of others that ``module:attribute`` imports."""
    tops: set[str] = set()
    own = module.split(".", maxsplit=1)[0]
    waiting = [module, *_imported(_reached(module, attribute))]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name.split(".", maxsplit=1)[0] != own:
            tops.add(name.split(".", maxsplit=1)[0])
        elif name not in seen:
            seen.add(name)
            waiting += _imported_with(name)
    return tops


def _reached(module: str, attribute: str) -> Iterator[ast.stmt]:
    """The definition of ``attribute`` and those of its module that it names, in turn."""
    definitions, waiting, seen = _definitions(module), [attribute], {attribute}
    while waiting:
        definition = definitions[waiting.pop()]
        yield definition
        names = {node.id for node in ast.walk(definition) if isinstance(node, ast.Name)}
        new = (names & definitions.keys()) - seen
        seen |= new
        waiting += sorted(new)


def _definitions(module: str) -> dict[str, Definition]:
    """Classes and functions of a module by name."""
    return {node.name: node for node in _tree(module).body if isinstance(node, Definition)}


@cache
def _imported_with(module: str) -> tuple[str, ...]:
    """What is imported when ``module`` is: the package that it is in, and what stands at its head;
    not what is tried, or imported for types alone, in blocks of their own."""
    head = (node for node in _tree(module).body if isinstance(node, ast.Import | ast.ImportFrom))
    return (*filter(None, [module.rpartition(".")[0]]), *_imported(head))


def _imported(nodes: Iterable[ast.stmt]) -> Iterator[str]:
    """Dotted names of the modules that ``nodes`` import, and of what they take from them, which
    may be modules too."""
    for node in (inner for outer in nodes for inner in ast.walk(outer)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def _tree(module: str) -> ast.Module:
    path = _source(module)
    return ast.parse(path.read_bytes() if path else b"")


@cache
def _source(module: str) -> Path | None:
    """The Python file of a module, found without importing the packages that it is in; None where
    there is none."""
    files = [file for place in _places(module)
             for file in (place.with_suffix(".py"), place / "__init__.py")]
    return next((file for file in files if file.is_file()), None)


def _places(module: str) -> list[Path]:
    """Where the file or the folder of a module could be, without a suffix."""
    top, *inner = module.split(".")
    spec = find_spec(top)
    if spec is None or spec.origin is None:
        return []
    folders = spec.submodule_search_locations or [spec.origin.removesuffix(".py")]
    return [Path(folder, *inner) for folder in folders]


@cache
def _there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False
