"""Sessions of two speakers of whom the second begins before the first has ended."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evalkit.audio import encoded, resample
from evalkit.core.errors import ConfigError, ManifestError, UtteranceError
from evalkit.core.files import write as write_file
from evalkit.core.types import Audio, Utterance
from evalkit.corpora.companies import Company, companies_of, record, voices_of
from evalkit.corpora.prepare import Prepared, write
from evalkit.recordings.reading import load

LEVELS = (0.0, 0.1, 0.2, 0.3, 0.4)
MANIFEST, REFERENCE = "overlaps.jsonl", "reference"
"""The manifest, and the name of the files beside it: .json (SegLST), .stm, and .ctm of words."""
MEMBERS = "utterances"


class Placed(NamedTuple):
    """An utterance in a session, which ``begins`` at a second of it; the speech in it is from
    ``first`` to ``last``, in seconds of the utterance."""

    utterance: Utterance
    audio: Audio
    first: float
    last: float
    begins: float = 0.0

    @property
    def start(self) -> float:
        return round(self.begins + self.first, 3)

    @property
    def end(self) -> float:
        return round(self.begins + self.last, 3)


def make_overlaps(manifest: Path, out: Path, *, levels: Sequence[float] = LEVELS,
                  pause: float = 0.3, seed: int = 0, outside: bool = False) -> Prepared:
    """Writes MANIFEST, the recordings of its sessions, and the reference as SegLST, STM and CTM
    into the folder ``out``.

    A session is an utterance each of two speakers of ``manifest``, who are put together by lot and
    are together in all of theirs, so that no two companies share anybody; each begins in turn. Of
    the time in which anybody speaks, a share of ``levels``, which sessions take in turn, is both
    speakers'; of 0 there are ``pause`` seconds between them. Where one is too short for a share it
    is as large as can be. Speech is between first and last word where their times are known.
    Levels of sound stay; what would clip is made quieter as a whole.

    The same bytes from the same ``seed``. Raises ConfigError for levels that are none,
    ManifestError where there are too few speakers."""
    _check(levels, pause)
    voices = voices_of(manifest, outside=outside)
    companies, left_out = companies_of([voices], 2, np.random.default_rng(seed))
    left_out += voices.left_out
    made = dict[str, list[Placed]]()
    for number, pair in enumerate(_pairs(companies)):
        try:
            made[f"pair-{number + 1:05}"] = placed([_read(each) for each in pair],
                                                   levels[number % len(levels)], pause)
        except UtteranceError as failed:
            left_out += record("utterance", out.name, "in a session of which one cannot be read: "
                               f"{failed.reason}", [each.id for each in pair])
    if not made:
        raise ManifestError(f"{out}: no session could be made ({left_out[-1].why})")
    _write_reference(out, made)
    return write([_written(name, turns, out) for name, turns in made.items()], out / MANIFEST,
                 left_out)


def _check(levels: Sequence[float], pause: float) -> None:
    if not levels or not all(0 <= each < 1 for each in levels) or not pause >= 0:
        raise ConfigError("--overlap: must be shares from 0 on and below 1, such as 0.2, and "
                          "--pause seconds from 0 on")


def _pairs(companies: Iterable[Company]) -> Iterator[Sequence[Utterance]]:
    """The utterances of each session, in the order in which they begin."""
    for company in companies:
        for number, pair in enumerate(zip(*company, strict=False)):
            yield pair[::-1] if number % 2 else pair


def _read(utterance: Utterance) -> Placed:
    audio = load(Path(utterance.audio or ""), offset=utterance.offset, duration=utterance.duration)
    words = utterance.words
    first, last = (words[0].start, words[-1].end) if words else (0.0, audio.duration)
    return Placed(utterance, audio, first or 0.0, audio.duration if last is None else last)


def placed(turns: Sequence[Placed], level: float, pause: float) -> list[Placed]:
    """Two utterances so that a share ``level`` of their speech is both speakers'; none may begin
    before the session."""
    one, two = turns
    long, short = one.last - one.first, two.last - two.first
    both = min(level * (long + short) / (1 + level), long, short)
    begins = one.last - both + pause * (level == 0) - two.first
    early = min(begins, 0.0)
    return [one._replace(begins=-early), two._replace(begins=begins - early)]


def _written(name: str, turns: Sequence[Placed], out: Path) -> Utterance:
    """The session, whose recording is written."""
    mixed = _mixed(turns)
    path = out / "audio" / f"{name}.flac"
    write_file(path, encoded(mixed, "flac"))
    people = [each.utterance.speaker or "" for each in turns]
    return Utterance(name, audio=path, text=" ".join(str(each.utterance.text) for each in turns),
                     speaker="+".join(sorted(people)) if all(people) else None,
                     duration=round(mixed.duration, 6),
                     metadata={MEMBERS: [each.utterance.id for each in turns]})


def _mixed(turns: Sequence[Placed]) -> Audio:
    """The sum, at the highest of the rates."""
    rate = max(each.audio.rate for each in turns)
    parts = [(round(each.begins * rate), resample(each.audio, rate).samples) for each in turns]
    whole = np.zeros(max(start + len(samples) for start, samples in parts), np.float32)
    for start, samples in parts:
        whole[start:start + len(samples)] += samples
    return Audio(whole / max(1.0, float(np.abs(whole).max(initial=0.0))), rate)


def _write_reference(out: Path, sessions: Mapping[str, Sequence[Placed]]) -> None:
    turns = [(name, each) for name, placed in sessions.items() for each in placed]
    rows = [_segment(name, each) for name, each in turns]
    write_file(out / f"{REFERENCE}.json", (json.dumps(rows, indent=1, ensure_ascii=False) + "\n"
                                           ).encode())
    write_file(out / f"{REFERENCE}.stm", "".join(
        f"{row['session_id']} 1 {row['speaker']} {row['start_time']:.3f} {row['end_time']:.3f} "
        f"{row['words']}\n" for row in rows).encode())
    write_file(out / f"{REFERENCE}.ctm", "".join(
        f"{name} {place % 2 + 1} {each.begins + (word.start or 0.0):.3f} "
        f"{(word.end or 0.0) - (word.start or 0.0):.3f} {word.text}\n"
        for place, (name, each) in enumerate(turns) for word in each.utterance.words).encode())


def _segment(session: str, turn: Placed) -> dict[str, Any]:
    """A row of SegLST, with the labels of the utterance."""
    u = turn.utterance
    return {**u.metadata, "session_id": session, "speaker": u.speaker or u.id,
            "start_time": turn.start, "end_time": turn.end, "words": u.text}
