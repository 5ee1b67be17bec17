"""cpWER and ORC-WER: on random sessions as many errors as meeteval finds, each in one place."""

from __future__ import annotations

import itertools

import meeteval
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.core.alignment import count_edits
from evalkit.metrics.meetings import streams
from evalkit.metrics.meetings.permutation import cp_errors
from evalkit.metrics.meetings.streams import TooLargeError, check_size, orc_errors

WORDS = st.lists(st.sampled_from("abcd"), max_size=7)
ROWS = st.lists(WORDS, max_size=4)


def named(rows: list[list[str]], prefix: str) -> dict[str, list[str]]:
    return {f"{prefix}{i}": row for i, row in enumerate(rows)}


def joined(rows: list[list[str]]) -> list[str]:
    return [" ".join(row) for row in rows]


@settings(max_examples=150)
@given(ROWS, ROWS)
def test_cp_errors_are_those_of_meeteval(said: list[list[str]], heard: list[list[str]]) -> None:
    found = cp_errors(named(said, "r"), named(heard, "h"))
    wanted = meeteval.wer.cp_word_error_rate(
        dict(zip(named(said, "r"), joined(said), strict=True)),
        dict(zip(named(heard, "h"), joined(heard), strict=True)))
    assert (found.errors, found.words) == (wanted.errors, wanted.length)
    assert len(found.unmatched) == wanted.falarm_speaker
    for share in found.shares:
        other = [] if share.heard_as is None else named(heard, "h")[share.heard_as]
        assert share.edits == count_edits(named(said, "r")[share.speaker], other)


@settings(max_examples=150)
@given(ROWS, st.lists(WORDS, max_size=3))
def test_orc_errors_are_those_of_meeteval(said: list[list[str]], heard: list[list[str]]) -> None:
    wanted = meeteval.wer.orc_word_error_rate(joined(said), joined(heard)).errors if heard else (
        sum(map(len, said)))
    assert orc_errors(said, heard) == wanted


@given(st.lists(WORDS, min_size=1, max_size=4), st.lists(WORDS, min_size=1, max_size=3))
def test_orc_errors_are_the_fewest_of_all_combinations(said: list[list[str]],
                                                       heard: list[list[str]]) -> None:
    def errors(places: tuple[int, ...]) -> int:
        return sum(count_edits([word for place, words in zip(places, said, strict=True)
                                if place == stream for word in words], row).errors
                   for stream, row in enumerate(heard))

    assert orc_errors(said, heard) == min(
        map(errors, itertools.product(range(len(heard)), repeat=len(said))))


def test_any_number_of_speakers_is_assigned() -> None:
    """A permutation of 60 speakers is found; nobody could try them all."""
    said = {f"r{i:02}": [f"{i}-{k}" for k in range(20)] for i in range(60)}
    heard = {f"h{59 - i:02}": words[1:] for i, words in enumerate(said.values())}
    found = cp_errors(said, {**heard, "more": ["x"] * 3})
    assert found.errors == 63 and found.unmatched == (("more", 3),)
    assert all(int(share.speaker[1:]) + int(str(share.heard_as)[1:]) == 59
               and share.edits.deletions == 1 for share in found.shares)


def test_who_is_heard_for_nobody_is_named_and_counted() -> None:
    found = cp_errors({"a": ["hi"], "b": ["turn", "on"]}, {"x": ["turn", "on"]})
    assert [(each.speaker, each.heard_as, each.edits.errors) for each in found.shares] == [
        ("a", None, 1), ("b", "x", 0)]
    assert cp_errors({}, {"x": ["hi", "there"]}).unmatched == (("x", 2),)


def test_a_session_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TooLargeError, match="takes more than 2e\\+10 steps"):
        check_size(9_000, [4_500, 4_500])
    with pytest.raises(TooLargeError, match="places"):
        check_size(1, [1_000, 1_000, 1_000])
    check_size(1_600, [800, 800])
    long: list[str] = []
    monkeypatch.setattr(streams, "LONG_STEPS", 8)
    for words in (["a"], ["a", "b"]):  # 8 and 16 steps
        orc_errors([words], [["a"], ["b"]], lambda: long.append("is said"))
    assert long == ["is said"]
    monkeypatch.setattr(streams, "MOST_STEPS", 7)
    with pytest.raises(TooLargeError, match="cut the session where nobody speaks"):
        orc_errors([["a", "b"]], [["a"], ["b"]])


def test_the_errors_do_not_depend_on_how_many_are_worked_on_at_a_time() -> None:
    said = [list("abcabdbac")[i:] for i in range(6)]
    heard = [list("abcdabcd") * 9, list("dcba") * 5, list("ab") * 3]
    wanted = orc_errors(said, heard)
    for block in (1, 7, 10_000):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(streams, "BLOCK", block)
            assert orc_errors(said, heard) == wanted
