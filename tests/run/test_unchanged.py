"""Where nothing has changed the audio that is compared with its reference, nothing has failed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalkit.store.runfolder import RunFolder
from tests.conftest import evalkit

pytestmark = pytest.mark.usefixtures("outside")

CONDITIONS = """
conditions:
  - clean
  - {name: fast, speed: 1.25}
  - {name: soft, gain: -6}
  - {name: both, chain: [{speed: 0.9}, {gain: -3}]}
  - {name: whole, packet_loss: 0}
  - {name: some, packet_loss: 0.02}
  - {name: hum, noise: stationary, snr_db: 10}
"""
NOTHING = ("fast", "soft", "both", "whole")
"""Conditions after which recording and reference are the same but for a factor."""
PLAIN = "pipelines: [{name: plain, recognizer: level}]\nmetrics: [wer, si_sdr]\nshard_size: 12\n"


def made(manifest: Path, pipelines: str, *words: object, conditions: str = CONDITIONS):
    (manifest.parent / "eval.yaml").write_text(f"corpus: test.jsonl\n{conditions}{pipelines}")
    done = evalkit("run", "eval.yaml", "--out", "run", "-j", 0, *words, cwd=manifest.parent)
    return done, RunFolder(manifest.parent / "run")


def test_what_nothing_changed_has_no_score_and_no_failure(tiny_corpus: Path) -> None:
    done, run = made(tiny_corpus, PLAIN, "--max-failed", "0")
    assert done.returncode == 0, done.stderr
    scores = run.scores()
    compared = scores[scores["metric"] == "si_sdr"]
    assert compared["error"].isna().all() and run.summary().failures == []
    assert set(compared["condition"]) == {"some", "hum"}
    assert scores[scores["metric"] == "wer"].groupby("condition").size().eq(12).all()
    heard = run.outputs().set_index("utterance_id")
    same = heard.index[(heard["condition"] == "some") & heard["input_audio"].isna()]
    assert 0 < len(same) < 12 and len(compared) == 24 - len(same)
    assert not set(same) & set(compared.loc[compared["condition"] == "some", "utterance_id"])
    why = "nothing has changed the audio that it compares"
    assert [(item.what, item.where, item.n, item.names) for item in run.record().left_out
            if why in item.why] == [
        *(("metric", f"plain {name}", 1, ("si_sdr",)) for name in NOTHING),
        ("utterance", "plain some", len(same), tuple(same[:5]))]


def test_an_enhancer_that_changes_nothing_is_told_so(tiny_corpus: Path) -> None:
    """What it makes is compared, and is no fault of the run."""
    idle = "{name: idle, enhancer: {name: late, delay_ms: 0, stated_ms: 0, gain: 1}}"
    done, run = made(tiny_corpus, f"pipelines: [{idle}]\nmetrics: [si_sdr]\n", "--max-failed", "0",
                     conditions="conditions: [clean, {name: fast, speed: 1.25}, "
                     "{name: hum, noise: stationary, snr_db: 10}]\n")
    assert done.returncode == 0, done.stderr
    found = {failure.condition: (failure.kind, failure.n) for failure in run.summary().failures}
    assert found == dict.fromkeys(("clean", "fast"), ("Identical", 12))
    assert not any("nothing has changed" in item.why for item in run.record().left_out)


def test_a_comparison_of_nothing_alone_is_no_result(tiny_corpus: Path) -> None:
    (tiny_corpus.parent / "eval.yaml").write_text(
        "corpus: test.jsonl\nconditions: [{name: fast, speed: 1.25}]\nmetrics: [si_sdr]\n"
        "pipelines: [{name: plain, recognizer: level}]\n")
    done = evalkit("run", "eval.yaml", "--out", "run", "-j", 0, cwd=tiny_corpus.parent)
    assert done.returncode == 2 and "error: nothing could be measured; " in done.stderr
    assert json.loads((tiny_corpus.parent / "run" / "summary.json").read_text())["scores"] == []
