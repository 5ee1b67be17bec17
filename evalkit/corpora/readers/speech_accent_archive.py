"""Speech Accent Archive: ``recordings/*.mp3``, ``speakers_all.csv`` and the passage that everybody
reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from evalkit.core.ledger import LeftOut
from evalkit.core.types import Utterance
from evalkit.corpora.readers.base import gender, one_text, read_rows

PASSAGE = "reading-passage.txt"
_METADATA = ("age", "age_onset", "birthplace", "native_language", "country")


def speech_accent_archive(source: Path) -> Iterator[Utterance | LeftOut]:
    """The speakers of ``speakers_all.csv`` in the folder ``source``, one recording each. The text
    is that of ``reading-passage.txt``, where it is there: what was really said nobody wrote down.
    """
    text = one_text(source / PASSAGE)
    recordings = {path.stem: path for path in sorted(source.rglob("*.mp3"))}
    for row in read_rows(source / "speakers_all.csv", tabs=False, nameless=True):
        if isinstance(row, LeftOut):
            yield row
            continue
        name = row.get("filename") or ""
        if name not in recordings:
            yield LeftOut("recording", str(source), "no such file", names=(f"{name}.mp3",))
            continue
        yield Utterance(name, recordings.pop(name), row.get("speakerid") or name, text,
                        metadata={"gender": gender(row.get("sex"))}
                        | {key: row.get(key) for key in _METADATA})
    for name in recordings:
        yield LeftOut("recording", str(source), "speakers_all.csv does not have it", names=(name,))
