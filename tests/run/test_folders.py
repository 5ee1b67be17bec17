"""A run's folder tells the truth about itself: damages, other runs, two writers, stale findings."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from evalkit.core.errors import ConfigError, RunError
from evalkit.core.files import write
from evalkit.run.given import score
from evalkit.store.lock import locked
from evalkit.store.runfolder import RunFolder


def scored(folder: Path, corpus: str, out: Path, heard: str = "turn", *, overwrite: bool = False,
           say: Callable[[str], None] = lambda line: None) -> RunFolder:
    (folder / corpus).mkdir(exist_ok=True)
    manifest, hypotheses = folder / corpus / "m.jsonl", folder / corpus / "h.tsv"
    manifest.write_text("".join(json.dumps(
        {"id": f"{corpus}{i}", "text": "turn on", "speaker": f"s{i}"}) + "\n" for i in range(3)))
    hypotheses.write_text("".join(f"{corpus}{i}\t{heard}\n" for i in range(3)))
    return score(manifest, {"x": hypotheses}, out, metrics=["wer"], normaliser="none",
                 overwrite=overwrite, say=say)


def test_another_corpus_gives_way_only_when_told(tmp_path: Path) -> None:
    scored(tmp_path, "a", tmp_path / "run")
    with pytest.raises(RunError, match=r"corpus a \(3 utterances\) by `evalkit score`; give"):
        scored(tmp_path, "b", tmp_path / "run")
    assert set(scored(tmp_path, "b", tmp_path / "run", overwrite=True).scores()["utterance_id"]
               ) == {"b0", "b1", "b2"}


def test_damages_are_named_and_mended(tmp_path: Path) -> None:
    run = scored(tmp_path, "a", tmp_path / "run")
    before = run.scores()
    path = next((run.path / "scores").iterdir())
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(RunError, match=path.name):
        run.scores()
    said: list[str] = []
    assert scored(tmp_path, "a", run.path, say=said.append).scores().equals(before)
    assert any(line.startswith("1 damaged shard made again: ") for line in said)


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    with locked(tmp_path / "run", "run"), pytest.raises(RunError, match=r"`evalkit run` \(process"):
        scored(tmp_path, "a", tmp_path / "run")


def test_other_scores_are_another_digest(tmp_path: Path) -> None:
    first = scored(tmp_path, "a", tmp_path / "run").digest()
    assert scored(tmp_path, "a", tmp_path / "run").digest() == first
    assert scored(tmp_path, "a", tmp_path / "run", "off").digest() != first


def test_a_full_disk_is_one_line() -> None:
    with pytest.raises(ConfigError, match=r"cannot be written \(No space left"):
        write(Path("/dev/full"), b"x" * 100_000)
