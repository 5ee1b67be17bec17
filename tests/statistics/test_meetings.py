"""Sessions of several speakers: every error is in one place, a planted gap is found, and pairs of
groups and sessions that depend on each other are what they are said to be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from evalkit.core.errors import ConfigError
from evalkit.metrics.meetings.counting import Rules, of_files
from evalkit.metrics.meetings.segments import Segment, Segments
from evalkit.metrics.normalisers import normaliser
from evalkit.statistics.bootstrap import Resampling
from evalkit.statistics.companies import companies
from evalkit.statistics.meeting_report import meeting_report
from evalkit.statistics.meeting_units import overlap_ranges
from evalkit.store.documents.meetings import MeetingRow, Meetings
from evalkit.store.meeting_counts import MeetingCounts

WORDS = ["turn", "on", "the", "light", "in", "kitchen", "please", "play", "some", "music", "now"]


def world(n: int = 40, *, wrong: tuple[float, float] = (0.05, 0.3), late: float = 0.2,
          seed: int = 0) -> tuple[Segments, Segments]:
    """``n`` sessions of two speakers of four turns each; of every third speaker the accent is "b",
    of whom more words are ``wrong``. Every fifth session has somebody whom nobody said."""
    rng = np.random.default_rng(seed)
    said, heard = list[Segment](), list[Segment]()
    for session in range(n):
        moment = 0.0
        for turn in range(8):
            speaker = 2 * session + turn % 2
            words = [str(each) for each in rng.choice(WORDS, rng.integers(6, 9))]
            swap = rng.random(len(words)) < wrong[speaker % 3 == 0]
            end = moment + len(words) / 3
            name = f"s{session:02}"
            said.append(Segment(name, f"p{speaker}", " ".join(words), moment, end))
            heard.append(Segment(name, "xy"[turn % 2], " ".join(
                "bad" if bad else word for word, bad in zip(words, swap, strict=True)),
                moment, end + late))
            moment = end - 0.4 * (session % 2)
        if session % 5 == 0:
            heard.append(Segment(name, "zed", "oh no", moment, moment + 1))
    return Segments(tuple(said)), Segments(tuple(heard))


def people_of(counts: MeetingCounts, **columns: Any) -> pd.DataFrame:
    rows = counts.speakers
    number = rows["speaker"].str[1:].astype(int)
    return pd.DataFrame({"utterance_id": rows["session"] + " / " + rows["speaker"],
                         "speaker_id": rows["speaker"],
                         "accent": np.where(number % 3 == 0, "b", "a"), **columns})


def report(by: tuple[str, ...] = (), *worlds: tuple[Segments, Segments], **columns: Any
           ) -> Meetings:
    pairs = worlds or (world(),)
    counts, left_out = of_files(pairs[0][0], {f"v{i}": heard for i, (_, heard) in enumerate(pairs)},
                                Rules(normaliser("basic")))
    return meeting_report("ref.stm", counts, people_of(counts[0], **columns), by=[by],
                          normaliser="basic", pause=0.0, left_out=left_out,
                          resampling=Resampling(draws=400))


def rows_of(found: Meetings, kind: str, system: str = "v0") -> dict[str, MeetingRow]:
    return {row.group: row for table in found.tables for row in table.rows
            if row.kind == kind and table.system == system}


def errors(row: MeetingRow) -> int:
    return row.substitutions + row.deletions + row.insertions


def test_every_error_is_in_one_place() -> None:
    found = report(("accent",))
    everybody, = rows_of(found, "all").values()
    groups, pairs = (rows_of(found, kind).values() for kind in ("group", "pair"))
    for rows in (groups, pairs):
        assert sum(map(errors, rows)) == errors(everybody)
        assert sum(row.words for row in rows) == everybody.words
    assert everybody.unmatched == sum(row.unmatched or 0 for row in pairs) == 16
    assert everybody.cp_wer.value == pytest.approx((errors(everybody) + 16) / everybody.words)
    assert {row.unmatched for row in groups} == {None}
    assert len(found.unmatched) == 8 and {each.heard_as for each in found.unmatched} == {"zed"}


def test_a_planted_gap_is_found_for_groups_and_for_pairs() -> None:
    found = report(("accent",))
    groups, pairs = rows_of(found, "group"), rows_of(found, "pair")
    assert [*groups] == ["b", "a"] and {*pairs} == {"a + a", "a + b"}
    for worse in (groups["b"], pairs["a + b"]):
        assert worse.gap is not None and worse.gap.low > 0 and worse.p_adjusted < 0.01
    assert groups["b"].cp_wer.low < 0.3 < groups["b"].cp_wer.high
    assert groups["a"].cp_wer.low < 0.05 < groups["a"].cp_wer.high


def test_turns_and_their_ends() -> None:
    everybody, = rows_of(report(), "all").values()
    turns = everybody.turns
    assert turns is not None and (turns.said, turns.heard, turns.missed, turns.extra) == (
        320, 328, 0, 8)
    assert turns.right.value == pytest.approx(32 / 40)
    assert [each.value for each in everybody.turn_ends] == [200, 200]


def test_a_change_is_paired_and_from_the_first_system() -> None:
    said, heard = world()
    better = world(wrong=(0.05, 0.05))[1]
    found = report(("accent",), (said, heard), (said, better))
    change = rows_of(found, "group", "v1")["b"].change
    assert change is not None and change.high < 0
    assert change.value == pytest.approx(rows_of(found, "group", "v1")["b"].cp_wer.value
                                         - rows_of(found, "group", "v0")["b"].cp_wer.value)
    assert rows_of(found, "group", "v0")["b"].change is None
    same = rows_of(report((), (said, heard), (said, heard)), "all", "v1")["all"].change
    assert same is not None and same.value == 0


def test_the_change_to_a_system_without_errors_has_an_interval() -> None:
    said, heard = world(5)
    row = rows_of(report((), (said, heard), (said, said)), "all", "v1")["all"]
    assert row.cp_wer.value == 0 and np.isnan(row.cp_wer.low)
    assert row.change is not None and row.change.low < row.change.value < row.change.high < 0


def test_overlap_groups_sessions() -> None:
    found = report(("overlap",))
    rows = rows_of(found, "overlap")
    assert next(iter(rows)) == "no overlap" and rows["no overlap"].n_sessions == 20
    assert sum(row.n_sessions for row in rows.values()) == 40
    crossed = rows_of(report(("accent", "overlap")), "pair")
    assert sum(row.n_sessions for row in crossed.values()) == 40
    assert "a + b, no overlap" in {name.replace("a, no overlap", "a").replace(
        "b, no overlap", "b, no overlap") for name in crossed}


def test_a_column_that_is_named_overlap_is_what_it_is() -> None:
    assert {*rows_of(report(("overlap",), overlap="much"), "group")} == {"much"}


def test_small_groups_and_sessions_that_are_no_pairs_are_named() -> None:
    said, heard = world(5)
    third = Segment("s00", "p98", "hello", 90.0, 91.0)
    found = report(("accent",), (Segments((*said.segments, third)), heard))
    assert rows_of(found, "group")["b"].status == "insufficient"
    assert np.isnan(rows_of(found, "group")["b"].cp_wer.low)
    lost = [str(each) for each in found.left_out]
    assert any("has not two speakers (s00)" in each for each in lost)
    assert any("fewer than 5 speakers" in each and "(b" in each for each in lost)


def test_unknown_labels_are_a_group() -> None:
    found = report(("dialect",), dialect=[None, *["x"] * 79])
    assert rows_of(found, "group")["unknown"].status == "unknown"
    assert {row.status for name, row in rows_of(found, "pair").items() if "unknown" in name} == {
        "unknown"}
    with pytest.raises(ConfigError, match=r"no column .acent. .*did you mean 'accent'"):
        report(("acent",))


def test_sessions_that_share_speakers_are_drawn_together() -> None:
    rows = pd.DataFrame([(f"s{i}", f"p{i // 3 * 3 + k}") for i in range(18) for k in range(2)],
                        columns=["session", "speaker"])
    company, notes = companies(rows)
    assert company.nunique() == 6 and not notes
    assert company["s0"] == company["s2"] != company["s3"]
    chain = pd.DataFrame([(f"s{i}", f"p{i + k}") for i in range(9) for k in range(2)],
                         columns=["session", "speaker"])
    company, notes = companies(chain)
    assert company.nunique() == 9
    assert "9 sessions share speakers and make 1 company" in notes[0]


def test_ranges_of_overlap() -> None:
    counts = MeetingCounts("v", *[pd.DataFrame()] * 2, pd.DataFrame({
        "session": [*"abcdef"], "overlap": [0.0, 0.05, 0.1004, 0.31, 0.5, np.nan]}), pd.DataFrame())
    assert overlap_ranges(counts) == {
        "a": "no overlap", "b": "0 to 10 %", "c": "0 to 10 %", "d": "30 to 40 %", "e": "over 40 %",
        "f": "unknown"}


def test_the_same_seed_gives_the_same_document() -> None:
    assert report(("accent",)).to_json() == report(("accent",)).to_json()


def test_few_sessions_have_no_interval() -> None:
    row, = rows_of(report((), world(4)), "all").values()
    assert row.cp_wer.value > 0 and np.isnan([row.cp_wer.low, row.cp_wer.high]).all()
    row, = rows_of(report((), world(5)), "all").values()
    assert row.cp_wer.low < row.cp_wer.value < row.cp_wer.high
