"""Sessions of both sides beside each other: which are counted, and what is in no table."""

from __future__ import annotations

import math

import pytest

from evalkit.core.errors import ConfigError
from evalkit.metrics.meetings import streams
from evalkit.metrics.meetings.counting import Rules, of_files
from evalkit.metrics.meetings.segments import Segment, Segments
from evalkit.metrics.normalisers import normaliser

BASIC = normaliser("basic")
SAID = Segments((Segment("s1", "a", "Turn on!", 0, 1), Segment("s1", "b", "the light", 1, 2),
                 Segment("s2", "a", "stop", 0, 1)))
ONE = Segments((Segment("s1", "x", "turn on the light", 0, 2.5),))


def test_a_session_that_a_system_lacks_is_an_error_unless_it_is_said_what_it_is() -> None:
    with pytest.raises(ConfigError, match="new: says nothing of 1 session, such as 's2'; --absent"):
        of_files(SAID, {"new": ONE}, Rules(BASIC))
    counts, left_out = of_files(SAID, {"new": ONE}, Rules(BASIC, absent="empty"))
    assert counts[0].speakers["deletions"].sum() == 3 and not left_out
    both, left_out = of_files(SAID, {"old": SAID, "new": ONE}, Rules(BASIC, absent="leave_out"))
    assert [[*each.sessions["session"]] for each in both] == [["s1"], ["s1"]]
    assert [str(each) for each in left_out] == [
        "new: 1 session left out: the system says nothing of it (s2)"]


def test_a_session_without_reference_is_left_out_and_named() -> None:
    more = Segments((*SAID.segments, Segment("s9", "x", "hm", 0, 1)))
    counts, left_out = of_files(SAID, {"new": more}, Rules(BASIC))
    assert [*counts[0].sessions["session"]] == ["s1", "s2"]
    assert [str(each) for each in left_out] == [
        "new: 1 session left out: the reference has none of that name (s9)"]
    with pytest.raises(ConfigError, match="no session is in the reference and in every system"):
        of_files(SAID, {"new": Segments((Segment("z", "x", "hm"),))},
                 Rules(BASIC, absent="leave_out"))


def test_a_session_that_is_too_large_for_orc_keeps_its_other_figures(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MOST_STEPS", 8)
    counts, = of_files(SAID, {"new": SAID}, Rules(BASIC))[0]
    assert math.isnan(counts.sessions["orc_errors"][0]) and counts.sessions["orc_errors"][1] == 0
    said, = map(str, counts.left_out)
    assert said.startswith("ORC-WER of new: 1 session left out: takes more than 8e+00 steps")
    assert counts.sessions["words"][0] == 4 and len(counts.endings) == 3


def test_without_times_words_are_counted_and_turns_are_not() -> None:
    bare = Segments(tuple(Segment(each.session, each.speaker, each.text)
                          for each in SAID.segments))
    counts, = of_files(bare, {"new": SAID}, Rules(BASIC))[0]
    assert counts.sessions[["overlap", "turns", "turns_heard"]].isna().all(axis=None)
    counts, = of_files(SAID, {"new": bare}, Rules(BASIC))[0]
    assert [*counts.sessions["turns"]] == [2, 1] and counts.sessions["turns_heard"].isna().all()
    assert counts.endings.empty and counts.speakers["deletions"].sum() == 0


@pytest.mark.parametrize(("options", "said"), [
    ({"pause": -1}, "pause -1"), ({"pause": math.nan}, "pause nan"),
    ({"absent": "emtpy"}, "did you mean 'empty'?")])
def test_options_that_cannot_be_used(options: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        Rules(BASIC, **options)  # type: ignore[arg-type]
    assert said in str(error.value)
