"""Which recordings lie beside a page: those of its examples, and then those of the worst
utterances of everybody with the page's pipeline, by their places among the worst, and what the
other pipelines made of the same, until there are MOST_RECORDINGS or MOST_BYTES."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pandas as pd

from evalkit.core.errors import RunError
from evalkit.report.explorer.document import KEYS
from evalkit.report.recordings import Player
from evalkit.report.reported import ReportedRun

MOST_RECORDINGS = 200
MOST_BYTES = 60_000_000
TRIED = 1000
"""Utterances that are looked at for recordings."""
Key = tuple[str, str, str]


@dataclass
class Beside:
    """The recordings beside a page: ``players`` by KEYS, in the folder of the page."""

    folder: Path
    players: dict[Key, Sequence[Player]]
    sizes: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for players in self.players.values():
            self._count(players)

    @property
    def is_full(self) -> bool:
        """Whether nothing more is to be put there."""
        return len(self.sizes) >= MOST_RECORDINGS or sum(self.sizes.values()) >= MOST_BYTES

    def add(self, key: Key, players: Sequence[Player]) -> None:
        """Puts down what was copied."""
        if players and key not in self.players:
            self.players[key] = players
            self._count(players)

    def _count(self, players: Sequence[Player]) -> None:
        for name in (player.source.partition("#")[0] for player in players if player.source):
            self.sizes[name] = (self.folder / name).stat().st_size


def sounds(run: ReportedRun, kept: pd.DataFrame, pipeline: str,
           shown: Mapping[Key, Sequence[Player]]) -> dict[Key, Sequence[Player]]:
    """The recordings of the rows ``kept`` (``chosen``), those ``shown`` already among them."""
    beside = Beside(run.page_folder, dict(shown))
    if not _has_sound(run):
        return beside.players
    utterances = run.utterances.set_index("utterance_id", drop=False)
    units = list(_worst(kept, pipeline))
    outputs = run.outputs.of({utterance for utterance, _ in units}).set_index(
        ["utterance_id", "condition"]).sort_index()
    for unit in units:
        if beside.is_full:
            break
        utterance = _records(utterances.loc[[unit[0]]])[0]
        for heard in _records(outputs.loc[[unit]].reset_index()):
            if _fits(run, utterance, beside):
                beside.add(tuple(str(heard[name]) for name in KEYS),  # type: ignore[arg-type]
                           run.recordings.players(utterance, heard, pictures=False))
    return beside.players


def _has_sound(run: ReportedRun) -> bool:
    columns = [run.utterances[name] for name in ("audio", "reference_audio")
               if name in run.utterances]
    made = any(map(run.outputs.has, ("input_audio", "output_audio")))
    return made or any(column.notna().any() for column in columns)


def _worst(kept: pd.DataFrame, pipeline: str) -> Iterator[tuple[str, str]]:
    """The utterances and conditions that are worst with the pipeline, by their places."""
    rows = kept.loc[kept["pipeline"] == pipeline]
    if rows["errors"].any():  # what has none is no example
        rows = rows.loc[rows["errors"] > 0]
    rows = rows.sort_values(["place", "errors", "utterance_id", "condition"],
                            ascending=[True, False, True, True])[:TRIED]
    yield from zip(rows["utterance_id"], rows["condition"], strict=True)


def _fits(run: ReportedRun, utterance: Mapping[str, Any], beside: Beside) -> bool:
    """Whether the recording, from which those of the run were made, is small enough."""
    left = MOST_BYTES - sum(beside.sizes.values())
    try:
        return run.folder.corpus_audio(utterance["audio"], run.record).stat().st_size <= left
    except (RunError, OSError, TypeError):
        return True


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows with None for what is missing."""
    return cast("list[dict[str, Any]]",
                rows.astype(object).where(rows.notna(), None).to_dict("records"))
