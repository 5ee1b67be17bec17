"""What was made of a shard, on its way from systems and metrics to the store and the tables."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from evalkit.store.outputs import Row


@dataclass
class Made:
    """Rows of a shard: of outputs by stage, of scores by key, both by utterance. ``new`` are the
    stages and keys that are not in the store yet; ``ended`` are the errors of utterances that
    ended the process that worked on them; ``halved`` says that batches were halved to find
    them."""

    outputs: dict[str, dict[str, Row]] = field(default_factory=dict)
    scores: dict[str, dict[str, list[Row]]] = field(default_factory=dict)
    new: set[str] = field(default_factory=set)
    ended: dict[str, str] = field(default_factory=dict)
    halved: bool = False

    def extend(self, other: Made) -> None:
        """Adds other utterances of the same shard."""
        for stage, rows in other.outputs.items():
            self.outputs.setdefault(stage, {}).update(rows)
        for key, scores in other.scores.items():
            self.scores.setdefault(key, {}).update(scores)
        self.new |= other.new
        self.ended |= other.ended
        self.halved |= other.halved

    @property
    def ids(self) -> set[str]:
        """The utterances of which anything was made."""
        return set[str]().union(*self.outputs.values(), *self.scores.values())

    def part(self, ids: Collection[str]) -> Made:
        """What was made of the utterances of ``ids``."""
        return Made({stage: {name: rows[name] for name in ids if name in rows}
                     for stage, rows in self.outputs.items()},
                    {key: {name: rows[name] for name in ids if name in rows}
                     for key, rows in self.scores.items()}, set(self.new))
