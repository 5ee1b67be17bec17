"""Hypotheses in JSON, as programs and services give them: untrusted input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.core.errors import UtteranceError
from evalkit.core.types import Hypothesis, Word


def hypothesis_of(answer: Mapping[str, Any]) -> Hypothesis:
    """Of ``text`` and, where they are given, ``confidence``, ``words`` (``word``, ``start``,
    ``end``, ``confidence``) and ``alternatives`` (``text``, ``confidence``). Raises UtteranceError
    of kind BadAnswer."""
    words, others = (objects(answer, name) for name in ("words", "alternatives"))
    return Hypothesis(
        _text(answer, "text"),
        tuple(Word(_text(each, "word"), *(_number(each, name)
                                          for name in ("start", "end", "confidence")))
              for each in words),
        _number(answer, "confidence"),
        tuple(Hypothesis(_text(each, "text"), confidence=_number(each, "confidence"))
              for each in others))


def bad(what: str) -> UtteranceError:
    """An answer that is none."""
    return UtteranceError("BadAnswer", what)


def objects(answer: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    """The list of objects under ``name``, empty where there is none. Raises UtteranceError of kind
    BadAnswer."""
    items = answer.get(name) or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise bad(f"{name!r} of its answer must be a list of objects")
    return items


def _text(answer: Mapping[str, Any], name: str) -> str:
    text = answer.get(name)
    if not isinstance(text, str):
        raise bad(f"its answer has no text {name!r}")
    return " ".join(text.split())


def _number(answer: Mapping[str, Any], name: str) -> float | None:
    number = answer.get(name)
    if number is not None and (isinstance(number, bool) or not isinstance(number, int | float)):
        raise bad(f"{name!r} of its answer must be a number")
    return number
