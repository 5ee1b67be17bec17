"""Sessions as utterances: a manifest and hypotheses that every other command takes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from evalkit.core.errors import ConfigError
from evalkit.core.files import write as write_file
from evalkit.core.mistakes import NAME, NAME_FORM
from evalkit.metrics.meetings.segments import Segment, Segments, by_speaker
from evalkit.store.manifest import write_manifest
from evalkit.store.meeting_counts import BETWEEN, MeetingCounts

MANIFEST = "manifest.jsonl"
NOBODY = "nobody: "
"""Begins the name of an utterance of what was heard of nobody, before what the system calls them.
Its text is empty, and it has no speaker."""


def export(out: Path, reference: Segments, systems: Mapping[str, Segments],
           counts: Sequence[MeetingCounts], people: pd.DataFrame) -> None:
    """Writes into the folder ``out`` a manifest, an utterance a speaker of a session, and for every
    system its hypotheses, those of the speaker that each was given (NAME.jsonl). Word errors of
    these are those of the best permutations, all of them. Raises ConfigError for a system whose
    name cannot be that of a file of its own there."""
    for name in systems:
        _check_name(name)
    said = {name: by_speaker(rows) for name, rows in reference.by_session().items()}
    about = {str(row["utterance_id"]): row.drop("speaker_id") for _, row in people.iterrows()}
    nobody = dict.fromkeys(key for each in counts for key in _keys(each.unmatched, "heard_as"))
    write_manifest(out / MANIFEST, [
        *(_utterance(said[session][speaker], about[session + BETWEEN + speaker])
          for session, speaker in _keys(counts[0].speakers, "speaker")),
        *({"id": session + BETWEEN + NOBODY + name, "text": ""} for session, name in nobody)])
    for each in counts:
        lines = _hypotheses(each, systems[each.system], nobody)
        write_file(out / f"{each.system}.jsonl", "".join(
            json.dumps({"id": name, "hypothesis": text}, ensure_ascii=False) + "\n"
            for name, text in lines).encode())


def _check_name(name: str) -> None:
    """Raises ConfigError for what leads out of the folder, and for the manifest's own name."""
    if not NAME.fullmatch(name):
        raise ConfigError(f"--export: {name!r} cannot be the name of a system: it {NAME_FORM}; "
                          "write NAME=FILE")
    if name.lower() == Path(MANIFEST).stem:
        raise ConfigError(f"--export: the system {name!r} would take the place of {MANIFEST}; "
                          "write NAME=FILE with another name")


def _utterance(segments: Sequence[Segment], about: pd.Series) -> dict[str, Any]:
    """A row of the manifest, with what is known ``about`` who speaks."""
    known = about.dropna()
    return {"id": known.pop("utterance_id"), "speaker": segments[0].speaker,
            "text": _text(segments), **{str(key): known[key] for key in known.index}}


def _hypotheses(counts: MeetingCounts, heard: Segments, nobody: Mapping[tuple[str, str], None]
                ) -> Iterator[tuple[str, str]]:
    texts = {session: {name: _text(own) for name, own in by_speaker(rows).items()}
             for session, rows in heard.by_session().items()}
    for (session, speaker), heard_as in zip(_keys(counts.speakers, "speaker"),
                                            counts.speakers["heard_as"], strict=True):
        yield session + BETWEEN + speaker, texts.get(session, {}).get(heard_as, "")
    own = {*_keys(counts.unmatched, "heard_as")}
    for session, name in nobody:
        yield (session + BETWEEN + NOBODY + name,
               texts[session][name] if (session, name) in own else "")


def _keys(rows: pd.DataFrame, column: str) -> list[tuple[str, str]]:
    """Of every row the session, and the name in a ``column``."""
    return [*zip(rows["session"].map(str), rows[column].map(str), strict=True)]


def _text(segments: Sequence[Segment]) -> str:
    return " ".join(each.text for each in segments if each.text.strip())
