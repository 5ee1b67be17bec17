"""Kept audio that is not as it was written: named where it is read, and made again."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from evalkit.core import files
from evalkit.core.errors import RunError
from evalkit.report.page import write_report
from evalkit.run.rescore import rescore
from evalkit.run.runner import run
from evalkit.store.runfolder import RunFolder
from evalkit.store.sealed import DamageError
from tests.run.runs import config, tables

pytestmark = pytest.mark.usefixtures("outside")


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def rot(path: Path) -> None:
    """What a disk does: the time of the last change stays. Another process looks at it then."""
    state = path.stat()
    flip(path)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    files._digest.cache_clear()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def kept(corpus: Path, out: Path) -> RunFolder:
    pipelines = [{"name": "late", "enhancer": "late", "recognizer": "level"}]
    return run(config(corpus, pipelines=pipelines, conditions=["clean"], shard_size=12,
                      metrics=["wer", "si_sdr"]), out)


@pytest.mark.parametrize("damage", [flip, rot, cut, Path.unlink])
def test_the_report_names_it_and_does_not_play_it(tiny_corpus: Path, tmp_path: Path,
                                                  damage: Callable[[Path], None]) -> None:
    folder = kept(tiny_corpus, tmp_path / "run")
    names = folder.outputs()["output_audio"]
    for name in names:
        damage(folder.path / name)
    with pytest.raises(DamageError, match="missing or not as it was written; remove it, and run"):
        folder.audio(names[0])
    page = write_report(folder.path, tmp_path / "report", by="accent").read_text()
    assert f"damaged: {names[0].rpartition('/')[0]}" in page
    assert "missing or not as it was written; remove it, and run it again" in page
    assert not any("Enhanced</" in line and "<audio" in line for line in page.splitlines())


@pytest.mark.parametrize("suffix", [".npy", ".flac"])
@pytest.mark.parametrize("damage", [flip, cut, Path.unlink])
def test_running_again_mends_it(tiny_corpus: Path, tmp_path: Path, suffix: str,
                                damage: Callable[[Path], None]) -> None:
    whole = tables(kept(tiny_corpus, tmp_path / "run").path)
    damage(sorted((tmp_path / "run").glob(f"audio/*/*{suffix}"))[3])
    assert tables(kept(tiny_corpus, tmp_path / "run").path) == whole


@pytest.mark.parametrize("damage", [flip, rot, cut])
def test_scoring_anew_measures_none_of_it(tiny_corpus: Path, tmp_path: Path,
                                          damage: Callable[[Path], None]) -> None:
    kept(tiny_corpus, tmp_path / "run")
    damage(sorted((tmp_path / "run").glob("audio/*/*.npy"))[3])
    with pytest.raises(RunError, match="`evalkit run` makes it again"):
        rescore(tmp_path / "run", metrics=["stoi"])


@pytest.mark.parametrize("damaged", ["scores/*.parquet", "outputs/enhanced/*", "audio/*/*.npy",
                                     "audio/*/*.parquet", "run.json", "outputs/index.parquet"])
def test_pruning_a_damaged_folder_leaves_what_an_undisturbed_run_has(
        tiny_corpus: Path, tmp_path: Path, damaged: str) -> None:
    whole = tables(kept(tiny_corpus, tmp_path / "calm").path)
    run(config(tiny_corpus, shard_size=12), tmp_path / "run")  # more pipelines and conditions
    kept(tiny_corpus, tmp_path / "run")
    flip(sorted((tmp_path / "run").glob(damaged))[0])
    pipelines = [{"name": "late", "enhancer": "late", "recognizer": "level"}]
    said: list[str] = []
    run(config(tiny_corpus, pipelines=pipelines, conditions=["clean"], shard_size=12,
               metrics=["wer", "si_sdr"]), tmp_path / "run", prune=True, say=said.append)
    assert tables(tmp_path / "run") == whole
    assert not said[-1].startswith("0 files")
    assert {path.name for path in (tmp_path / "run").glob("outputs/*/*")} == {
        path.name for path in (tmp_path / "calm").glob("outputs/*/*")}
