"""Whose words come late is found, and nobody is where nobody's do."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import evalkit
from tests.conftest import evalkit as command
from tests.streaming.logs import ENDS, SAID, event, lines

SPEAKERS, EACH, LATER = 96, 2, 0.15


def corpus(folder: Path, later: float) -> tuple[Path, Path]:
    """A manifest and a log of speakers of three places, in one of which words come ``later``
    seconds later than elsewhere."""
    rng = np.random.default_rng(3)
    rows, logs = [], []
    for i in range(SPEAKERS):
        place, own = ("east", "west", "north")[i % 3], 0.2 + 0.08 * rng.standard_normal()
        for k in range(EACH):
            late = np.maximum.accumulate([end + own + later * (place == "east")
                                          + rng.exponential(0.08) for _, _, end in ENDS])
            texts = [" ".join(SAID.split()[:n]) for n in (1, 2, 3, 4)]
            name, age = f"s{i}-{k}", "old" if i % 2 else "young"
            rows.append({"id": name, "speaker": f"s{i}", "text": SAID, "words": ENDS,
                         "place": place, "age_group": age})
            logs.append({"id": name, "events": [
                *(event(float(at), text) for at, text in zip(late, texts, strict=True)),
                event(float(late[-1]) + 0.3, SAID, "final")]})
    return lines(folder / "m.jsonl", rows), lines(folder / "log.jsonl", logs)


@pytest.mark.parametrize("later", [LATER, 0.0])
def test_a_group_whose_words_come_later_is_found_and_a_null_is_not(later: float, tmp_path: Path
                                                                   ) -> None:
    manifest, log = corpus(tmp_path, later)
    run = evalkit.score(manifest, {"live": log}, tmp_path / "run", metrics=["emission_latency"])
    (report,) = evalkit.groups(run.path, ["place"], metric="emission_latency")
    found = evalkit.cohorts(run.path, metric="emission_latency", finders=["declared"])
    confirmed = {verdict.cohort for finding in found.finders for verdict in finding.verdicts
                 if verdict.status == "confirmed"}
    assert report.fairness is not None
    p = report.fairness.tests["welch"].p_value
    if later:
        assert report.rows[0].group == "east" and p < 0.001
        assert report.rows[0].gap.difference.value == pytest.approx(1000 * later, abs=60)
        assert any("east" in name for name in confirmed), confirmed
    else:
        assert p > 0.05 and not confirmed


def test_the_command_shows_quantiles_by_group(tmp_path: Path) -> None:
    corpus(tmp_path, LATER)
    command("score", "-m", "m.jsonl", "-y", "live=log.jsonl", "-o", "run", cwd=tmp_path)
    shown = command("latency", "run", "--by", "place", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    rows = [line.split()[:4] for line in shown.stdout.splitlines()[2:6]]
    assert rows[0] == ["all", "ok", "96", str(4 * EACH * SPEAKERS)]
    assert rows[1] == ["east", "ok", "32", str(4 * EACH * SPEAKERS // 3)]
    (report,) = json.loads(command("latency", "run", "--by", "place", "--json", "--settled",
                                   cwd=tmp_path).stdout)
    east, *others = report["rows"]
    assert all(east["quantiles"][0]["low"] > other["quantiles"][0]["high"] for other in others)
    refused = command("latency", "run", "--condition", "noisy", cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.strip().endswith("no latencies of the condition 'noisy'; there are some "
                                           "of given")
