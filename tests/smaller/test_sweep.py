"""The driver: what is done is not done again, and one that fails loses only itself."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from benchmarks.at_once import run_at_once
from benchmarks.smaller.sweep import all_kept, read_sweep, train_all, train_one
from benchmarks.smaller.table import seeds_of, table
from evalkit.core.errors import ConfigError

YAML = """
seeds: [0, 1]
arms:
  shipped: {by: "tests.smaller.arms:said", seeds: [0], options: {text: a b}}
  lost: {by: "tests.smaller.arms:fails", seeds: [0]}
  small: {by: "tests.smaller.arms:said", options: {text: a}, kept: true}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "sweep.yaml"
    path.write_text(YAML)
    return path


def trained(corpora: Path) -> list[str]:
    return (corpora / "trained.txt").read_text().splitlines()


def test_the_first_seed_of_all_arms_comes_first(config: Path) -> None:
    assert read_sweep(config).trainings() == [("shipped", 0), ("lost", 0), ("small", 0),
                                              ("small", 1)]
    with pytest.raises(ConfigError, match=r"no arm 'smal'.*small"):
        read_sweep(config).trainings(["smal"])


def test_a_training_that_fails_loses_only_itself(config: Path, tmp_path: Path) -> None:
    failed = train_all(config, tmp_path, tmp_path / "out", only=["lost", "small"], at_once=3)
    assert [log.name for log in failed] == ["lost_0.log"]
    assert "out of memory" in failed[0].read_text()
    assert sorted(trained(tmp_path)) == ["a 0", "a 1"]
    assert (tmp_path / "out" / "small_0" / "weights").exists()


def test_what_is_done_is_not_done_again(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for seed in (0, 1):
        train_one(config, tmp_path, out, "small", seed)
    assert train_all(config, tmp_path, out, only=["small"]) == []
    assert trained(tmp_path) == ["a 0", "a 1"]
    config.write_text(YAML.replace("text: a}", "text: a a}"))  # another arm under this name
    assert list(all_kept(read_sweep(config), out)) == []


def test_what_is_not_kept_is_removed(config: Path, tmp_path: Path) -> None:
    train_one(config, tmp_path, tmp_path / "out", "shipped", 0)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["shipped_0.json.gz"]


def test_the_minutes_end_what_runs(tmp_path: Path) -> None:
    started = time.monotonic()
    failed = run_at_once([(tmp_path / "log", ["timeit", "-n1", "import time; time.sleep(60)"])], 1,
                         minutes=0.01)
    assert time.monotonic() - started < 5
    assert failed == []


def test_the_table_has_all_seeds(config: Path, tmp_path: Path,
                                 capsys: pytest.CaptureFixture[str]) -> None:
    manifest = tmp_path / "accents" / "survey.jsonl"
    manifest.parent.mkdir()
    manifest.write_text("".join(json.dumps({
        "id": name, "text": text, "speaker": name, "accent": name}) + "\n"
        for name, text in (("u1", "a b"), ("u2", "b c"))))
    for name, seed in (("shipped", 0), ("small", 0), ("small", 1)):
        train_one(config, tmp_path, tmp_path / "out", name, seed)
    found = {"shipped": {0: {}}, "small": {0: {}, 1: {}}, "other": {1: {}, 2: {}}}
    assert seeds_of(found) == [1]
    table(config, tmp_path, tmp_path / "out", by=None)
    printed = capsys.readouterr().out
    assert "small: 0: 25.00%, 1: 25.00%" in printed
    assert len((tmp_path / "out/table/seeds.jsonl").read_text().splitlines()) == 4
    assert "shipped,13.0" in (tmp_path / "out/table/costs.csv").read_text()
