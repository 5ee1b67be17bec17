"""The first screen: what it is about, whether a gap is called real, and the figure of groups."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evalkit.core.errors import ConfigError
from evalkit.core.ledger import LeftOut
from evalkit.core.types import Fact, Interval
from evalkit.report import lead, tiles
from evalkit.report.cohort_words import in_figure, ordinal, plainly
from evalkit.report.could_show import what_could_be_shown
from evalkit.report.first_screen import badges
from evalkit.report.group_figure import NARROW, WIDE, cut, fitting, group_figure
from evalkit.report.headline import Value
from evalkit.report.reality import reality
from evalkit.report.reported import ReportedRun
from evalkit.report.selection import Selection, best, pooled, selected
from evalkit.report.selections import _by_group, selected_groups
from evalkit.report.view import Around, caption, no_view
from evalkit.statistics.contrasts import GroupContrast
from evalkit.statistics.groups import GroupReport, GroupRow, Status, group_table
from evalkit.store.runfolder import RunFolder
from tests.worlds import FakeRun

RATE = Fact("%", False, "", 1, title="Word error rate", is_count=True)


def between(value: float, low: float, high: float) -> Interval:
    return Interval(value, low, high, 0.01, 0.0, 9, "t")


def group(name: str, value: float, gap: tuple[float, float, float] = (0.0, -0.1, 0.1),
          p: float = 1.0, status: Status = "ok", speakers: int = 10) -> GroupRow:
    contrast = GroupContrast(name, "the rest", between(*gap), p, p) if status == "ok" else None
    ends = (value - 0.02, value + 0.03) if status == "ok" else (np.nan, np.nan)
    return GroupRow(name, status, 80, 0, speakers, 300.0, between(value, *ends), 1.0, contrast)


def selection(*rows: GroupRow, fact: Fact = RATE, everybody: float = 0.2, **other: Any
              ) -> Selection:
    report = GroupReport(("accent",), "wer", "a", None, "holm", list(rows), None, None, [], [])
    parts = [Value("a", name, "wer", everybody, 80) for name in ("clean", "hum")]
    return Selection("a", "the best of 2 pipelines", "wer", fact, Value(
        "a", "", "wer", everybody, 160, interval=(0.15, 0.25)), parts, report, **other)


def plain(sentence: str) -> str:
    return re.sub("<[^>]*>", "", sentence).replace("\u00a0", " ")


# Which pipeline, which numbers

def test_the_best_is_the_best_of_what_all_have_a_value_for() -> None:
    """"b" failed on the hard utterance, which makes it no better."""
    def rows(pipeline: str, *amounts: float | None) -> pd.DataFrame:
        return pd.DataFrame({"pipeline": pipeline, "condition": "c", "amount": amounts,
                             "utterance_id": ["u1", "u2"], "weight": [10.0, 10.0]})

    scores = pd.concat([rows("a", 1.0, 9.0), rows("b", 2.0, None)])
    assert best(scores, RATE, ["a", "b"]) == "a"
    assert best(scores, replace(RATE, higher_is_better=True), ["a", "b"]) == "b"
    assert best(pd.concat([rows("a", 1.0, 1.0), rows("b", 1.0, 1.0)]), RATE, ["b", "a"]) == "b"
    apart = pd.concat([rows("a", None, 1.0), rows("b", 2.0, None)])
    assert best(apart, RATE, ["a", "b"]) == "a"


def test_the_selection_is_the_sums_over_all_conditions(fake_run: FakeRun, tmp_path: Any) -> None:
    run = ReportedRun(RunFolder(fake_run.write()), tmp_path)
    chosen = selected(run)
    assert chosen is not None and chosen.report is not None
    table = fake_run.table().query("metric == 'wer'")
    sums = table.groupby("pipeline")[["amount", "weight"]].sum()
    rates = sums["amount"] / sums["weight"]
    assert chosen.pipeline == rates.idxmin() and chosen.why == "the best of 2 pipelines"
    assert chosen.everybody.value == pytest.approx(rates.min())
    low, high = chosen.everybody.interval or (1, 0)
    assert low < rates.min() < high
    assert chosen.report == group_table(
        run.scores[run.scores["metric"] == "wer"], run.utterances, ["accent"], metric="wer",
        fact=run.headline.facts["wer"], pipeline=chosen.pipeline)
    other = next(name for name in rates.index if name != chosen.pipeline)
    named = selected(replace(run, pipeline=other))
    assert named is not None and (named.pipeline, named.why) == (other, "the one that ships")
    with pytest.raises(ConfigError, match=r"--pipeline rnoise.*did you mean 'rnnoise'"):
        selected(replace(run, pipeline="rnoise"))


def test_of_one_condition_it_is_the_headline_value(tmp_path: Any) -> None:
    fake = FakeRun(tmp_path / "run", tmp_path, ["plain"], ["clean"])
    run = ReportedRun(RunFolder(fake.write()), tmp_path)
    chosen = selected(run)
    assert chosen is not None and chosen.where == "in clean" and not chosen.why
    value = run.headline.of("wer")["plain", "clean"]
    assert (chosen.everybody.value, chosen.everybody.interval) == (value.value, value.interval)
    assert pooled(run, "wer", chosen.parts).n == 18


def test_without_scores_it_is_a_metric_of_trials_and_without_any_nothing(
        fake_run: FakeRun, tmp_path: Any) -> None:
    fake_run.scores = []
    run = ReportedRun(RunFolder(fake_run.write()), tmp_path)
    chosen = selected(run)
    assert chosen is not None and (chosen.metric, chosen.where) == ("eer", "in clean")
    assert tiles.served_worst(chosen).answer == reality(chosen).answer.replace(
        "not tested", "Not known")
    grouped = replace(chosen, why="", report=selection(group("x", 0.3), group("y", 0.1)).report)
    elsewhere = replace(grouped, pipeline="another")
    assert _by_group(chosen, [elsewhere, grouped]) == replace(chosen, report=grouped.report)
    assert _by_group(chosen, [elsewhere]) == chosen


def test_where_nothing_can_be_judged_it_says_whether_all_failed(fake_run: FakeRun, tmp_path: Any
                                                                ) -> None:
    """A corpus with labels is not said to have none, nor what failed to be of no better side."""
    headline = ReportedRun(RunFolder(fake_run.write()), tmp_path).headline
    values = [replace(row, value=math.nan, n=0, n_failed=9) for row in headline.rows]
    said = replace(headline, rows=values).unjudged
    assert said == "Every measurement failed"
    assert replace(headline, rows=[]).unjudged == "No metric that has a better side has a value"
    assert headline.unjudged == "Only trials were scored"
    view = no_view(said, Around([], []))
    assert [tile.answer for tile in view.tiles] == ["Not known"] * 2
    assert [plain(part) for part in view.lead] == ["Every measurement failed."]
    assert plain(view.tiles[1].sentences[0]) == "Without a value no group can be compared."


# Is it real

CLEAR = (0.1, 0.02, 0.18)


@pytest.mark.parametrize(("rows", "answer"), [
    ([group("x", 0.3, CLEAR, 0.01), group("y", 0.1)], "yes"),
    ([group("x", 0.3, CLEAR, 0.06), group("y", 0.1)], "unclear"),
    ([group("x", 0.3, (0.1, -0.01, 0.2), 0.01), group("y", 0.1)], "unclear"),
    ([group("x", 0.21, (0.01, -0.02, 0.039), 0.6), group("y", 0.2, (-0.01, -0.039, 0.02))], "no"),
    ([group("x", 0.21, (0.01, -0.02, 0.039), 0.6), group("y", 0.2, (-0.01, -0.039, 0.05))],
     "unclear"),
    ([group("x", 0.3, CLEAR, 0.01), group("y", 0.5, status="insufficient")], "not tested"),
    ([], "not tested")])
def test_a_gap_is_real_by_test_and_interval(rows: list[GroupRow], answer: str) -> None:
    found = reality(selection(*rows))
    assert found.answer == answer
    disagree = answer == "unclear" and rows[0].gap is not None and rows[0].gap.p_adjusted < 0.05
    assert found.because.startswith("The test and the interval") == disagree


def test_what_gaps_could_have_been_shown_is_said_of_what_is_selected() -> None:
    def tested(name: str, gap: float, reach: float, more: int | None, p: float = 0.3) -> GroupRow:
        contrast = GroupContrast(name, "the rest", between(gap, 0, 0), p, p, reach, more)
        return replace(group(name, 0.3), gap=contrast)

    rows = [tested("x", 0.2, 0.031, 0, 0.01), tested("y", -0.04, 0.072, 1234),
            tested("z", 0.01, np.nan, None)]
    start = ("A gap of one group to all others would have been seen in 80 of 100 such corpora from "
             "3.1 points for the best known group and 7.2 points for the least; ")
    assert plain(what_could_be_shown(selection(*rows))) == (
        start + "2 of 3 gaps are unclear, and about 1,200 more speakers of it, and of the others "
        "in proportion, would settle the widest of these, that of accent y.")
    assert "no number of speakers within reach would settle" in plain(
        what_could_be_shown(selection(rows[0], rows[2])))
    settled = selection(rows[0], tested("y", 0.4, 0.072, 0, 0.01))
    assert plain(what_could_be_shown(settled)) == start + "every gap is settled."
    untold = selection(rows[0], tested("y", 0.4, 0.072, 0))
    assert plain(what_could_be_shown(untold)) == start + "1 of 2 gaps are unclear."
    assert what_could_be_shown(selection()) == ""


def test_of_very_many_groups_the_table_has_the_worst_and_the_best() -> None:
    rows = [group(f"g{i:02}", 0.5 - i / 100) for i in range(30)]
    few = [group(f"f{i}", 0.3, status="insufficient") for i in range(3)]
    table = selected_groups(selection(*rows, *few), RATE)
    names = [row.cells["group"].text for row in table.rows]
    assert names == [row.group for row in [*rows[:14], *rows[-6:]]]
    assert table.caption.endswith("20 of 33 groups, the worst and the best, all in the CSV file")
    assert len(selected_groups(selection(*rows[:15], *few), RATE).rows) == 18
    assert len(selected_groups(selection(*rows[:16], *few, *few), RATE).rows) == 16
    assert len(selected_groups(selection(*few * 9), RATE).rows) == 14


def test_where_more_is_better_the_worse_side_is_the_other() -> None:
    quality = Fact("MOS", True, "", 2, title="PESQ")
    worse = group("x", 2.0, (-0.5, -0.9, -0.1), 0.01)
    assert reality(selection(worse, group("y", 2.5), fact=quality)).answer == "yes"
    tile = tiles.served_worst(selection(worse, group("y", 2.5), fact=quality))
    assert "2.00 MOS, 0.50 MOS worse than all others together (0.10 to 0.90)" in plain(
        tile.sentences[0])
    small = selection(group("x", 2.0, (0.0, -0.01, 0.01)), group("y", 2.01), fact=quality)
    assert reality(small).answer == "unclear"  # a scale without a zero has no fifth


def test_a_clear_group_beside_the_worst_is_named() -> None:
    found = reality(selection(group("x", 0.4, (0.2, -0.1, 0.5), 0.3),
                              group("y", 0.3, CLEAR, 0.01), group("z", 0.1)))
    assert found.answer == "unclear"
    assert found.because.endswith("Clearly worse than the others: y.")
    assert "p = 0.30 after correction for 3 groups" in found.because


# Sentences, tiles, badges

def test_the_lead_says_how_good_whom_worst_and_whether_that_is_real() -> None:
    chosen = selection(group("x", 0.3, (0.1, -0.02, 0.2), 0.2), group("y", 0.1, speakers=12))
    assert plain(lead.how_good(chosen)) == (
        "With a, the best of 2 pipelines, word error rate is 20.0 % over both conditions.")
    assert plain(lead.served_worst(chosen, reality(chosen))) == (
        "It serves accent x worst, at 30.0 %, and whether that is more than chance is unclear "
        "with 10 to 12 speakers a group.")
    real = selection(group("x", 0.3, CLEAR, 0.01), group("y", 0.1))
    assert plain(lead.served_worst(real, reality(real), gap=True)) == (
        "It serves accent x worst, at 30.0 %: 10.0 points worse than all others together, which "
        "is more than chance.")
    alone = selection(group("x", 0.3))
    assert lead.served_worst(alone, reality(alone)) == ""


def test_what_is_missing_is_an_alarm_and_what_takes_no_part_is_counted() -> None:
    rows = [LeftOut("row", "m.jsonl", "no id", 2)]
    others = [LeftOut("column", "groups", "an outcome"), LeftOut("label", "x", "y", 3)]
    whole = tiles.lost([Value("a", "c", "wer", 0.1, 160)], [], [], others)
    assert (whole.answer, whole.tone) == ("0 failed", "good")
    assert plain(" ".join(whole.sentences)) == (
        "All 160 measurements of the metric succeeded, of all pipelines. 2 notes on what single "
        "tables and tests leave out. What and why")
    lost = tiles.lost([], rows, [LeftOut("utterance", "wer of a", "Crashed", 5)], [])
    assert (lost.answer, lost.tone) == ("7 missing", "bad")
    assert plain(lost.sentences[0]) == (
        "2 rows and 5 utterances missing from the numbers. What and why")


@pytest.mark.parametrize(("card", "synthetic"), [
    ("# C\n\nSynthetic speech.", True), ("# A synthetic corpus\n\nOf rooms.", True),
    ("# C\n\nPeople, no synthetic speech.", False), (None, False),
    ("# C\n\nPeople.\n\nWe compare it with synthetic speech.", False)])
def test_a_synthetic_corpus_has_a_badge(fake_run: FakeRun, card: str | None, synthetic: bool
                                        ) -> None:
    fake_run.info["corpus"]["card"] = card
    found = badges(fake_run.record(), selection(group("x", 0.3), group("y", 0.2, speakers=40)))
    assert ("Synthetic speech: no evidence about people" in found) == synthetic
    assert found[-1] == "Small: 10 to 40 speakers a group"
    large = [group(name, 0.3, speakers=30) for name in "xy"]
    assert len(badges(fake_run.record(), selection(*large))) == synthetic


def test_names_of_cohorts_need_no_manual() -> None:
    assert plainly("band 2 of 10 by predicted rate") == (
        "the 2nd hardest tenth of the voices by what embeddings predict")
    assert plainly("band 1 of 5: cluster 3") == "the worst of 5 groups of like voices"
    assert plainly("accent = Scottish, gender = female") == "accent Scottish, gender female"
    assert plainly("55.8 to 56.2 N, 3.6 to 2.9 W") == "region 55.8 to 56.2 N, 3.6 to 2.9 W"
    assert in_figure("band 2 of 10 by predicted rate") == "the 2nd hardest tenth"
    assert [ordinal(n) for n in (1, 2, 3, 11, 23)] == ["1st", "2nd", "3rd", "11th", "23rd"]


# The figure

@pytest.mark.parametrize("layout", [WIDE, NARROW])
def test_the_figure_shows_values_where_they_are_and_the_small_last(layout: Any) -> None:
    rows = [group("x", 0.3, CLEAR, 0.01), group("<y>", 0.1),
            group("z", 0.5, status="insufficient", speakers=2)]
    svg = group_figure(selection(*rows), layout)
    assert "&lt;y&gt;" in svg and "<y>" not in svg
    marks = re.findall(r'class="mark worst" d="M([\d.]+)|class="mark (\w+)" cx="([\d.]+)"', svg)
    places = [float(a or b) for a, _, b in marks]
    kinds = [kind for _, kind, _ in marks]
    assert kinds == ["", "group", "few"]
    assert (places[0] - places[1]) / (places[2] - places[1]) == pytest.approx(0.5, abs=0.01)
    assert svg.count('class="interval') == 2  # none of the group that is too small
    names = [svg.index(name) for name in ("x <tspan", "&lt;y&gt; <tspan", "z <tspan")]
    assert names == sorted(names)


@pytest.mark.parametrize("letter", ["L", "語"])
def test_a_name_begins_within_the_figure(letter: str) -> None:
    """At 15 units to a letter of East Asian width, and 9 to others; the number follows it."""
    wide = {"L": 9, "語": 15}
    shown = fitting(300 * letter)
    assert "…" in shown and len(shown) > 10
    assert sum(wide.get(each, 12) for each in shown) <= WIDE.left - 16 - 8 and fitting("x") == "x"


@pytest.mark.parametrize("layout", [WIDE, NARROW])
def test_an_interval_that_is_cut_has_an_arrow(layout: Any) -> None:
    beyond = replace(group("x", 0.3), value=replace(group("x", 0.3).value, low=0.2, high=0.9))
    shown = selection(beyond, group("y", 0.1))
    svg = group_figure(shown, layout)
    assert svg.count('<path class="interval worst"') == 1 and cut(shown)
    assert "An arrow: the interval goes on." in caption(shown)
    whole = selection(group("x", 0.3), group("y", 0.1))
    assert not cut(whole) and "arrow" not in caption(whole)


def test_a_figure_of_quality_need_not_begin_at_zero() -> None:
    quality = Fact("MOS", True, "", 2, title="PESQ")
    svg = group_figure(selection(group("x", 2.0), group("y", 2.1), fact=quality, everybody=2.05),
                       WIDE)
    ticks = re.findall(r'class="tick"[^>]*>([\d.]+)<', svg)
    assert float(ticks[0]) > 1.5 and float(ticks[-1]) < 2.6 and len(ticks) > 3
    assert group_figure(selection(), WIDE) == ""


def test_nobody_is_served_worst_where_all_are_alike() -> None:
    """As where nothing was recognized, or everything."""
    asked = selection(group("old", 1.0), group("young", 1.0), everybody=1.0)
    assert tiles.served_worst(asked).answer == "Nobody"
    assert plain(lead.served_worst(asked, reality(asked), gap=True)) == (
        "It serves every accent alike, at 100.0 %.")


# Two rules

def test_an_interval_that_is_clear_by_itself_is_explained_where_it_is() -> None:
    alone = selection(group("x", 0.3, (0.1, 0.02, 0.2), 0.25), group("y", 0.2), group("z", 0.1))
    said = plain(what_could_be_shown(known(alone)))
    assert said.endswith(
        "The interval of accent x lies clear of 0 and its p is not below 0.05: an interval speaks "
        "of one group by itself, p is corrected for 3 groups and the larger of two tests, by "
        "relabelling and by redrawing speakers. p decides.")
    assert reality(alone).answer == "unclear"
    assert "although its interval by itself is clear of 0: p = 0.25" in reality(alone).because


def test_nothing_is_explained_where_interval_and_test_agree() -> None:
    for rows in ((group("x", 0.3, (0.1, 0.02, 0.2), 0.01), group("y", 0.2), group("z", 0.1)),
                 (group("x", 0.3, (0.1, -0.02, 0.2), 0.25), group("y", 0.2), group("z", 0.1))):
        assert "lies clear" not in plain(what_could_be_shown(known(selection(*rows))))
        assert "by itself" not in reality(selection(*rows)).because


def known(of: Selection) -> Selection:
    """The same with what could have been shown."""
    assert of.report is not None
    return replace(of, report=replace(of.report, rows=[
        replace(row, gap=replace(row.gap, detectable=0.1)) for row in of.report.rows
        if row.gap is not None]))
