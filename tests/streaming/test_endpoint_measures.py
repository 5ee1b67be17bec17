"""What is measured of end-points: hand-made logs of events, whose answers are known."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

import evalkit
from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.plugins import create
from evalkit.core.types import Event, Hypothesis, Output, Utterance, Word
from evalkit.metrics.endpoints import EndpointDelay, PerceivedLatency
from tests.streaming.logs import ENDS, SAID, event, lines

P, S, F = "partial", "speculative", "final"
LASTED, RESTART = 3.0, 250.0


class Log(NamedTuple):
    """Events (audio, text, kind) of "turn on the light", which ends at 1.5 s of 3, and what is
    measured of them; None is what has no measurement."""

    why: str
    events: list[tuple[float, str, str]]
    cut: int
    delay: float | None
    none: int
    resets: int
    agreement: int | None = None
    gain: float | None = None
    perceived: float | None = None
    lasted: float | None = LASTED


END = (LASTED, SAID, F)
LOGS = [
    Log("an end-point, and a guess 200 ms before it",
        [(1.5, SAID, P), (1.8, SAID, S), (2.0, SAID, F), END], 0, 500, 0, 0, 1, 200, 300),
    Log("the guess came before the last word", [(1.8, "turn on the", S), (2.0, SAID, F), END],
        0, 500, 0, 0, 0, 0, 500 + RESTART),
    Log("no guess", [(1.5, SAID, P), (2.0, SAID, F), END], 0, 500, 0, 0, None, None, 500),
    Log("case and punctuation are no other words",
        [(1.7, "turn on the light", S), (2.0, "Turn on the light.", F), END],
        0, 500, 0, 0, 1, 300, 200),
    Log("no end-point: at least the silence at the end", [(1.5, SAID, P), END],
        0, 1500, 1, 0, None, None, 1500),
    Log("a guess and no end-point", [(1.9, SAID, S), END], 0, 1500, 1, 0, 1, 1100, 400),
    Log("cut off", [(0.9, "turn on", F), (1.6, SAID, P), END], 1, None, 0, 1),
    Log("cut off, and heard to the end", [(0.9, "turn on", F), (2.0, SAID, F), END],
        1, None, 0, 1),
    Log("at its very end is not early", [(1.5, SAID, F), END], 0, 0, 0, 0, None, None, 0),
    Log("a guess in a pause was taken back",
        [(0.9, "turn on", S), (1.8, SAID, S), (2.0, SAID, F), END], 0, 500, 0, 1, 1, 200, 300),
    Log("cut off by a guess and its end-point: one reset",
        [(0.8, "turn on", S), (1.0, "turn on", F), (1.8, SAID, S), (2.0, SAID, F), END],
        1, None, 0, 1, 1, 200, None),
    Log("noise behind the end: another end-point", [(2.0, SAID, F), (2.6, SAID, F), END],
        0, 500, 0, 1, None, None, 500),
    Log("how long it was is not known: what is final is an end-point", [(2.2, SAID, F)],
        0, 700, 0, 0, None, None, 700, None),
    Log("rounded to hundredths", [(2.996, SAID, F)], 0, 1500, 1, 0, None, None, 1500),
]


def measured(log: Log) -> dict[str, tuple[float, float]]:
    utterance = Utterance("u", text=SAID, words=tuple(Word(*word) for word in ENDS),
                          duration=log.lasted)
    events = tuple(Event(*each) for each in log.events)  # type: ignore[arg-type]
    output = Output(hypothesis=Hypothesis(events[-1].text, events=events))
    found = {**EndpointDelay().measure(utterance, output),
             **PerceivedLatency(restart=RESTART).measure(utterance, output)}
    return {name: (each.amount, each.weight) for name, each in found.items()}


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.why)
def test_a_log_is_measured_as_it_was_reckoned_by_hand(log: Log) -> None:
    wanted = {"early_cut": log.cut, "endpoint_delay": log.delay, "no_endpoint": log.none,
              "resets": log.resets, "speculative_agreement": log.agreement,
              "speculative_gain": log.gain, "perceived_latency": log.perceived}
    assert measured(log) == {name: (pytest.approx(value), 1.0) for name, value in wanted.items()
                             if value is not None}


def test_what_cannot_be_measured_says_why() -> None:
    heard = Output(hypothesis=Hypothesis(SAID, events=(Event(2.0, SAID, "final"),)))
    times = tuple(Word(*word) for word in ENDS)
    for bad, error in ((Utterance("u", words=times), "NoReference"),
                       (Utterance("u", text=SAID), "NoWordTimes"),
                       (Utterance("u", text=SAID, words=times[:-1]), "NoWordTimes")):
        with pytest.raises(UtteranceError, match=error):
            EndpointDelay().measure(bad, heard)
    with pytest.raises(UtteranceError, match="NoEvents"):
        EndpointDelay().measure(Utterance("u", text=SAID, words=times), Output())
    silent = EndpointDelay().measure(Utterance("u", text=" ,"), heard)
    assert {each.weight for each in silent.values()} == {0.0}
    with pytest.raises(ConfigError, match="restart must be from 0 to 1,000,000 ms"):
        create("metrics", "perceived_latency", {"restart": -1})


def test_a_log_of_events_is_scored_without_audio(tmp_path: Path) -> None:
    manifest = lines(tmp_path / "m.jsonl", [
        {"id": f"u{i}", "text": SAID, "words": ENDS, "speaker": f"s{i}", "duration": LASTED}
        for i in range(len(LOGS))])
    log = lines(tmp_path / "log.jsonl", [
        {"id": f"u{i}", "events": [event(*each) for each in log.events]}
        for i, log in enumerate(LOGS)])
    run = evalkit.score(manifest, {"live": log}, tmp_path / "run",
                        metrics=["endpoint_delay", f"perceived_latency:restart={RESTART:g}"])
    found = {row.metric: row for row in run.summary().scores}
    delays = [log.delay for log in LOGS if log.delay is not None]
    assert found["endpoint_delay"].value == pytest.approx(sum(delays) / len(delays))
    assert (found["endpoint_delay"].n, found["endpoint_delay"].n_failed) == (len(delays), 0)
    assert found["early_cut"].value == pytest.approx(sum(log.cut for log in LOGS) / len(LOGS))
    assert "250 ms to start anew" in run.record().metrics["perceived_latency"].definition
