"""Pairs of speakers who talk at once: by the command line, sample by sample."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from evalkit.audio import save
from evalkit.core.errors import ConfigError
from evalkit.core.types import Audio
from evalkit.corpora.overlaps import make_overlaps
from evalkit.metrics.meetings.reading import read_segments
from evalkit.metrics.meetings.turns import overlapped, turns_of
from evalkit.recordings.reading import load
from evalkit.store.manifest import read_manifest, write_manifest
from tests.conftest import evalkit


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Six speakers of five utterances each of 2 to 3 s, of which the first 0.2 s are silence."""
    rows = []
    for number in range(30):
        n = 32_000 + 500 * number
        wave = np.full(n, 0.01 * (1 + number), np.float32)
        save(tmp_path / f"{number}.wav", Audio(wave, 16_000))
        rows.append({"id": f"u{number}", "audio": f"{number}.wav", "text": "turn on",
                     "speaker": f"s{number // 5}", "accent": "ab"[number // 15],
                     "words": [["turn", 0.2, 0.9], ["on", 1.0, n / 16_000]]})
    write_manifest(tmp_path / "m.jsonl", rows)
    return tmp_path / "m.jsonl"


def test_overlap_is_what_was_asked_for_and_sound_is_the_sum(manifest: Path) -> None:
    out = manifest.parent / "pairs"
    done = evalkit("corpus", "overlaps", "m.jsonl", "-o", "pairs", cwd=manifest.parent)
    assert done.returncode == 0, done.stderr
    assert "overlaps.jsonl: 15 utterances of 3 speakers" in done.stdout
    reference = read_segments(out / "reference.json")
    assert reference.by_session().keys() == {f"pair-{i:05}" for i in range(1, 16)}
    for number, (name, segments) in enumerate(reference.by_session().items()):
        assert overlapped(turns_of(segments)) == pytest.approx((0, .1, .2, .3, .4)[number % 5],
                                                               abs=2e-3)
        audio = load(out / "audio" / f"{name}.flac")
        levels = sorted({0.01 * (1 + int(u[1:])) for u in json.loads(
            read_manifest(out / "overlaps.jsonl").utterances[number].metadata["utterances"])})
        heard = {round(float(x), 2) for x in np.unique(np.round(audio.samples, 3))}
        assert {round(each, 2) for each in levels} <= heard
        assert (round(sum(levels), 2) in heard) == (number % 5 > 0)
    assert {row.metadata["accent"] for row in reference.segments} == {"a", "b"}


def test_the_three_references_say_the_same(manifest: Path) -> None:
    out = manifest.parent / "pairs"
    make_overlaps(manifest, out, levels=[0.2])
    json_rows, stm = (read_segments(out / f"reference.{kind}").segments for kind in ("json", "stm"))
    assert [(r.session, r.speaker, r.text, r.start, r.end) for r in json_rows] == [
        (r.session, r.speaker, r.text, r.start, r.end) for r in stm]
    first = [line.split() for line in (out / "reference.ctm").read_text().splitlines()[:2]]
    assert first[0][4] == "turn" and float(first[0][2]) == json_rows[0].start
    assert float(first[1][2]) + float(first[1][3]) == pytest.approx(json_rows[0].end, abs=2e-3)


def test_the_same_seed_gives_the_same_bytes(manifest: Path) -> None:
    def made(name: str, seed: int) -> dict[str, bytes]:
        folder = manifest.parent / name
        make_overlaps(manifest, folder, seed=seed)
        return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    assert made("a", 0) == made("b", 0) != made("c", 1)


@pytest.mark.parametrize("levels", [[], [1.0], [-0.1], [float("nan")]])
def test_levels_that_are_none(manifest: Path, levels: list[float]) -> None:
    with pytest.raises(ConfigError, match="--overlap: must be shares"):
        make_overlaps(manifest, manifest.parent / "x", levels=levels)
