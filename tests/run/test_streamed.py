"""Enhancers that a run gives their input piece by piece: scored, kept and refused like others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml

from evalkit.core.config import PipelineConfig
from evalkit.core.errors import PluginError
from evalkit.core.protocols import AudioStream
from evalkit.core.types import Audio
from evalkit.report.sections.definitions import pipelines
from evalkit.run import pipeline
from evalkit.run.pipeline import build_pipeline
from evalkit.run.runner import run
from evalkit.run.streamed import Streamed
from evalkit.store.runfolder import RunFolder
from tests.conftest import evalkit, tone
from tests.run.runs import config, tables

pytestmark = pytest.mark.usefixtures("outside")

RATES = (8_000, 16_000, 44_100, 48_000)


def late(name: str, stream: float | None = None, **options: Any) -> dict[str, Any]:
    return {"name": name, "enhancer": {"name": "late", **options}, "recognizer": "level"} | (
        {"stream": stream} if stream else {})


def scores_of(folder: RunFolder, name: str) -> list[Any]:
    rows = folder.scores().query("pipeline == @name").drop(columns="pipeline")
    assert len(rows) and rows["error"].isna().all()
    return rows.values.tolist()


@pytest.fixture
def many_rates(tmp_path: Path) -> Path:
    """A manifest of a recording at each of RATES."""
    rows = []
    for i, rate in enumerate(RATES):
        soundfile.write(tmp_path / f"{i}.wav", tone(0.6, rate, 120 + 20 * i, seed=i), rate)
        rows.append({"id": f"u{i}", "audio": f"{i}.wav", "speaker": f"s{i % 2}", "text": "on"})
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path / "m.jsonl"


def test_streamed_scores_are_those_of_the_whole(tiny_corpus: Path, tmp_path: Path) -> None:
    three = [late("whole"), late("streamed", 0.01), late("odd", 0.0131, rate=48_000)]
    folder = run(config(tiny_corpus, pipelines=three, conditions=["clean"], metrics=["wer"]),
                 tmp_path / "run")
    assert scores_of(folder, "whole") == scores_of(folder, "streamed") == scores_of(folder, "odd")
    assert folder.outputs()["lag_ms"].tolist() == pytest.approx(12 * 3 * [10.0])
    parts = folder.record().pipelines
    stated = {name: part.enhancer and part.enhancer.stream_ms for name, part in parts.items()}
    assert stated == {"whole": None, "streamed": 10.0, "odd": pytest.approx(13.1)}


def test_another_size_of_pieces_makes_that_anew_and_nothing_else(
        tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "calls"
    monkeypatch.setenv("EVALKIT_OUTSIDE_CALLS", str(log))

    def go(size: float, name: str = "run") -> list[str]:
        log.write_text("")
        run(config(tiny_corpus, conditions=["clean"], metrics=["wer"], pipelines=[
            late("whole"), late("streamed", size)]), tmp_path / name)
        return [line.split()[0] for line in log.read_text().splitlines()]

    assert {*go(0.01)} == {"late", "level"}
    assert go(0.01) == []
    again = go(0.02)  # one opening an utterance, and up to two to warm up
    assert 12 <= again.count("late") <= 14 and 12 <= again.count("level") <= 14
    assert go(0.01) == []
    go(0.01, "fresh")
    assert tables(tmp_path / "fresh").items() <= tables(tmp_path / "run").items()


def test_percepnet_and_rnnoise_streamed_through_the_command_line(
        many_rates: Path, tmp_path: Path, tiny_percepnet: Path) -> None:
    percepnet = {"name": "percepnet", "weights": str(tiny_percepnet)}
    tree = {"corpus": "m.jsonl", "metrics": ["si_sdr"],
            "conditions": [{"name": "hum", "noise": "stationary", "snr_db": 5}],
            "pipelines": [{"name": "ours", "enhancer": percepnet},
                          {"name": "ours_streamed", "enhancer": percepnet, "stream": 0.01},
                          {"name": "rnnoise", "enhancer": "rnnoise"},
                          {"name": "rnnoise_streamed", "enhancer": "rnnoise", "stream": 0.013}]}
    (tmp_path / "eval.yaml").write_text(yaml.safe_dump(tree))
    words = ("run", "eval.yaml", "-o", "run", "-j", 0)
    assert evalkit(*words, cwd=tmp_path).returncode == 0
    folder = RunFolder(tmp_path / "run")
    for name in ("ours", "rnnoise"):
        whole, streamed = (scores_of(folder, each) for each in (name, f"{name}_streamed"))
        for one, other in zip(whole, streamed, strict=True):
            assert one[:4] == other[:4] and one[4] == pytest.approx(other[4], abs=1e-3)
    lags = folder.outputs().query("pipeline == 'ours_streamed'")["lag_ms"]
    assert np.abs(lags - 30).max() < 0.03
    again = evalkit(*words, "--set", "pipelines.ours_streamed.stream=0.02", cwd=tmp_path)
    assert "1 shard to do, 3 done before" in again.stderr, again.stderr
    shown = pipelines(folder.record()).rows[1].cells["enhancer"].text
    assert shown == "percepnet, delay 30 ms, given 20 ms at a time"


@pytest.mark.parametrize(("changes", "line"), [
    ({"enhancer": "spectral_gating"}, "stream: 0.01: the enhancer 'spectral_gating' does not "
     "stream; these do: "),
    ({"enhancer": "rnoise"}, "no enhancers plug-in 'rnoise'; did you mean 'rnnoise'? installed: "),
    ({"enhancer": "late", "stream": 0.0001}, "eval.yaml: pipelines.p.stream: must be at least "
     "0.001"),
    ({"enhancer": "late", "stream": ".inf"}, "pipelines.p.stream: must be a finite number"),
    ({"encoder": "bands"}, "eval.yaml: pipelines.p: the pipeline 'p' has no enhancer and no "
     "recognizer to stream; leave out its key 'stream', or name one"),
    ({"recognizer": "level"}, "stream: 0.01: the recognizer 'level' does not stream; these do: "),
    ({"enhancer": {"name": "percepnet", "weights": "none.onnx"}}, "none.onnx: no such weights; "
     "give the option `weights` a file that `evalkit train enhancer` wrote")])
def test_what_cannot_stream_is_one_line(tiny_corpus: Path, tmp_path: Path,
                                        changes: dict[str, Any], line: str) -> None:
    tree = {"corpus": str(tiny_corpus), "metrics": ["stoi"],
            "pipelines": [{"name": "p", "stream": 0.01, **changes}]}
    (tmp_path / "eval.yaml").write_text(yaml.safe_dump(tree).replace("'.inf'", ".inf"))
    ended = evalkit("run", "eval.yaml", "-o", "run", cwd=tmp_path)
    assert ended.returncode == 2
    assert line in ended.stderr.splitlines()[-1]
    assert not (tmp_path / "run").exists()


def test_a_system_without_the_face_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "available", lambda group: {"spectral_gating": None})
    monkeypatch.setattr(pipeline, "create", lambda *_: Streamed(None, 0.01))  # type: ignore[arg-type]
    with pytest.raises(PluginError, match=r"streaming_enhancers plug-in 'spectral_gating' has no "
                                          r"'open', which every StreamingEnhancer needs"):
        build_pipeline(PipelineConfig(name="p", enhancer="spectral_gating", stream=0.01))


class Counting:
    """An enhancer without a delay whose stream counts samples, ``later`` than stated for it."""

    rate, delay, batch, identity = None, 0.0, 1, "counting"

    def __init__(self, later: int) -> None:
        self.later = later

    def enhance(self, batch: Sequence[Audio]) -> list[Audio]:
        return list(batch)

    def open(self, rate: int) -> AudioStream:
        return CountingStream(self.later)


class CountingStream:
    """Gives all at its end."""

    def __init__(self, delay: int) -> None:
        self.delay, self.heard = delay, 0
        self.pieces: list[int] = []

    def push(self, samples: np.ndarray) -> np.ndarray:
        self.heard += len(samples)
        self.pieces.append(len(samples))
        return np.zeros(0, np.float32)

    def finish(self) -> np.ndarray:
        return np.arange(-self.delay, self.heard, dtype=np.float32)


@pytest.mark.parametrize("later", [0, 7])
def test_what_a_stream_is_later_than_the_whole_is_taken_off(later: int) -> None:
    """Where it states more than the enhancer does, such as for resampling."""
    (made,) = Streamed(Counting(later), 0.001).enhance([Audio(np.ones(100, np.float32), 8_000)])
    assert made.samples[:100].tolist() == list(range(100))


@pytest.mark.parametrize("seconds", [0.001, 0.0137, 0.02, 59.0])
@pytest.mark.parametrize("rate", RATES)
def test_as_much_is_given_as_is_stated(seconds: float, rate: int) -> None:
    """To the nearest sample at any moment: nothing drifts where a piece is no whole number."""
    counting = Counting(0)
    stream = counting.open(rate)
    counting.open = lambda rate: stream  # type: ignore[method-assign]
    Streamed(counting, seconds).enhance([Audio(np.ones(2 * rate, np.float32), rate)])
    given = np.cumsum(stream.pieces)
    stated = np.minimum(np.arange(1, len(given) + 1) * seconds * rate, 2 * rate)
    assert np.abs(given - stated).max() <= 0.5 and given[-1] == 2 * rate
