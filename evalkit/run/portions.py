"""A share of a run, for a job of an array: every so manieth piece of the corpus, through all
pipelines and conditions. What it makes is what the whole run would make of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Self

from evalkit import __version__
from evalkit.core.config import EvalConfig
from evalkit.core.errors import ConfigError, RunError
from evalkit.run.keys import short
from evalkit.run.plan import Plan, Shard
from evalkit.store.documents.portion import PORTION, PortionRecord, holds_whole

HERE = "{run}"
"""What the folder of a share is called in its own record, so that all shares say the same."""


class Portion(NamedTuple):
    """The share ``number``, from 1 on, ``of`` so many."""

    number: int
    of: int

    @classmethod
    def parsed(cls, text: str) -> Self:
        """Of "2/3". Raises ConfigError for anything that is no share."""
        found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text, re.ASCII)
        number, of = map(int, found.groups()) if found else (0, 0)
        if not 1 <= number <= of:
            raise ConfigError(f"--shard {text}: must be I/N, I from 1 to N, such as 2/3; an array "
                              "of N jobs that is numbered from 1 gives each its I")
        return cls(number, of)

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def has(self, turn: int, /) -> bool:
        """Whether the piece ``turn`` of the corpus, from 0 on, is of this share: its pieces lie
        evenly in the corpus, which may be in an order."""
        return turn % self.of == self.number - 1

    def part(self, plan: Plan) -> Plan:
        """What of the whole run's ``plan`` is this share."""
        return replace(plan, shards=self._own(plan.shards), alone=self._own(plan.alone or ()))

    def _own(self, shards: tuple[Shard, ...]) -> tuple[Shard, ...]:
        """Shards of one piece share what is heard of it, and stay together."""
        turns = {first: turn for turn, first in enumerate(sorted({s.first for s in shards}))}
        return tuple(s for s in shards if self.has(turns[s.first]))


def record(portion: Portion, plan: Plan, config: EvalConfig, out: Path, **others: Any
           ) -> PortionRecord:
    """That of a share that is not done, whose own ``plan`` this is. What it says is the same of
    all shares, none of which has looked at the recordings of the others: `evalkit merge` does."""
    told = moved(config.model_dump(mode="json"), str(out.resolve()), HERE)
    same = digest_of(others["command"], told, plan.corpus_digest, plan.outline)
    return PortionRecord(evalkit=__version__, number=portion.number, of=portion.of, config=told,
                         plan=same, done=False, **others)


def digest_of(command: str, told: Mapping[str, Any], rows: str, outline: Sequence[str]) -> str:
    """``PortionRecord.plan``: of the run that ``command`` makes of the configuration that is
    ``told``, ``rows`` being the digest of the manifest's and ``outline`` that of a Plan."""
    return short([command, told, rows, outline])


def check_place(out: Path, portion: Portion | None) -> None:
    """Raises RunError where ``out`` holds another share than ``portion``, or a whole run and a
    share is to be made, or a share and the whole run is: what is there would be lost."""
    before = PortionRecord.read(out / PORTION).share if (out / PORTION).exists() else None
    asked = None if portion is None else str(portion)
    if before != asked and (before or holds_whole(out)):
        raise RunError(f"{out}: {_in_the_way(out, before, portion)}, or --overwrite")


def _in_the_way(out: Path, before: str | None, portion: Portion | None) -> str:
    if before is None:
        return f"holds a whole run; give shard {portion} another folder"
    if portion is None:
        return (f"holds shard {before}; go on with it by --shard {before}, or give the whole run "
                "another folder")
    return (f"holds shard {before}; give each shard a folder of its own, such as "
            f"{out.name}.{portion.number}")


def moved(tree: Any, old: str, new: str) -> Any:
    """``tree`` with the paths in the folder ``old`` in the folder ``new``."""
    if isinstance(tree, Mapping):
        return {key: moved(value, old, new) for key, value in tree.items()}
    if isinstance(tree, list):
        return [moved(value, old, new) for value in tree]
    inside = isinstance(tree, str) and tree.startswith(f"{old}/")
    return new + tree.removeprefix(old) if inside else tree
