"""What tests of streaming share: logs of events, and recordings whose every word is known."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

RATE = 16_000
SAID = "turn on the light"
ENDS = [["turn", 0.0, 0.5], ["on", 0.5, 0.8], ["the", 0.8, 1.0], ["light", 1.0, 1.5]]


def event(audio: float, text: str, kind: str = "partial", **more: Any) -> dict[str, Any]:
    return {"audio": audio, "text": text, "kind": kind, **more}


def lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def spoken(folder: Path, lengths: Sequence[int], *, word: float = 0.2, gap: float = 0.13) -> Path:
    """A manifest of recordings of as many "words", stretches of sound, as ``lengths`` say."""
    rows = []
    for number, n in enumerate(lengths):
        sound, silence = np.full(round(word * RATE), 0.5), np.zeros(round(gap * RATE))
        wave = np.concatenate([*[part for _ in range(n) for part in (sound, silence)],
                               np.zeros(RATE)])
        soundfile.write(folder / f"{number}.wav", wave, RATE, subtype="FLOAT")
        words = [[f"w{i}", i * (word + gap), i * (word + gap) + word] for i in range(n)]
        rows.append({"id": f"u{number}", "audio": f"{number}.wav", "speaker": f"s{number % 3}",
                     "text": " ".join(each for each, *_ in words), "words": words})
    return lines(folder / "m.jsonl", rows)
