"""What is measured of logs of events: hand-made ones, whose answers are known."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.core.errors import UtteranceError
from evalkit.core.types import Event, Hypothesis, Measurement, Output, Utterance, Word
from evalkit.metrics.emission import EmissionLatency
from evalkit.metrics.revocation import RevokedWords
from tests.streaming.logs import ENDS, SAID

P, S, F = "partial", "speculative", "final"


class Log(NamedTuple):
    """Events (audio, text, kind), and what is measured of them: sums of milliseconds or words, and
    what they are divided by."""

    why: str
    events: list[tuple[float, str, str]]
    emission: tuple[float, int]
    settling: float
    first: tuple[float, int]
    final: tuple[float, int]
    late: tuple[int, int, int]
    revoked: tuple[int, int]
    text: str = SAID
    words: list[list[Any]] = ENDS


AT_ONCE = [(0.5, "turn", P), (0.8, "turn on", P), (1.0, "turn on the", P), (1.5, SAID, P)]
LOGS = [
    Log("every word at its end", [*AT_ONCE, (1.8, SAID, F)],
        (0, 4), 0, (0, 1), (300, 1), (0, 0, 0), (0, 4)),
    Log("all at the end: 1,500, 1,200, 1,000 and 500 ms late", [(2.0, SAID, F)],
        (4200, 4), 4200, (1500, 1), (500, 1), (4, 3, 2), (0, 4)),
    Log("300 ms are not later than 300 ms", [(1.8, SAID, F)],
        (3400, 4), 3400, (1300, 1), (300, 1), (3, 3, 1), (0, 4)),
    Log("the last word was another", [(0.9, "turn of", P), (1.2, "turn on the", P), (1.6, SAID, F)],
        (400 + 400 + 200 + 100, 4), 1100, (400, 1), (100, 1), (2, 0, 0), (1, 4)),
    Log("what is behind a change is revoked with it",
        [(1.1, "burn on the", P), (1.6, SAID, P), (1.7, SAID, F)],
        (1100 + 300 + 100 + 100, 4), 1600, (600, 1), (200, 1), (1, 1, 1),
        (3, 4)),
    Log("gone and there again", [(0.6, "turn", P), (0.7, "", P), (0.9, "turn on", P),
                                 (1.5, SAID, P), (1.7, SAID, F)],
        (100 + 100 + 500 + 0, 4), 400 + 100 + 500, (100, 1), (200, 1), (1, 0, 0), (1, 4)),
    Log("guessed before it was said", [(0.4, SAID, P), (1.6, SAID, F)],
        (-100 - 400 - 600 - 1100, 4), -2200, (-100, 1), (100, 1), (0, 0, 0), (0, 4)),
    Log("a word that is wrong in the end has no latency",
        [*AT_ONCE, (1.7, "turn on the lamp", F)],
        (0, 3), 0, (0, 1), (200, 1), (0, 0, 0), (1, 4)),
    Log("nothing was heard", [(2.0, "", F)], (0, 0), 0, (0, 0), (500, 1), (0, 0, 0), (0, 0)),
    Log("all was taken back", [(0.7, "turn on", P), (2.0, "", F)],
        (0, 0), 0, (200, 1), (500, 1), (0, 0, 0), (2, 0)),
    Log("an invented word is the first", [(0.2, "please", P), (0.6, "please turn", P),
                                          (2.0, f"please {SAID}", F)],
        (100 + 1200 + 1000 + 500, 4), 2800, (-300, 1), (500, 1), (3, 2, 1), (0, 5)),
    Log("case and punctuation are no words", [(0.6, "Turn", P), (0.9, "turn on,", P),
                                              (1.6, "Turn on the light.", F)],
        (100 + 100 + 600 + 100, 4), 900, (100, 1), (100, 1), (1, 1, 0), (0, 4)),
    Log("a result that was none: the last one counts",
        [(1.1, "turn on", F), (1.4, "turn on the", P), (1.9, SAID, F)],
        (600 + 300 + 400 + 400, 4), 1700, (600, 1), (400, 1), (3, 1, 0), (0, 4)),
    Log("a result that stays is final at once",
        [(1.6, SAID, S), (1.7, SAID, F), (1.8, SAID, P), (2.0, SAID, F)],
        (1100 + 800 + 600 + 100, 4), 2600, (1100, 1), (200, 1), (3, 3, 1), (0, 4)),
    Log("the same word twice", [(0.4, "no", P), (0.7, "no no", P), (1.1, "no no stop", F)],
        (100 + 100 + 100, 3), 300, (100, 1), (100, 1), (0, 0, 0), (0, 3), "no no stop",
        [["no", 0, 0.3], ["no", 0.3, 0.6], ["stop", 0.6, 1.0]]),
    Log("two words of one time", [(1.0, "turn on", P), (1.6, SAID, F)],
        (200 + 200 + 100 + 100, 4), 600, (200, 1), (100, 1), (0, 0, 0), (0, 4), SAID,
        [["turn on", 0.0, 0.8], ["The light!", 0.8, 1.5]]),
    Log("the time of one word alone is known", [(1.0, "turn on", P), (1.7, SAID, F)],
        (200, 1), 200, (0, 0), (200, 1), (0, 0, 0), (0, 4), SAID, [["light", 1.0, 1.5]]),
]


def utterance(log: Log) -> Utterance:
    return Utterance("u", text=log.text, words=tuple(Word(*word) for word in log.words))


def heard(events: list[tuple[float, str, str]]) -> Output:
    made = tuple(Event(audio, text, kind, clock=9.0) for audio, text, kind in events)  # type: ignore[arg-type]
    return Output(hypothesis=Hypothesis(made[-1].text, events=made))


def measured(log: Log) -> dict[str, Measurement]:
    return {**EmissionLatency().measure(utterance(log), heard(log.events)),
            **RevokedWords().measure(utterance(log), heard(log.events))}


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.why)
def test_a_log_is_measured_as_it_was_reckoned_by_hand(log: Log) -> None:
    late = (f"late_words_{ms}ms" for ms in (300, 500, 1000))
    n = log.emission[1]
    wanted = {"emission_latency": log.emission, "settling_latency": (log.settling, n),
              "first_word_latency": log.first, "finalisation_latency": log.final,
              **{name: (count, n) for name, count in zip(late, log.late, strict=True)},
              "revoked_words": log.revoked,
              "revoked_words_per_second": (log.revoked[0], log.events[-1][0])}
    got = measured(log)
    assert {name: (each.amount, each.weight) for name, each in got.items()} == {
        name: pytest.approx(pair, abs=1e-6) for name, pair in wanted.items()}
    facts = EmissionLatency.facts.keys() | RevokedWords.facts.keys()
    assert got.keys() == facts


def test_what_cannot_be_measured_says_why() -> None:
    log = LOGS[0]
    bare = Utterance("u", text=SAID)
    with pytest.raises(UtteranceError, match=r"NoWordTimes: .* words: \[\[word, start, end\]"):
        EmissionLatency().measure(bare, heard(log.events))
    with pytest.raises(UtteranceError, match="NoReference"):
        EmissionLatency().measure(Utterance("u"), heard(log.events))
    for metric in (EmissionLatency(), RevokedWords()):
        with pytest.raises(UtteranceError, match="NoEvents"):
            metric.measure(utterance(log), Output(hypothesis=Hypothesis(SAID)))
    assert RevokedWords().measure(bare, heard(log.events))["revoked_words"].weight == 4


def test_writing_without_spaces_is_measured_by_characters() -> None:
    log = Log("", [(1.0, "你好", P), (2.0, "你好世界", F)], (0, 0), 0, (0, 0), (0, 0), (0, 0, 0),
              (0, 0), "你好，世界", [["你好", 0.0, 0.8], ["世界", 0.9, 1.8]])
    got = measured(log)
    assert got["emission_latency"] == Measurement(pytest.approx(800), 4.0)


WORDS = st.lists(st.sampled_from("abcd"), max_size=6)


@given(shown=st.lists(WORDS, min_size=1, max_size=8))
def test_revocations_are_what_grows_and_shrinks_at_its_end(shown: list[list[str]]) -> None:
    """A stack that is popped down to the change and pushed up again, as an independent count."""
    stack: list[str] = []
    popped = 0
    for words in shown:
        while stack != words[:len(stack)]:
            stack.pop()
            popped += 1
        stack += words[len(stack):]
    events = [(float(i), " ".join(words), P) for i, words in enumerate(shown[:-1])]
    output = heard([*events, (9.0, " ".join(shown[-1]), F)])
    got = RevokedWords().measure(Utterance("u"), output)
    assert got["revoked_words"] == Measurement(popped, len(shown[-1]))


@given(shown=st.lists(WORDS, min_size=1, max_size=8), later=st.floats(0, 5))
def test_whatever_comes_later_is_later_by_that(shown: list[list[str]], later: float) -> None:
    """Emission, settling and finalisation move with the events, and revocations do not."""
    at = [(float(i), " ".join(words), P) for i, words in enumerate(shown)]
    one, other = ([(audio + by, text, P) for audio, text, _ in at] + [(9.0 + by, SAID, F)]
                  for by in (0.0, later))
    before, after = (measured(LOGS[0]._replace(events=events)) for events in (one, other))
    for name in ("emission_latency", "settling_latency", "finalisation_latency"):
        n = before[name].weight
        assert after[name].amount == pytest.approx(before[name].amount + 1000 * n * later, abs=.1)
    assert before["revoked_words"] == after["revoked_words"]
    assert before["emission_latency"].amount <= before["settling_latency"].amount
