"""A series of releases, each compared with one baseline: what ``evalkit history`` judged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field

from evalkit.store.documents.base import Document, json_object
from evalkit.store.documents.comparison import Comparison, Outcome
from evalkit.store.documents.series import Schedule


class Releases(Document):
    """The comparisons of all ``releases`` with ``base``, in the order in which they were judged,
    each with its place in the series; ``outcome`` and ``exit_code`` are the newest one's. The
    schema number rises with that of Comparison too."""

    schema_number: ClassVar[int] = 1
    made_by: ClassVar[str] = "evalkit history --baseline --json"

    base: str
    schedule: Schedule
    outcome: Outcome
    exit_code: int
    releases: list[Comparison] = Field(min_length=1)

    @classmethod
    def of(cls, judged: Sequence[Comparison]) -> Self:
        """The document of comparisons of one series. Raises ValueError where the newest stands in
        none."""
        newest = judged[-1]
        if newest.series is None:
            raise ValueError(f"{newest.candidate} stands in no series")
        return cls(base=newest.base, schedule=newest.series.schedule, outcome=newest.outcome,
                   exit_code=newest.exit_code, releases=list(judged))


def last_judged(path: Path) -> Comparison:
    """The comparison in ``path``, the newest where it has those of all releases. Raises RunError
    in one line for a file that is neither."""
    tree = json_object(path, Comparison.made_by)
    if "releases" in tree:
        return Releases.of_tree(tree, path).releases[-1]
    return Comparison.of_tree(tree, path)
