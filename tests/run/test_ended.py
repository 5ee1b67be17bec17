"""What was made in a shard where some utterance ended its process: scored anew, and not made twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from evalkit.core.errors import RunError
from evalkit.run.rescore import rescore
from evalkit.run.runner import Work, run
from evalkit.store.runfolder import RunFolder
from tests.run.runs import config, tables
from tests.run.test_workers import length

pytestmark = pytest.mark.usefixtures("outside")
CONDITIONS = ["clean", {"name": "hum", "noise": "stationary", "snr_db": 10}]


def pipelines(kind: str, batch: int = 1, **options: Any) -> list[dict[str, Any]]:
    heard: dict[str, Any] = {"name": "level", "batch": batch}
    if kind == "crash":
        heard |= {"die_at": length(6)}
    return [{"name": "late", "enhancer": "late", "recognizer": heard | options}]


def metrics(kind: str) -> list[Any]:
    return ["wer", "stoi", *([{"name": "endless", "of": "u6"}] if kind == "metric" else [])]


def crashed(corpus: Path, out: Path, kind: str, batch: int = 1, **changes: Any) -> RunFolder:
    chosen: dict[str, Any] = {
        "pipelines": pipelines(kind, batch), "metrics": metrics(kind), "conditions": CONDITIONS,
        "shard_size": 12, "time_limit": 2 if kind == "metric" else 300}
    return run(config(corpus, **chosen | changes), out, Work(1))


def values(folder: RunFolder, metric: str = "wer") -> pd.DataFrame:
    table = folder.scores().query("metric == @metric")
    return table.set_index(["condition", "utterance_id"])[["amount", "weight", "error"]]


def others(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(index="u6", level="utterance_id")


@pytest.mark.parametrize(("kind", "batch", "error"), [
    ("crash", 1, "Crashed: the process that worked on this utterance died (exit code 11)"),
    ("crash", 4, "Crashed: the process that worked on this utterance died (exit code 11)"),
    ("metric", 1, "TimedOut: not done after 2 s")])
def test_all_but_the_ended_is_scored_anew(tiny_corpus: Path, tmp_path: Path, kind: str, batch: int,
                                          error: str) -> None:
    crashed(tiny_corpus, tmp_path / "run", kind, batch)
    calm = run(config(tiny_corpus, pipelines=pipelines("calm", batch), conditions=CONDITIONS,
                      metrics=["wer", "si_sdr"], normaliser="none", shard_size=12),
               tmp_path / "calm")
    folder = rescore(tmp_path / "run", metrics=["wer", "si_sdr"], normaliser="none")
    for metric in ("wer", "si_sdr"):
        pd.testing.assert_frame_equal(others(values(folder, metric)), others(values(calm, metric)))
        assert set(values(folder, metric).xs("u6", level=1)["error"]) == {error}
    failures = folder.summary().failures
    assert {(f.n, f.of, f.why, tuple(f.names)) for f in failures if "wer" in f.metrics} == {
        (1, 12, error, ("u6",))}
    again = rescore(tmp_path / "run", metrics=["cer"])
    assert set(values(again, "cer")["error"].dropna()) == {error}


def asked(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.mark.parametrize(("kind", "batch", "again"), [
    ("crash", 1, {"late": 4, "level": 4}),  # u6 twice, in either condition
    ("metric", 1, {"late": 2, "level": 2}),
    ("crash", 4, None)])
def test_only_the_ended_is_tried_again(tiny_corpus: Path, tmp_path: Path,
                                       monkeypatch: pytest.MonkeyPatch, kind: str, batch: int,
                                       again: dict[str, int] | None) -> None:
    """Unless batches were halved, which other sizes of batches would be."""
    crashed(tiny_corpus, tmp_path / "run", kind, batch)
    log = tmp_path / "calls"
    monkeypatch.setenv("EVALKIT_OUTSIDE_CALLS", str(log))
    new: dict[str, Any] = {"metrics": ["wer", "cer"], "time_limit": 300}
    folder = crashed(tiny_corpus, tmp_path / "run", kind, batch, **new)
    lengths = [line.split() for line in log.read_text().splitlines()]
    heard = [(name, sizes) for name, *sizes in lengths if sizes != ["16000"]]
    counts = {name: sum(each == name for each, _ in heard) for name in ("late", "level")}
    if again is not None:
        assert counts == again and all(sizes == [str(length(6))] for _, sizes in heard)
    else:
        assert counts["late"] > 20
    fresh = crashed(tiny_corpus, tmp_path / "fresh", kind, batch, **new)
    assert same(tables(folder.path), tables(fresh.path))
    assert asked(log) > 0


def same(one: dict[str, str], other: dict[str, str]) -> bool:
    return ({k: v for k, v in one.items() if not k.startswith("audio/")}
            == {k: v for k, v in other.items() if not k.startswith("audio/")})


def test_a_shard_in_which_all_ended(tiny_corpus: Path, tmp_path: Path) -> None:
    crashed(tiny_corpus, tmp_path / "run", "crash", shard_size=1)
    folder = rescore(tmp_path / "run", metrics=["wer"], normaliser="none")
    assert set(values(folder).query("error.notna()").index.get_level_values(1)) == {"u6"}
    assert values(folder)["error"].isna().sum() == 2 * 11


def test_another_pipeline_tries_it_too(tiny_corpus: Path, tmp_path: Path) -> None:
    crashed(tiny_corpus, tmp_path / "run", "crash")
    both = [*pipelines("crash"), pipelines("calm")[0] | {"name": "calm"}]
    both[1]["recognizer"] = {"name": "level", "rate": 8_000}
    folder = crashed(tiny_corpus, tmp_path / "run", "crash", pipelines=both)
    errors = folder.scores().query("metric == 'wer'").dropna(subset="error")
    assert set(errors["pipeline"]) == {"late"} and set(errors["utterance_id"]) == {"u6"}
    again = rescore(tmp_path / "run", metrics=["wer", "cer"])
    errors = again.scores().dropna(subset="error")
    assert set(errors["pipeline"]) == {"late"} and set(errors["utterance_id"]) == {"u6"}


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"PAR1")])
def test_what_is_kept_apart_is_looked_at(tiny_corpus: Path, tmp_path: Path,
                                         damage: Callable[[Path], None]) -> None:
    whole = tables(crashed(tiny_corpus, tmp_path / "run", "crash").path)
    damage(sorted((tmp_path / "run").glob("outputs/recognised/*"))[0])
    with pytest.raises(RunError, match="`evalkit run` makes it again"):
        rescore(tmp_path / "run", metrics=["cer"])
    assert tables(crashed(tiny_corpus, tmp_path / "run", "crash").path) == whole
    assert rescore(tmp_path / "run", metrics=["cer"]).summary().scores


def test_prune_leaves_what_is_kept_apart(tiny_corpus: Path, tmp_path: Path) -> None:
    crashed(tiny_corpus, tmp_path / "run", "crash")
    chosen = config(tiny_corpus, pipelines=pipelines("crash"), metrics=metrics("crash"),
                    conditions=CONDITIONS, shard_size=12)
    said: list[str] = []
    run(chosen, tmp_path / "run", Work(1), prune=True, say=said.append)
    assert any(line.startswith("0 files and folders of earlier") for line in said)
    assert rescore(tmp_path / "run", metrics=["cer", "si_sdr"]).summary().scores
