"""What runs, and pipelines of several runs, are called on a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path


def run_names(paths: Sequence[Path]) -> list[str]:
    """The folders' names, numbered where two have the same."""
    names = [path.resolve().name for path in paths]
    often = Counter(names)
    return [f"{i}. {name}" if often[name] > 1 else name for i, name in enumerate(names, 1)]


def system_names(known: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
    """What pipelines, each given after the name of its run, are called: by no more than tells
    them apart."""
    often = Counter(pipeline for _, pipeline in known)
    if max(often.values(), default=1) == 1:
        return {key: key[1] for key in known}
    if len(often) == 1:
        return {key: key[0] for key in known}
    return {(run, pipeline): f"{pipeline} of {run}" for run, pipeline in known}
