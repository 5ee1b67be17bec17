"""Turns: drawn in comments, a character a second."""

from __future__ import annotations

import pytest

from evalkit.metrics.meetings.segments import Segment
from evalkit.metrics.meetings.turns import endings, overlapped, turns_of


def drawn(**speakers: str) -> list[Segment]:
    """A segment for every run of one character other than a space."""
    found = []
    for speaker, line in speakers.items():
        start = 0
        for end in range(1, len(line) + 1):
            if end == len(line) or line[end] != line[start]:
                if line[start] != " ":
                    found.append(Segment("s", speaker, "x", float(start), float(end)))
                start = end
    return found


def test_segments_with_short_pauses_between_them_are_one_turn() -> None:
    segments = drawn(a="xx yy   zz",
                     b="  xxyy")
    assert [(turn.speaker, turn.start, turn.end) for turn in turns_of(segments, 1)] == [
        ("a", 0, 5), ("b", 2, 6), ("a", 8, 10)]
    assert [turn.start for turn in turns_of(segments)] == [0, 2, 3, 8]


def test_ends_are_compared_whatever_the_names() -> None:
    said = turns_of(drawn(a="xxxxx     xxxx",
                          b="   xxxxxx"))
    heard = turns_of(drawn(left="xxxxxx    xxx",
                           right="   xxxxxxxx",
                           more="                xx"))
    assert [each.late for each in endings(said, heard)] == [1, 2, -1]


def test_a_turn_that_nobody_heard_has_no_end() -> None:
    said = turns_of(drawn(a="xx  xx"))
    assert [each.late for each in endings(said, turns_of(drawn(z="xxx")))] == [1, None]
    assert [each.late for each in endings(said, [])] == [None, None]
    assert endings([], said) == []
    silent = turns_of([Segment("s", "z", "", 1.0, 1.0)])
    assert [each.late for each in endings(silent, silent)] == [None]


def test_matching_is_of_all_turns_together() -> None:
    """The first turn is most like the second that was heard, which the second needs."""
    said = turns_of(drawn(a="xxxxxx",
                          b="   xxxxxxxxx"))
    heard = turns_of(drawn(y="x",
                           z="  xxxxxxxxxx"))
    assert [each.late for each in endings(said, heard)] == [-5, 0]


@pytest.mark.parametrize(("lines", "share"), [
    ({"a": "xxxx"}, 0.0), ({"a": "xxxx", "b": "    xxxx"}, 0.0),
    ({"a": "xxxx", "b": "  xxxx"}, 2 / 6), ({"a": "xxxx", "b": "xxxx", "c": "xxxx"}, 1.0),
    ({"a": "xx  xx", "b": " x  x"}, 2 / 4), ({}, 0.0)])
def test_overlap_is_a_share_of_the_time_in_which_anybody_speaks(
        lines: dict[str, str], share: float) -> None:
    assert overlapped(turns_of(drawn(**lines))) == pytest.approx(share)
