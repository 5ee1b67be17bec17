"""What pydantic refuses, as one line for a person: which key, what is wrong with it in plain words,
which keys there are, and the nearest of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from evalkit.core.errors import one_line
from evalkit.core.names import listed, nearest

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
"""What may be the name of a pipeline, a condition or an experiment."""
NAME_FORM = ("may hold letters, digits and . _ + -, at most 64, and begins with a letter or digit")
LONGEST = 60
"""Characters of a value that is shown."""

_MUST_BE = {
    "string_type": "must be text", "path_type": "must be the path of a file or folder",
    "bool_type": "must be true or false", "bool_parsing": "must be true or false",
    "int_type": "must be a whole number", "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number", "int_parsing_size": "must be a smaller number",
    "float_type": "must be a number", "float_parsing": "must be a number",
    "finite_number": "must be a finite number", "list_type": "must be a list, such as [a, b]",
    "tuple_type": "must be a list, such as [a, b]", "set_type": "must be a list, such as [a, b]",
    "frozen_set_type": "must be a list, such as [a, b]",
    "dict_type": "must be `key: value` lines", "mapping_type": "must be `key: value` lines",
    "model_type": "must be `key: value` lines", "dataclass_type": "must be `key: value` lines",
    "model_attributes_type": "must be `key: value` lines", "none_required": "must be nothing",
    "greater_than": "must be greater than {gt}", "less_than": "must be less than {lt}",
    "greater_than_equal": "must be at least {ge}", "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}", "enum": "must be {expected}",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": NAME_FORM,
}
"""What a value must be, which is shown behind."""
_SAID = {
    "value_error": "{error}",
    "too_short": "needs {min_length} or more, and has {actual_length}",
    "too_long": "takes {max_length} at most, and has {actual_length}",
}
_MISSING = frozenset({"missing", "missing_argument", "missing_keyword_only_argument"})
_UNKNOWN = frozenset({"extra_forbidden", "unexpected_keyword_argument"})


def explained(error: ValidationError, kind: Any, tree: Any) -> str:
    """The first mistake in ``tree``, which is no ``kind``, as "key: what is wrong"; a misspelt key
    before the key that is missing for it."""
    all_of_them = error.errors()
    first = min(all_of_them, key=lambda each: each["type"] not in _UNKNOWN)
    more = f" (and {len(all_of_them) - 1} more)" if len(all_of_them) > 1 else ""
    location = first["loc"]
    if first["type"] in _UNKNOWN:
        location, what = location[:-1], _unknown_key(first, kind)
    elif first["type"] in _MISSING:
        what = _missing(location, tree)
    else:
        what = _wrong(first)
    where = ".".join(_steps(location, tree))
    return f"{one_line(where)}: {what}{more}" if where else what + more


def unknown_key(key: str, known: Sequence[str]) -> str:
    """What is said of a key that there is not."""
    near = nearest(key, known)
    hint = f"did you mean {near!r}? " if near else ""
    return f"no key {one_line(key)!r} here; {hint}there are {listed(known)}"


def _unknown_key(error: ErrorDetails, kind: Any) -> str:
    for step in error["loc"][:-1]:
        kind = _within(kind, step)
    known = [name for part in _parts(kind) for name in _fields(part)]
    return unknown_key(str(error["loc"][-1]), known)


def _missing(location: Sequence[int | str], tree: Any) -> str:
    for step in location[:-1]:
        tree = _at(tree, step)
    near = nearest(str(location[-1]), map(str, tree)) if isinstance(tree, Mapping) else None
    return f"is missing; is {near!r} meant for it?" if near else "is missing"


def _wrong(error: ErrorDetails) -> str:
    """What is wrong with the value of a key."""
    name, value = error["type"], error["input"]
    context = {key: f"{item:g}" if isinstance(item, float) else item
               for key, item in error.get("ctx", {}).items()}
    if name in _SAID:
        return one_line(_SAID[name].format(**context))
    if name not in _MUST_BE:
        return f"{shown(value)} cannot be used ({one_line(error['msg'])})"
    return (f"{_MUST_BE[name].format(**context)}, not {shown(value)}"
            f"{_quotes(name, value)}{_near(context, value)}")


def _quotes(name: str, value: Any) -> str:
    """What to do where YAML made of a text something else."""
    if name != "string_type" or isinstance(value, list | Mapping):
        return ""
    read = "; YAML reads no, off, yes and on so" if isinstance(value, bool) else ""
    return f"{read}; put text in quotes"


def _near(context: Mapping[str, Any], value: Any) -> str:
    names = re.findall(r"'([^']*)'", str(context.get("expected", "")))
    near = nearest(value, names) if isinstance(value, str) else None
    return f"; did you mean {near!r}?" if near else ""


def shown(value: Any) -> str:
    """A value as YAML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "keys and values"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, int | float):
        return str(value)
    text = one_line(value)
    return repr(text if len(text) <= LONGEST else text[:LONGEST - 1] + "…")


def _steps(location: Sequence[int | str], tree: Any) -> Iterator[str]:
    """The keys on the way to ``location``; instead of the number of a list's item its name, where
    it has one."""
    for step in location:
        tree = _at(tree, step)
        name = tree.get("name") if isinstance(step, int) and isinstance(tree, Mapping) else None
        if step != "[key]":
            yield name if isinstance(name, str) and NAME.fullmatch(name) else str(step)


def _at(tree: Any, step: int | str) -> Any:
    """What is at a key or number of ``tree``, None where there is nothing."""
    try:
        return tree[step]
    except (LookupError, TypeError):
        return None


def _within(kind: Any, step: int | str) -> Any:
    """What is at the key or number ``step`` of a ``kind``; itself where that is the tag of a
    union."""
    for part in _parts(kind):
        known = _fields(part)
        if step in known:
            return known[str(step)]
        if get_origin(part) not in (None, type):
            return next((each for each in reversed(get_args(part)) if each is not ...), None)
    return kind


def _parts(kind: Any) -> Iterator[Any]:
    """The alternatives of a type; itself where it has none."""
    arguments = get_args(kind)
    origin = get_origin(kind)
    if origin is None or (isinstance(origin, type) and issubclass(origin, list | tuple | Mapping)):
        yield kind
    else:
        for part in arguments:
            yield from _parts(part)


def _fields(kind: Any) -> dict[str, Any]:
    """The keys of a model or dataclass and what may stand there; none of another type."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {name: field.annotation for name, field in kind.model_fields.items()}
    if isinstance(kind, type) and is_dataclass(kind):
        return {field.name: field.type for field in fields(kind) if field.init}
    return {}
