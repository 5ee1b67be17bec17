"""What recognizers cost: measured in the run, shown on the page."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.core.clock import machine
from evalkit.core.config import parse_config
from evalkit.core.errors import Stopped
from evalkit.core.types import Cost
from evalkit.report.reported import ReportedRun
from evalkit.report.sections.recognizer_cost import build
from evalkit.run import costs
from evalkit.run.rescore import rescore
from evalkit.run.runner import Work, run
from evalkit.store.outputs import OutputStore
from evalkit.store.runfolder import RunFolder
from tests.conftest import evalkit
from tests.run.runs import config

pytestmark = pytest.mark.usefixtures("outside")

PEAKS = """
import numpy as np
from evalkit.core.memory import forget_peak, peak_bytes
large = np.ones(12_000_000)  # 96 MB
high = peak_bytes()
del large
forget_peak()
print(high, peak_bytes())
"""


@pytest.fixture
def says(outside: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Makes an outside plug-in say its cost; returns the list that every question adds to."""
    def make(name: str, answer: Callable[[], Any]) -> list[str]:
        asked: list[str] = []

        def cost(_self: Any) -> Any:
            asked.append(name)
            return answer()

        monkeypatch.setattr(f"evalkit_outside.systems.{name}.cost", property(cost), raising=False)
        return asked
    return make


def test_the_peak_is_that_of_what_follows() -> None:
    """In a process of its own: what other tests left in memory is none of its business."""
    said = subprocess.run([sys.executable, "-c", PEAKS], capture_output=True, text=True, check=True)
    high, low = map(int, said.stdout.split())
    assert high > 96_000_000
    assert low < high - 50_000_000


def test_what_recognizers_took_is_kept_and_summed(tiny_corpus: Path, tmp_path: Path) -> None:
    pipelines = [{"name": "asr", "recognizer": {"name": "level", "batch": 4, "raise_at": 17_600}},
                 {"name": "voice", "encoder": "bands"}]
    folder = run(config(tiny_corpus, pipelines=pipelines, metrics=["wer"], conditions=["clean"]),
                 tmp_path / "run")
    rows = folder.outputs().set_index("pipeline")
    assert rows.loc["voice", "recognizer_seconds"].isna().all()
    heard = rows.loc["asr"].dropna(subset="recognizer_seconds")
    assert len(heard) == 11, "what failed has no time"
    found, = folder.summary().recognising
    assert (found.pipeline, found.condition, found.machine, found.utterances) == (
        "asr", "clean", machine(), 11)
    assert found.seconds == pytest.approx(heard["seconds"].sum())
    assert found.elapsed_seconds == pytest.approx(heard["recognizer_seconds"].sum())
    assert found.processor_seconds == pytest.approx(heard["recognizer_processor_seconds"].sum())
    assert found.peak_bytes == heard["recognizer_peak_bytes"].max() > 30_000_000


def test_the_page_shows_errors_against_cost(tiny_corpus: Path, tmp_path: Path,
                                            says: Callable[..., list[str]]) -> None:
    says("Bands", lambda: Cost(1_234_567, 2_500_000, 3.21e8, "of its ears"))
    pipelines = [{"name": name, "recognizer": {"name": "level", "rate": rate}, "encoder": "bands"}
                 for name, rate in (("a", 16_000), ("b", 8_000))]
    run(config(tiny_corpus, pipelines=pipelines, metrics=["wer"], conditions=["clean"]),
        tmp_path / "run")
    evalkit("report", tmp_path / "run", "--out", tmp_path / "page")
    page = (tmp_path / "page" / "index.html").read_text()
    assert 'id="recognizer-cost"' in page
    assert "Word error rate against real-time factor of the recognizer" in page
    assert "recognizer alone: seconds of processor" in page
    told = json.loads((tmp_path / "page" / "findings.json").read_text())
    rows = told["sections"]["recognizer-cost"]["recognizers"]
    assert {row["pipeline"] for row in rows} == {"a", "b"}
    assert {row["cost"]["unknown"] for row in rows} == {"its plug-in does not say"}
    assert "Multiply-accumulates, millions a second" in page and "its plug-in does not say" in page
    networks = page[page.index("What speaker encoders take"):]
    for shown in ("1,234,567", "2.5", "321", "of its ears"):
        assert shown in networks[:networks.index("</table>")]


