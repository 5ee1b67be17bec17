"""What recognizers cost: measured in the run, shown on the page."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from evalkit.core.clock import machine
from evalkit.run.runner import run
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


def test_the_page_shows_errors_against_cost(tiny_corpus: Path, tmp_path: Path) -> None:
    pipelines = [{"name": name, "recognizer": {"name": "level", "rate": rate}}
                 for name, rate in (("a", 16_000), ("b", 8_000))]
    run(config(tiny_corpus, pipelines=pipelines, metrics=["wer"], conditions=["clean"]),
        tmp_path / "run")
    evalkit("report", tmp_path / "run", "--out", tmp_path / "page")
    page = (tmp_path / "page" / "index.html").read_text()
    assert 'id="recognizer-cost"' in page and "Word error rate against real-time factor" in page
    told = json.loads((tmp_path / "page" / "findings.json").read_text())
    rows = told["sections"]["recognizer-cost"]["recognizers"]
    assert {row["pipeline"] for row in rows} == {"a", "b"}
