"""Texts as labels of a model's own alphabet."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from evalkit.core.errors import UtteranceError

Encode = Callable[[str], Sequence[int]]


def spelt(text: str, encode: Encode, unknown: int) -> Sequence[int]:
    """The labels that ``encode`` gives ``text``; or the text in lower or in upper case, where
    the alphabet has it in that case only. ``unknown`` is the label of what the alphabet lacks.

    Raises UtteranceError of kind BadText naming the first character that it lacks."""
    for variant in _cases(text):
        labels = encode(variant)
        if unknown not in labels:
            return labels
    lacking = (character for character in text
               if all(unknown in encode(variant) for variant in _cases(character)))
    raise UtteranceError("BadText", f"{text!r} holds {next(lacking, text)!r}, which is not in "
                         "the alphabet of the model")


def _cases(text: str) -> tuple[str, str, str]:
    return text, text.lower(), text.upper()