VOICES = [{"name": "one", "recognizer": "level", "encoder": "bands"},
          {"name": "two", "recognizer": "level"}]


def go(manifest: Path, out: Path, *, prune: bool = False, **changes: Any) -> RunFolder:
    tree = {"pipelines": VOICES, "metrics": ["wer"], "conditions": ["clean"]} | changes
    return run(config(manifest, **tree), out, Work(0), prune=prune)


def test_one_recognizer_is_not_compared_with_itself(tiny_corpus: Path, tmp_path: Path) -> None:
    both = go(tiny_corpus, tmp_path / "both")
    assert {row.pipeline for row in both.summary().recognising} == {"one", "two"}
    assert build(ReportedRun(both, tmp_path / "page")) is None
    alone = go(tiny_corpus, tmp_path / "alone", pipelines=VOICES[1:])
    assert build(ReportedRun(alone, tmp_path / "page")) is not None


def said(folder: RunFolder, pipeline: str = "one", part: str = "recognizer") -> Cost | None:
    return getattr(folder.record().pipelines[pipeline], part).cost


def test_the_cost_is_asked_for_once_and_kept(tiny_corpus: Path, tmp_path: Path,
                                             says: Callable[..., list[str]]) -> None:
    cost = Cost(2**53 + 1, 8, 10**17, "of its\nencoder\x1b")
    levels, bands = says("Level", lambda: cost), says("Bands", lambda: Cost(1, 2, 3.5))
    kept = Cost(2**53 + 1, 8, 1e17, "of its encoder?")
    folder = go(tiny_corpus, tmp_path / "run")
    assert (levels, bands) == (["Level"], ["Bands"])
    assert said(folder) == said(folder, "two") == kept
    assert said(folder, part="encoder") == Cost(1, 2, 3.5)
    again = go(tiny_corpus, tmp_path / "run", metrics=["cer"])
    assert said(again) == said(rescore(tmp_path / "run", metrics=["wer"])) == kept
    other = [{"name": "one", "recognizer": {"name": "level", "rate": 8_000}}]
    pruned = go(tiny_corpus, tmp_path / "run", pipelines=other, prune=True)
    assert said(pruned) == kept and (levels, bands) == (2 * ["Level"], ["Bands"])
    assert len(list((tmp_path / "run").glob("outputs/costs/*"))) == 1


@pytest.mark.parametrize(("answer", "why"), [
    (lambda: 1 / 0, "ZeroDivisionError: division by zero"),
    (lambda: (1, 2, 3), "ValueError: cost must be a Cost, not (1, 2, 3)"),
    (lambda: sys.exit(3), "SystemExit: it ended the program with 3")])
def test_an_answer_that_is_no_cost_is_not_known(
        tmp_path: Path, says: Callable[..., list[str]], answer: Callable[[], Any], why: str
        ) -> None:
    from evalkit_outside.systems import Level

    says("Level", answer)
    (pipeline,) = parse_config({"corpus": "a", "pipelines": VOICES[1:], "metrics": ["wer"]},
                               tmp_path / "eval.yaml").pipelines
    store = OutputStore(tmp_path)
    costs.keep({"recognised": Level()}, pipeline, store)
    (path,) = tmp_path.glob("outputs/costs/*")
    (row,) = store.read("costs", path.stem) or ()
    assert row["unknown"].startswith(f"it could not be counted: {why}") and row["weights"] is None


def test_what_ends_the_process_is_asked_once(tiny_corpus: Path, tmp_path: Path,
                                             says: Callable[..., list[str]]) -> None:
    def stopped() -> Cost:
        raise Stopped

    asked = says("Level", stopped)
    with pytest.raises(Stopped):
        go(tiny_corpus, tmp_path / "run")
    folder = go(tiny_corpus, tmp_path / "run")
    assert said(folder) == Cost(unknown="the run was stopped while it was counted")
    assert folder.outputs()["error"].isna().all()
    assert asked == ["Level"]


def test_results_made_elsewhere_take_nothing(tiny_corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "heard.jsonl").write_text('{"id": "u0", "hypothesis": "on"}\n')
    folder = go(tiny_corpus, tmp_path / "run", pipelines=[{
        "name": "one", "recognizer": {"name": "precomputed",
                                      "path": str(tmp_path / "heard.jsonl")}}])
    assert said(folder) is None and not (tmp_path / "run" / "outputs" / "costs").exists()
