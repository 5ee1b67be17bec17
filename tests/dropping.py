"""Finds the functions of evalkit that drop anything, and those that write it down."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "evalkit"
DROPPING = {"dropna", "drop_duplicates", "to_numeric", "isin", "head", "nlargest", "filter",
            "islice", "sample", "query", "takewhile", "dropwhile", "filterfalse"}
MASKS = {"isna", "notna"}
LOOKING = {"next", "any", "all", "sum", "max", "min"}
"""They take no list, but ask of it."""
LOOPS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def dropping(function: ast.AST) -> bool:
    """Whether a function has an idiom that drops something. Picking the rows of one name, and
    leaving away what is absent, are none."""
    looked_up = {id(part) for node in ast.walk(function) if isinstance(node, ast.Call)
                 and called(node) in LOOKING for part in node.args}
    return any(_drops(node) for node in ast.walk(function) if id(node) not in looked_up)


def _drops(node: ast.AST) -> bool:
    match node:
        case ast.Call():
            inner = any(k.arg == "how" and getattr(k.value, "value", "") == "inner"
                        for k in node.keywords)
            absent = bool(node.args) and getattr(node.args[0], "value", "") is None
            return inner or (called(node) in DROPPING and not absent)
        case ast.ExceptHandler():
            return any(isinstance(part, ast.Continue | ast.Pass) for part in ast.walk(node))
        case ast.If():
            return any(isinstance(part, ast.Continue) for part in node.body)
        case ast.Subscript(ctx=ast.Load()):
            return any(map(_is_mask, ast.walk(node.slice)))
    return isinstance(node, LOOPS) and any(
        not _picks(condition) for each in node.generators for condition in each.ifs)


def _is_mask(node: ast.AST) -> bool:
    return ((isinstance(node, ast.Compare) and not _picks(node))
            or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert))
            or (isinstance(node, ast.Attribute) and node.attr in MASKS))


def _picks(condition: ast.expr) -> bool:
    """Whether it picks what has one name, or what is there at all: "a == b", "a is not None",
    "a", and such conditions together."""
    if isinstance(condition, ast.BoolOp):
        return all(map(_picks, condition.values))
    if isinstance(condition, ast.Compare):
        return all(isinstance(each, ast.Eq | ast.Is | ast.IsNot) for each in condition.ops)
    return isinstance(condition, ast.Name)


def called(node: ast.Call) -> str:
    """The name of what is called, without what it is of."""
    return (node.func.attr if isinstance(node.func, ast.Attribute)
            else getattr(node.func, "id", ""))


@cache
def functions() -> Mapping[str, ast.FunctionDef]:
    """Every function of evalkit by "module:name"; of several of a name in a module the first that
    drops anything."""
    found: dict[str, ast.FunctionDef] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        module = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                known = found.setdefault(f"{module}:{node.name}", node)
                if dropping(node) and not dropping(known):
                    found[f"{module}:{node.name}"] = node
    return found


def droppers() -> Iterator[str]:
    """The functions that drop anything."""
    return (name for name, function in functions().items() if dropping(function))


def writes(name: str) -> bool:
    """Whether the function ``name`` makes a record of the ledger."""
    return any(isinstance(node, ast.Call) and called(node) == "LeftOut"
               for node in ast.walk(functions()[name]))
