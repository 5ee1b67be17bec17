"""A Kaldi data directory: wav.scp, text, utt2spk, segments, spk2gender, spk2age."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from evalkit.core.ledger import LeftOut
from evalkit.core.types import Utterance
from evalkit.corpora.readers.base import gender, read_pairs, seconds

OPTIONAL = ("text", "utt2spk", "segments", "spk2gender", "spk2age")


def kaldi(source: Path) -> Iterator[Utterance | LeftOut]:
    """The utterances of the directory ``source``, to which the paths in wav.scp are relative. An
    entry of wav.scp that is a command is left out, never run."""
    recordings = read_pairs(source / "wav.scp")
    tables = {name: read_pairs(source / name, optional=True) for name in OPTIONAL}
    for name, segment in (tables["segments"] or {key: key for key in recordings}).items():
        try:
            entry, offset, duration = _span(segment.split(), recordings)
        except ValueError as error:
            yield LeftOut("utterance", str(source), str(error), names=(name,))
            continue
        speaker = tables["utt2spk"].get(name, "")
        yield Utterance(name, source / entry, speaker or None, tables["text"].get(name),
                        offset=offset, duration=duration, metadata={
                            "gender": gender(tables["spk2gender"].get(speaker)),
                            "age": tables["spk2age"].get(speaker)})


def _span(segment: Sequence[str], recordings: Mapping[str, str]
          ) -> tuple[str, float, float | None]:
    """Path, offset and duration of ``recording [start end]``. Raises ValueError."""
    recording, *bounds = segment or [""]
    entry = recordings.get(recording, "")
    if not entry:
        raise ValueError("wav.scp does not hold its recording")
    if entry.endswith("|"):
        raise ValueError("its entry in wav.scp is a command, which is not run")
    if not bounds:
        return entry, 0.0, None
    start, end = (seconds(bound) or 0.0 for bound in (*bounds, "", "")[:2])
    if end <= start:
        raise ValueError("its segment ends before it starts")
    return entry, start, round(end - start, 6)
