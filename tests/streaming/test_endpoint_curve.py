"""Early cuts against delay: who is cut off, over pipelines that differ in their hang-over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import evalkit
from evalkit.core.config import parse_config
from evalkit.core.errors import ConfigError
from evalkit.run.runner import run
from tests.conftest import evalkit as command
from tests.run.runs import config
from tests.streaming.logs import ENDS, SAID, event, lines
from tests.streaming.test_endpointers import PAUSES, paused

pytestmark = pytest.mark.usefixtures("outside")

SPEAKERS, EACH, SHARE, LASTED = 90, 12, 0.12, 2.5


def corpus(folder: Path, times: float) -> tuple[Path, Path]:
    """A manifest and a log of speakers of three places, in one of which they are cut off so many
    times as often as elsewhere; the delay of all others is 400 to 800 ms."""
    rng = np.random.default_rng(5)
    rows, logs = [], []
    for i in range(SPEAKERS):
        place, own = ("east", "west", "north")[i % 3], rng.beta(4, 4 / SHARE - 4)
        for k in range(EACH):
            name, cut = f"s{i}-{k}", rng.random() < own * (times if place == "east" else 1)
            rows.append({"id": name, "speaker": f"s{i}", "text": SAID, "words": ENDS,
                         "duration": LASTED, "place": place, "age_group": ("new", "old")[i % 2]})
            end = 1.1 if cut else 1.9 + 0.4 * rng.random()
            logs.append({"id": name, "events": [event(end, SAID, "final"),
                                                event(LASTED, SAID, "final")]})
    return lines(folder / "m.jsonl", rows), lines(folder / "log.jsonl", logs)


@pytest.mark.parametrize("times", [2.0, 1.0])
def test_a_group_that_is_cut_off_more_often_is_found_and_a_null_is_not(times: float,
                                                                       tmp_path: Path) -> None:
    manifest, log = corpus(tmp_path, times)
    made = evalkit.score(manifest, {"live": log}, tmp_path / "run", metrics=["endpoint_delay"])
    (report,) = evalkit.groups(made.path, ["place"], metric="early_cut")
    found = evalkit.cohorts(made.path, metric="early_cut", finders=["declared"])
    confirmed = {verdict.cohort for finding in found.finders for verdict in finding.verdicts
                 if verdict.status == "confirmed"}
    assert report.fairness is not None
    p = report.fairness.tests["welch"].p_value
    if times == 1:
        assert p > 0.05 and not confirmed
        return
    assert report.rows[0].group == "east" and p < 0.001
    assert any("east" in name for name in confirmed), confirmed
    (curve,) = evalkit.endpoints(made.path, ["place"])
    everybody, east, *others = curve.rows
    assert (everybody.group, east.group) == ("all", "east")
    assert all(east.early_cut.low > other.early_cut.high for other in others)
    late = made.scores().query("metric == 'endpoint_delay'")["amount"].sort_values().to_numpy()
    assert [each.value for each in everybody.delay] == [
        late[-(-len(late) // 2) - 1], late[-(-9 * len(late) // 10) - 1]]
    assert everybody.resets == pytest.approx(100 * (1 + 0) * everybody.early_cut.value)
    assert evalkit.endpoints(made.path, ["place"])[0] == curve


def test_a_longer_hangover_cuts_fewer_off_and_lets_wait_longer(tmp_path: Path) -> None:
    """One line of the configuration makes the pipelines, and one command shows the curve."""
    manifest = paused(tmp_path, PAUSES * 6)
    tree = config(manifest, conditions=["clean"], metrics=["endpoint_delay"], pipelines=[
        {"name": "h{hangover}", "endpointer": "energy", "grid": {"hangover": [0.12, 0.5, 1.4]}}])
    assert [each.name for each in tree.pipelines] == ["h0.12", "h0.5", "h1.4"]
    folder = run(tree, tmp_path / "run")
    (curve,) = evalkit.endpoints(folder.path)
    cuts = [sum(max(gaps, default=0) > h for gaps in PAUSES) / len(PAUSES)
            for h in (0.12, 0.5, 1.4)]
    assert [row.early_cut.value for row in curve.rows] == pytest.approx(cuts)
    delays = [row.delay[0].value for row in curve.rows]
    assert delays[:2] == pytest.approx([120, 500], abs=10.1) and np.isinf(delays[2])
    assert [row.no_endpoint for row in curve.rows] == [0, 0, 1]
    shown = command("endpoints", "run", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert [line.split()[0] for line in shown.stdout.splitlines()[2:5]] == ["h0.12", "h0.5", "h1.4"]
    assert shown.stdout.count("beyond") == 2
    (told,) = json.loads(command("endpoints", "run", "--json", "--pipeline", "h1.4",
                                 cwd=tmp_path).stdout)
    assert [row["delay"][0]["value"] for row in told["rows"]] == [None]
    refused = command("endpoints", "run", "--condition", "noisy", cwd=tmp_path)
    assert refused.returncode == 2 and "no end-points of the condition 'noisy'" in refused.stderr


@pytest.mark.parametrize(("pipeline", "line"), [
    ({"name": "p", "endpointer": "energy", "grid": {"hangover": [0.2, 0.3]}},
     "pipelines.p: grid: the name must hold {hangover}, in quotes, to tell its 2 values apart"),
    ({"name": "p", "recognizer": "level", "grid": {"hangover": [0.2]}},
     "pipelines.p: grid holds options of the end-pointer, and there is none; name it"),
    ({"name": "p", "endpointer": "energy", "grid": []},
     "pipelines.p: grid must be keys with lists, such as {hangover: [0.3, 0.5, 0.8]}"),
    ({"name": "p{x}", "endpointer": "energy", "grid": {"x": list(range(1001))}},
     "pipelines.p{x}: grid: makes 1,001 pipelines; at most 1,000 are taken")])
def test_a_wrong_grid_is_one_line(pipeline: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config({"corpus": "c.jsonl", "metrics": ["wer"], "pipelines": [pipeline]},
                     Path("/tmp/eval.yaml"))
    assert line in str(caught.value)


def test_a_run_without_end_points_says_what_to_do(tmp_path: Path) -> None:
    manifest = lines(tmp_path / "m.jsonl", [{"id": "u", "text": "on"}])
    heard = lines(tmp_path / "text.jsonl", [{"id": "u", "hypothesis": "on"}])
    made = evalkit.score(manifest, {"whole": heard}, tmp_path / "run")
    with pytest.raises(ConfigError, match="no end-points were measured; name the metric"):
        evalkit.endpoints(made.path)


def test_who_could_not_be_measured_is_named(tmp_path: Path) -> None:
    corpus(tmp_path, 1.0)
    rows = [json.loads(line) for line in (tmp_path / "m.jsonl").read_text().splitlines()]
    for row in rows[:3]:
        del row["words"]
    manifest = lines(tmp_path / "m.jsonl", rows)
    made = evalkit.score(manifest, {"live": tmp_path / "log.jsonl"}, tmp_path / "run",
                         metrics=["endpoint_delay"])
    (report,) = evalkit.endpoints(made.path, ["place"])
    (left_out,) = report.left_out
    assert (left_out.n, left_out.why) == (3, "no value (NoWordTimes)")
    assert report.rows[0].n == len(rows) - 3
