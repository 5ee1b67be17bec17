"""Logs of events that were made elsewhere: scored without audio and model, and not trusted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import evalkit
from evalkit.core.errors import ConfigError, ManifestError
from evalkit.store.events import EVENTS_TABLE, STREAMED
from evalkit.store.runfolder import RunFolder
from tests.conftest import evalkit as command
from tests.streaming.logs import ENDS, SAID, event, lines

GOOD = [event(0.6, "turn", clock=0.61, words=[["turn", 0.1, 0.5]]),
        event(0.9, "turn of", clock=1.1), event(1.8, SAID, "final", clock=2.0)]


def manifest(folder: Path, n: int = 2) -> Path:
    return lines(folder / "m.jsonl", [{"id": f"u{i}", "text": SAID, "speaker": f"s{i}",
                                       "words": ENDS, "duration": 2.0} for i in range(n)])


def log(folder: Path, *events: Any, first: int = 0) -> Path:
    return lines(folder / "log.jsonl", [{"id": f"u{first + i}", "events": each}
                                        for i, each in enumerate(events)])


def test_the_command_scores_a_log_without_audio(tmp_path: Path) -> None:
    manifest(tmp_path), log(tmp_path, GOOD, GOOD[2:])
    done = command("score", "-m", "m.jsonl", "-y", "live=log.jsonl", "-o", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "log.jsonl: 2 hypotheses, read as a log of events" in done.stderr
    run = RunFolder(tmp_path / "run")
    values = {row.metric: row.value for row in run.summary().scores}
    # u0: turn 100, on 1000, the 800, light 300; u1: 1300, 1000, 800, 300
    assert values["emission_latency"] == pytest.approx((2200 + 3400) / 8)
    assert values["late_words_500ms"] == pytest.approx(5 / 8)
    assert values["revoked_words"] == pytest.approx(1 / 8) and values["wer"] == 0
    assert values["revoked_words_per_second"] == pytest.approx(1 / 3.6)
    groups = evalkit.groups(run.path, ["speaker_id"], metric="emission_latency")
    assert {row.group: row.value.value for row in groups[0].rows} == {"s0": 550, "s1": 850}


def test_the_events_are_kept_as_they_were(tmp_path: Path) -> None:
    run = evalkit.score(manifest(tmp_path), {"live": log(tmp_path, GOOD, GOOD[2:])},
                        tmp_path / "run")
    events = run.streamed(EVENTS_TABLE)
    assert events[["utterance_id", "number", "audio", "clock", "kind", "text"]].values.tolist() == [
        ["u0", 0, 0.6, 0.61, "partial", "turn"], ["u0", 1, 0.9, 1.1, "partial", "turn of"],
        ["u0", 2, 1.8, 2.0, "final", SAID], ["u1", 0, 1.8, 2.0, "final", SAID]]
    assert list(events["words"][0]) == [{"text": "turn", "start": 0.1, "end": 0.5,
                                         "confidence": None}]
    came = run.streamed("emissions.parquet")
    assert came[["utterance_id", "speaker_id", "word", "end", "shown", "settled"]].values.tolist()[
        :2] == [["u0", "s0", "turn", 0.5, 0.6, 0.6], ["u0", "s0", "on", 0.8, 1.8, 1.8]]
    again = evalkit.rescore(run.path, metrics=["revoked_words"])
    pd.testing.assert_frame_equal(again.streamed(EVENTS_TABLE), events)
    assert again.summary().scores[0].value == pytest.approx(1 / 8)


def test_a_run_without_events_has_no_table_of_them(tmp_path: Path) -> None:
    run = evalkit.score(manifest(tmp_path), {"live": log(tmp_path, GOOD, GOOD)}, tmp_path / "run")
    assert (run.path / EVENTS_TABLE).exists()
    whole = lines(tmp_path / "text.jsonl", [{"id": f"u{i}", "hypothesis": SAID} for i in (0, 1)])
    run = evalkit.score(tmp_path / "m.jsonl", {"live": whole}, run.path)
    assert not any((run.path / name).exists() for name in STREAMED)
    assert run.streamed(EVENTS_TABLE).empty
    shards = [*run.path.glob("shards/*.outputs.parquet"), run.path / "outputs.parquet"]
    assert len(shards) == 2
    assert not any("events" in pd.read_parquet(path).columns for path in shards)
    with pytest.raises(ConfigError, match="emission_latency needs a recognizer that is streamed"):
        evalkit.score(tmp_path / "m.jsonl", {"live": whole}, tmp_path / "other",
                      metrics=["emission_latency"])


def test_a_table_of_events_that_was_changed_is_noticed(tmp_path: Path) -> None:
    run = evalkit.score(manifest(tmp_path), {"live": log(tmp_path, GOOD, GOOD)}, tmp_path / "run")
    path = run.path / EVENTS_TABLE
    path.write_bytes(path.read_bytes()[:-20])
    assert [line for line in run.damages() if line.startswith(EVENTS_TABLE)]


BAD = {
    "times that go back": ([event(1.0, "a"), event(0.5, SAID, "final")],
                           "BadTime: event 1: audio goes back from 1 to 0.5 s"),
    "clocks that go back": ([event(1.0, "a", clock=3), event(1.5, SAID, "final", clock=2)],
                            "BadTime: event 1: clock goes back from 3 to 2 s"),
    "milliseconds": ([event(600, "turn"), event(1800, SAID, "final")],
                     "BadTime: its last event is at audio 1800, and the utterance lasts 2 s"),
    "NaN": ([event(float("nan"), SAID, "final")], "NotFinite: audio of event 0 is nan"),
    "before the beginning": ([event(-0.1, SAID, "final")], "BadTime: event 0 is at audio -0.1"),
    "infinite clock": ([event(1.0, SAID, "final", clock=float("inf"))], "NotFinite: clock of"),
    "a truth value": ([event(True, SAID, "final")], "WrongType: audio of event 0 is True"),
    "no time": ([{"text": SAID, "kind": "final"}], "BadEvents: event 0 must be an object with"),
    "no text": ([event(1.0, None, "final")], "WrongType: "),  # type: ignore[arg-type]
    "a number for a text": ([event(1.0, "a"), event(1.0, 7, "final")], "WrongType: "),  # type: ignore[arg-type]
    "an unknown kind": ([event(1.0, SAID, "done")], "BadKind: event 0 is of the kind 'done'; "
                        "there are partial, speculative, final"),
    "no end": ([event(1.0, SAID)], "NotFinal: the last of its 1 events is partial"),
    "too much text": ([event(1.0, "x" * 1_000_001), event(1.0, SAID, "final")],
                      "TooLong: event 0 has 1,000,001 characters"),
    "too much of it": ([event(1.0, "x" * 999_999)] * 21 + [event(1.0, SAID, "final")],
                       "TooLong: its events have more than 20,000,000 characters"),
    "too many": ([event(1.0, "")] * 100_001, "TooLong: its events are 100,001"),
    "half a character": ([event(1.0, "\ud800"), event(1.0, SAID, "final")], "BadText: event 0"),
    "nothing": ([], "BadEvents: 'events' must be a list of one or more"),
    "no list": ("turn on", "BadEvents: 'events' must be a list"),
    "no words": ([event(1.0, SAID, "final", words=["on"])], "BadEvents: a word of event 0 must"),
    "words that are nothing": ([event(1.0, SAID, "final", words=[[None, 0, 1]])], "WrongType: "),
}


def test_a_log_that_cannot_be_used_costs_its_utterance_alone(tmp_path: Path) -> None:
    """Each of BAD, beside one that is good."""
    logs = log(tmp_path, GOOD, *(events for events, _ in BAD.values()))
    run = evalkit.score(manifest(tmp_path, 1 + len(BAD)), {"live": logs}, tmp_path / "run")
    errors = run.scores().groupby("utterance_id")["error"].agg(lambda found: set(found.dropna()))
    assert not errors["u0"]
    for number, (why, (_, wanted)) in enumerate(BAD.items(), 1):
        (error,) = errors[f"u{number}"]
        assert error.startswith(wanted), why
    assert set(run.streamed(EVENTS_TABLE)["utterance_id"]) == {"u0"}


def test_texts_of_any_length_and_script_are_taken(tmp_path: Path) -> None:
    events = [event(0.1, "😀" * 100_000), event(0.2, "<b>turn</b> \u202e\0".replace("\0", "")),
              event(1.5, SAID, "final")]
    run = evalkit.score(manifest(tmp_path), {"live": log(tmp_path, events, GOOD)},
                        tmp_path / "run")
    assert run.scores()["error"].isna().all()
    assert run.streamed(EVENTS_TABLE)["text"].str.len().max() == 100_000


@pytest.mark.parametrize(("text", "line"), [
    ('{"id": "u0", "events": []}\n{"id": "u1"', "log.jsonl:2: "),
    ('{"id": "u0", "events": []}\n{"events": []}', "log.jsonl:2: has no id"),
    ('{"id": "u0", "events": []}\n{"id": "u1"}', "log.jsonl:2: 'u1' has no events"),
    ('{"id": "u0", "events": []}\n[]', "log.jsonl:2: is not a JSON object"),
    ('{"id": "u0", "events": []}\n{"id": "u0", "events": [1]}', "log.jsonl:2: id 'u0' is that of "
     "log.jsonl:1 too, with other events; keep one of them"),
    ('{"id": "u0", "events": []}\n{"id": "\\ud800", "events": []}', "log.jsonl:2: "),
    ('{"id": "v", "events": []}', "holds no utterance of the manifest: its ids are such as 'v'")])
def test_a_file_that_is_no_log_stops_before_the_run(text: str, line: str, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(text)
    with pytest.raises(ManifestError) as refused:
        evalkit.score(manifest(tmp_path), {"live": tmp_path / "log.jsonl"}, tmp_path / "run")
    assert line in str(refused.value) and "\n" not in str(refused.value)
    assert not (tmp_path / "run").exists()


def test_what_takes_no_part_is_named(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in log(tmp_path, GOOD, GOOD, GOOD).read_text().splitlines()]
    path = lines(tmp_path / "log.jsonl", [*rows, rows[0]])
    left_out = evalkit.score(manifest(tmp_path), {"live": path}, tmp_path / "run").record().left_out
    assert [(item.what, item.n, item.names) for item in left_out] == [
        ("hypothesis", 1, ("u0",)), ("hypothesis", 1, ("u2",))]


@pytest.mark.parametrize(("words", "why"), [
    ([["turn", 0.5, 0.1]], "item 0 is from 0.5 to 0.1 s"), ([["a", 1, 2], ["b", 0.5, 3]], "item 1"),
    ([["turn", 0.1, float("nan")]], "item 0"), ([["turn", 0.1]], "item 0 must be [word, start, en"),
    (["turn", 1], "item 0 must be"), ([["turn", "0", 1]], "item 0 must be"),
    ([["\ud800", 0, 1]], "item 0 holds half a character"), ([["x", 0, 1e10]], "item 0"),
    ([["x", 0, 2.6]], "item 0 ends at 2.6 s, behind the utterance's duration of 2.0 s")])
def test_times_of_words_that_cannot_be_used_cost_their_line(words: Any, why: str, tmp_path: Path
                                                            ) -> None:
    from evalkit.store.manifest import read_manifest

    path = lines(tmp_path / "m.jsonl", [{"id": "u0", "words": words, "duration": 2.0},
                                        {"id": "u1", "words": ENDS},
                                        {"id": "u2", "words": 12}])
    found = read_manifest(path)
    assert [u.id for u in found.utterances] == ["u1", "u2"]
    assert len(found.utterances[0].words) == 4 and not found.utterances[0].metadata
    assert found.utterances[1].metadata == {"words": 12}
    assert found.problems[0].field == "words" and found.problems[0].message.startswith(why)
