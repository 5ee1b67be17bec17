"""What plug-ins say of themselves, looked at before a run starts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from evalkit.core.errors import PluginError
from evalkit.core.types import Cost, Fact

NEEDS = frozenset({"audio", "reference_audio", "text", "hypothesis", "events", "endpoints"})
TEXT_OPTIONS = frozenset({"normaliser", "costs", "alternatives", "glm"})


def check_declared(part: Any, members: set[str], who: str) -> None:
    """Raises PluginError, naming the plug-in as ``who``, for the first of its ``members`` whose
    value is not as its protocol says."""
    for name, (fits, form) in _FORMS.items():
        if name in members:
            check(name, getattr(part, name), fits, form, who)


def check_identity(part: Any, who: str) -> None:
    """The same of ``identity``, which may take long to tell."""
    check("identity", part.identity, _is_name, "a text that is not empty", who)


def check_rate(part: Any, who: str) -> None:
    """The same of ``rate``, for which a model may have to be loaded."""
    check("rate", part.rate, lambda rate: rate is None or _is_count(rate),
          "a whole number of Hz from 1, or None", who)


def check_cost(part: Any, who: str) -> None:
    """The same of an enhancer's ``cost``, for which its weights may have to be counted."""
    check("cost", part.cost, lambda cost: isinstance(cost, Cost), "a Cost", who)


def check(name: str, value: Any, fits: Callable[[Any], bool], form: str, who: str) -> None:
    if not fits(value):
        raise PluginError(f"{who}: {name} must be {form}, not {value!r}")


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable() and bool(value.strip())


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_delay(value: Any) -> bool:
    return (isinstance(value, int | float) and not isinstance(value, bool)
            and math.isfinite(value) and value >= 0)


def _are_facts(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(
        _is_name(name) and isinstance(fact, Fact) for name, fact in value.items())


def _of(possible: frozenset[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, set | frozenset) and value <= possible


_FORMS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "batch": (_is_count, "a whole number from 1"),
    "delay": (_is_delay, "a number of seconds from 0"),
    "name": (_is_name, "a text that is not empty"),
    "version": (_is_name, "a text that is not empty"),
    "needs": (_of(NEEDS), f"a set of some of {', '.join(sorted(NEEDS))}"),
    "text_options": (_of(TEXT_OPTIONS), f"a set of some of {', '.join(sorted(TEXT_OPTIONS))}"),
    "facts": (_are_facts, "a mapping of names to Fact")}
"""By member: whether a value fits, and what it must be."""
