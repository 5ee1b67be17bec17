"""What a streaming recognizer showed of single utterances, word by word, over their waveform."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any
from urllib.parse import urldefrag

import numpy as np
import pandas as pd

from evalkit.report.recordings import Player
from evalkit.report.reported import ReportedRun
from evalkit.report.spectrograms import excerpt
from evalkit.store.events import EMISSIONS_TABLE, EVENTS_TABLE

SHOWN = 2
"""Utterances with the most revoked words, and as many whose words came latest."""
MOST_LANES = 24
"""Places of words in a text that have a lane; what stands behind them is not shown."""
MOST_SPANS = 400
"""Words shown and revoked that a picture holds; later ones are not shown."""
MOST_TEXTS = 100
"""Texts in the list beside a picture."""
COLUMNS = 300
"""Of a waveform."""
KEYS = ["pipeline", "condition", "utterance_id"]


@dataclass(frozen=True)
class Span:
    """A word that stood at the ``lane``-th place of the text from ``start`` until ``end``, in
    seconds of audio that the recognizer had been given; ``revoked`` where it was not there to
    stay."""

    lane: int
    word: str
    start: float
    end: float
    revoked: bool


@dataclass(frozen=True)
class Timeline:
    """What was shown of one utterance under one pipeline and condition, in seconds of audio.
    ``shown`` are texts and when each was there first, ``ends`` the correct words, when each ended
    and its lane, ``results`` the times of speculative and final results and which they were;
    ``cut`` counts the spans that are left out, ``unlisted`` the texts. ``waveform`` is between 0
    and 1, empty where there is no recording."""

    cell: Mapping[str, str]
    why: str
    shown: list[tuple[float, str]]
    unlisted: int
    spans: list[Span]
    cut: int
    ends: list[tuple[str, float, int]]
    results: list[tuple[float, str]]
    waveform: list[float]
    players: list[Player]

    @property
    def seconds(self) -> float:
        """How long everything took."""
        ends = [*(span.end for span in self.spans), *(at for at, _ in self.results)]
        return max(ends, default=0.0) or 1.0

    @property
    def revoked(self) -> int:
        """How many words were taken back, those that are cut aside."""
        return sum(span.revoked for span in self.spans)

    @property
    def lanes(self) -> int:
        """How many places of words there are."""
        return 1 + max((span.lane for span in self.spans), default=-1)

    @property
    def ticks(self) -> list[float]:
        """Seconds that the axis names: five to ten."""
        step = next(step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, math.inf)
                    if self.seconds <= 10 * step)
        return [step * i for i in range(int(min(10, self.seconds / step)) + 1)
                ] if step < math.inf else [0.0, self.seconds]


def timelines(run: ReportedRun) -> list[Timeline]:
    """Of the utterances in which the most words were revoked and of those whose words came latest,
    each once; no others are shown."""
    parts = dict(iter(run.folder.streamed(EVENTS_TABLE).groupby(KEYS)))
    chosen: dict[Any, str] = {}
    for why, ranked in (("most words revoked", _most_revoked(parts)),
                        ("latest words", _latest(run))):
        new = [key for key in ranked if key[-1] not in {cell[-1] for cell in chosen}]
        chosen |= dict.fromkeys(new[:SHOWN], why)
    return [_timeline(run, key, why, parts[key]) for key, why in chosen.items() if key in parts]


def _most_revoked(parts: Mapping[Any, pd.DataFrame]) -> Iterator[tuple[str, ...]]:
    revoked = pd.DataFrame([(*key, sum(span.revoked for span in spans(_shown(part))))
                            for key, part in parts.items()], columns=[*KEYS, "revoked"])
    return _ranked(revoked[revoked["revoked"] > 0], "revoked")


def _latest(run: ReportedRun) -> Iterator[tuple[str, ...]]:
    words = run.folder.streamed(EMISSIONS_TABLE)
    late = words.assign(late=(words["shown"] - words["end"]).round(6))
    return _ranked(late.sort_values("late").drop_duplicates(KEYS, keep="last"), "late")


def _ranked(rows: pd.DataFrame, by: str) -> Iterator[tuple[str, ...]]:
    """The cells of ``rows``, the highest first, each utterance once."""
    rows = rows.sort_values([by, *KEYS], ascending=[False, True, True, True], kind="stable")
    rows = rows.drop_duplicates("utterance_id").head(2 * SHOWN)
    return rows[KEYS].itertuples(index=False, name=None)


def _timeline(run: ReportedRun, key: tuple[str, ...], why: str, events: pd.DataFrame) -> Timeline:
    cell = dict(zip(KEYS, key, strict=True))
    shown = _shown(events)
    everything = spans(shown)
    kept = [span for span in everything if span.lane < MOST_LANES][:MOST_SPANS]
    utterance = _row(run.utterances, {"utterance_id": cell["utterance_id"]})
    players = run.recordings.players(utterance, _row(
        run.outputs.of([cell["utterance_id"]]), cell))
    results = [(at, kind) for at, kind in zip(events["audio"], events["kind"], strict=True)
               if kind != "partial"]
    words = _of(run.folder.streamed(EMISSIONS_TABLE), cell)
    said = list(zip(words["word"], words["end"], strict=True))
    texts = _changed(shown)
    return Timeline(cell, why, texts[:MOST_TEXTS], len(texts[MOST_TEXTS:]), kept,
                    len(everything) - len(kept), _ends(said, kept), results,
                    _waveform(run, players), players)


def _shown(events: pd.DataFrame) -> list[tuple[float, str]]:
    return list(zip(events["audio"], events["text"], strict=True))


def _changed(shown: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """Each text when it was there first, not again while it stays."""
    return [now for before, now in zip([(0.0, ""), *shown], shown, strict=False)
            if now[1] != before[1]]


def _ends(said: Sequence[tuple[str, float]], kept: Sequence[Span]) -> list[tuple[str, float, int]]:
    """The words ``said`` with their ends, in order, and the lane of the span that shows each; those
    that are in no span, since a normaliser writes them otherwise, are left out."""
    there = sorted((span.lane, span.word) for span in kept if not span.revoked)
    ends = []
    for word, end in said:
        at = next((i for i, (_, shown) in enumerate(there) if _plain(shown) == _plain(word)), None)
        if at is not None:
            ends.append((word, end, there[at][0]))
            there = there[at + 1:]
    return ends


def _plain(word: str) -> str:
    return "".join(filter(str.isalnum, word.casefold()))


def _row(frame: pd.DataFrame, of: Mapping[str, str]) -> dict[str, Any]:
    """The row whose columns are as ``of`` says, with None for what is missing."""
    found = _of(frame, of)
    rows = found.astype(object).where(found.notna(), None).to_dict("records")
    return {str(name): value for row in rows[:1] for name, value in row.items()}


def _of(frame: pd.DataFrame, cell: Mapping[str, str]) -> pd.DataFrame:
    """The rows whose columns are as ``cell`` says."""
    for column, value in cell.items():
        frame = frame[frame[column] == value]
    return frame


def _waveform(run: ReportedRun, players: Sequence[Player]) -> list[float]:
    """Of the last recording that can be played, which is the one that was heard."""
    for player in reversed(players):
        if player.source:
            address, fragment = urldefrag(player.source)
            return outline(excerpt(run.page_folder / address, *_part(fragment))[0])
    return []


def _part(fragment: str) -> tuple[float, float | None]:
    """The offset and duration in seconds of a media fragment, "t=1.500,3.000"."""
    start, _, end = fragment.removeprefix("t=").partition(",")
    offset = float(start or 0.0)
    return offset, float(end) - offset if end else None


def spans(shown: Iterable[tuple[float, str]]) -> list[Span]:
    """What each of the texts ``shown``, with the seconds at which it was, changed: from one to the
    next, the words behind what both have in common at the beginning are revoked and shown anew, as
    ``revoked_words`` counts them (docs/streaming.md), but as they were written. In the order of
    their starts."""
    done: list[Span] = []
    there: list[tuple[str, float]] = []
    at = 0.0
    for at, text in shown:
        words = text.split()
        same = sum(1 for _ in takewhile(lambda pair: pair[0][0] == pair[1],
                                        zip(there, words, strict=False)))
        done += _closed(there, same, at, revoked=True)
        there = there[:same] + [(word, at) for word in words[same:]]
    return sorted([*done, *_closed(there, 0, at, revoked=False)],
                  key=lambda span: (span.start, span.lane))


def _closed(there: Sequence[tuple[str, float]], first: int, at: float, *, revoked: bool
            ) -> Iterator[Span]:
    return (Span(lane, word, start, at, revoked)
            for lane, (word, start) in enumerate(there) if lane >= first)


def outline(samples: np.ndarray) -> list[float]:
    """The loudest of each of COLUMNS parts of the samples (n,), over the loudest of all."""
    parts = np.array_split(np.abs(samples), min(COLUMNS, max(1, len(samples))))
    peaks = np.array([part.max(initial=0.0) for part in parts])
    top = peaks.max(initial=0.0)
    return (peaks / top if np.isfinite(top) and top > 0 else np.zeros(len(peaks))).tolist()
