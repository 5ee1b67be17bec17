"""What the arms of two speakers hear becomes turns, and turns a table."""

from __future__ import annotations

from benchmarks.smaller.separating import _seglst, turns_of_words
from evalkit.core.types import Hypothesis, Word


def test_words_that_are_apart_make_turns() -> None:
    words = (Word("turn", 0.0, 0.2), Word("on", 0.3, 0.5), Word("stop", 0.9, 1.2))
    assert [turn[1:] for turn in turns_of_words(Hypothesis("", words))] == [
        (0.0, 0.5, "turn on"), (0.9, 1.2, "stop")]
    assert [*turns_of_words(Hypothesis(""))] == []


def test_turns_are_segments_of_their_channel() -> None:
    assert [*_seglst({"s": [[1, 0.5, 1.0, "stop"]]})] == [{
        "session_id": "s", "speaker": "channel 1", "start_time": 0.5, "end_time": 1.0,
        "words": "stop"}]
