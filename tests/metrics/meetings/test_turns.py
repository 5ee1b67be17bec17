"""Turns: drawn in comments, a character a second."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from evalkit.metrics.meetings.segments import Segment
from evalkit.metrics.meetings.turns import (
    SpokenTurn,
    _shared,
    endings,
    overlapped,
    turns_of,
)


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


def test_a_long_session_is_matched_piece_by_piece() -> None:
    """A hundred thousand turns a side would take 80 GB as one table."""
    said = [SpokenTurn("a", 2.0 * i, 2.0 * i + 1) for i in range(100_000)]
    heard = [SpokenTurn("z", turn.start + 0.25, turn.end + 0.25) for turn in said]
    assert {each.late for each in endings(said, heard)} == {0.25}


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 6)), min_size=1, max_size=8),
       st.lists(st.tuples(st.integers(0, 30), st.integers(1, 6)), min_size=1, max_size=8))
def test_pieces_are_as_like_as_all_together_can_be(ours: list[tuple[int, int]],
                                                   theirs: list[tuple[int, int]]) -> None:
    said, heard = ([SpokenTurn("x", float(start), float(start + length))
                    for start, length in sorted(side)] for side in (ours, theirs))
    both, either = _shared(said, heard)
    best = (both / either)[linear_sum_assignment(both / either, maximize=True)].sum()
    found = sum(_alike(each.turn, each.late, heard) for each in endings(said, heard)
                if each.late is not None)
    assert found >= best - 1e-9


def _alike(turn: SpokenTurn, late: float, heard: list[SpokenTurn]) -> float:
    """The most that a turn which ended so late can have in common with one that was said."""
    likeness = [_shared([turn], [each]) for each in heard if each.end - turn.end == late]
    return max(float(both[0, 0] / either[0, 0]) for both, either in likeness)


@pytest.mark.parametrize(("lines", "share"), [
    ({"a": "xxxx"}, 0.0), ({"a": "xxxx", "b": "    xxxx"}, 0.0),
    ({"a": "xxxx", "b": "  xxxx"}, 2 / 6), ({"a": "xxxx", "b": "xxxx", "c": "xxxx"}, 1.0),
    ({"a": "xx  xx", "b": " x  x"}, 2 / 4), ({}, 0.0)])
def test_overlap_is_a_share_of_the_time_in_which_anybody_speaks(
        lines: dict[str, str], share: float) -> None:
    assert overlapped(turns_of(drawn(**lines))) == pytest.approx(share)
