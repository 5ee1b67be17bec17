"""What a run folder answers, and each corpus of a run of several: apart, and never pooled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from evalkit import api
from evalkit.cli.options import INCOMPLETE, say
from evalkit.core.errors import EvalkitError


@dataclass(frozen=True)
class Answer:
    """What is printed: ``tree`` as JSON, or what ``show`` prints."""

    tree: Callable[[], Any]
    show: Callable[[], None]


def answered(run: Path, ask: Callable[[Path], Answer], *, as_json: bool) -> None:
    """Asks the run, or every corpus of it, and prints the answers. A corpus that cannot answer is
    named, with exit code 2; the others are shown. Raises EvalkitError where none can."""
    answers: dict[str | None, Answer] = {}
    refused: dict[str | None, EvalkitError] = {}
    for name, path in api.run_folders(run).items():
        try:
            answers[name] = ask(path)
        except EvalkitError as why_not:
            refused[name] = why_not
    if not answers:
        raise next(iter(refused.values()))
    _print(answers, as_json=as_json)
    for name, why in refused.items():
        say(f"error: corpus {name}: {why}")
    if refused:
        raise typer.Exit(INCOMPLETE)


def _print(answers: dict[str | None, Answer], *, as_json: bool) -> None:
    if as_json:
        from evalkit.terminal import print_json

        trees = {name: answer.tree() for name, answer in answers.items()}
        return print_json(trees.get(None, trees))
    for name, answer in answers.items():
        if name is not None:
            print(f"corpus {name}")
        answer.show()
