"""Groups, worst utterances, recordings, sentences, figures and text, one by one."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.core.errors import ConfigError
from evalkit.core.ledger import LeftOut
from evalkit.core.text import count, number, printable, short
from evalkit.core.types import Fact
from evalkit.report import summary
from evalkit.report.figures import values_by_group
from evalkit.report.groups import Groups, GroupValue, compare_groups
from evalkit.report.headline import Headline, Value, matrices
from evalkit.report.recordings import Player, Recordings
from evalkit.report.reported import ReportedRun
from evalkit.report.sections import examples
from evalkit.report.sections.examples import Example, rank, worst_rows
from evalkit.report.text import in_sentence, listed, markdown, say
from evalkit.statistics.group_columns import choose_column
from evalkit.statistics.labels import labels_of
from evalkit.store.runfolder import RunFolder
from tests.worlds import TEXT, FakeRun

RATE = Fact("%", False, "", 2, title="Word error rate")


# Text

@pytest.mark.parametrize(("value", "fact", "shown"), [
    (0.07421, RATE, "7.42"), (-0.5, Fact("dB", True, "", 1), "−0.5"),
    (float("nan"), RATE, "–"), (float("inf"), RATE, "–"), (2.8, Fact("", None, "", 0), "3"),
    (0.5, Fact("", None, "", 10**9), "0.500000"), (0.5, Fact("", None, "", -3), "0")])
def test_numbers_are_shown_in_unit_and_decimals(value: float, fact: Fact, shown: str) -> None:
    assert number(value, fact) == shown


@given(st.text(st.characters(codec=None)))
def test_nothing_hidden_is_printed_and_nothing_else_is_touched(text: str) -> None:
    shown = printable(text)
    shown.encode("utf-8")
    assert len(shown) == len(text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]",
                         shown)
    assert all(a in (b, "\ufffd") for a, b in zip(shown, text, strict=True))
    assert printable("é\u200d🏽\tक्षि\n") == "é\u200d🏽\tक्षि\n"


def test_short_text_is_one_line() -> None:
    assert short("a\n b\x00", 10) == "a b\ufffd"
    assert short("abcdef", 4) == "abc…"


def test_sentences_isolate_and_escape_their_parts() -> None:
    assert say("<b>{}</b> by {}", "<i>", 3) == "<b><bdi>&lt;i&gt;</bdi></b> by <bdi>3</bdi>"
    assert [listed([say(c) for c in "abc"[:n]]) for n in range(4)] == [
        "", "a", "a and b", "a, b and c"]
    assert (count(1, "speaker"), count(1200, "speaker")) == ("1 speaker", "1,200 speakers")


def test_markdown_has_no_way_out() -> None:
    html = markdown("# T\n\n<b>x</b> [l](http://e.org) ![i](http://e.org/i.png) <http://e.org>\n\n"
                    "[r]: http://e.org\n\n|a|b|\n|-|-|\n|1|2|\n")
    assert html.startswith("<h4>T</h4>") and "<td>1</td>" in html
    assert not re.search("<(a|img|b)\\b|href|src", html)


# Tables

def headline_of(*rows: Value, **facts: Fact) -> Headline:
    return Headline(list(dict.fromkeys(r.pipeline for r in rows)),
                    list(dict.fromkeys(r.condition for r in rows)), facts, list(rows))


def test_the_best_of_a_column_is_marked_and_ties_share() -> None:
    rows = [Value("a", "c", "wer", 0.1, 4), Value("b", "c", "wer", 0.2, 4),
            Value("d", "c", "wer", 0.1, 4), Value("a", "n", "wer", 0.3, 4),
            Value("b", "n", "wer", float("nan"), 0, 4)]
    matrix, = matrices(headline_of(*rows, wer=RATE))
    cells = {row.cells["pipeline"].text: [row.cells["under c"], row.cells["under n"]]
             for row in matrix.table.rows}
    assert {name: [cell.best for cell in row] for name, row in cells.items()} == {
        "a": [True, False], "b": [False, False], "d": [True, False]}
    assert cells["b"][1].undefined == "every measurement failed"
    assert cells["d"][1].undefined == "not measured here"
    assert matrix.basis == "0 to 4 utterances"


def test_a_metric_without_a_better_side_has_no_best() -> None:
    rows = [Value("a", "c", "lag", 1.0, 4), Value("b", "c", "lag", 2.0, 4)]
    matrix, = matrices(headline_of(*rows, lag=Fact("ms", None, "")))
    assert not any(cell.best for row in matrix.table.rows for cell in row.cells.values())


def test_parts_of_a_metric_get_no_table_of_their_own(fake_run: FakeRun) -> None:
    fake_run.info["metrics"] |= {"min_dcf_p0.01": Fact("", False, "")}
    fake_run.trials.append(fake_run.trials[0] | {"metric": "min_dcf_p0.01"})
    headline = fake_run.headline()
    assert headline.main_metrics == ["wer", "pesq_wb", "eer", "min_dcf_p0.01", "rtf"]
    assert headline.judged == headline.main_metrics
    assert headline.pipelines == ["plain", "rnnoise"]
    assert headline.conditions == ["clean", "babble_5db"]  # as configured, not by the alphabet


# Groups

def test_the_column_to_group_by() -> None:
    frame = pd.DataFrame({"utterance_id": ["1", "2", "3"], "text": ["a", "b", "c"],
                          "room": ["x", "x", "x"], "gender": ["F", "M", None],
                          "accent": ["p", "q", "r"]})
    assert choose_column(frame, None) == "accent"
    assert choose_column(frame, "room") == "room"
    assert choose_column(frame.drop(columns="accent"), None) == "gender"
    assert choose_column(frame[["utterance_id", "text", "room"]], None) is None
    with pytest.raises(ConfigError, match=r"--by text.*room, gender, accent"):
        choose_column(frame, "text")


def test_a_column_that_determines_the_errors_is_grouped_by_only_where_it_is_allowed(
        tmp_path: Path) -> None:
    run = FakeRun(tmp_path / "run", tmp_path, ["plain"], ["clean"], speakers=70)
    errors = [row["amount"] for row in run.scores if row["metric"] == "wer"]
    run.utterances = run.utterances.drop(columns=["accent", "gender"]).assign(
        quality=np.where(np.array(errors) > np.median(errors), "bad", "good"),
        room=["x", "y"] * 210)
    run.write()
    asked = partial(ReportedRun, RunFolder(run.folder), tmp_path / "page")
    assert asked().column == "room"
    assert asked(by="quality", allowed=["quality"]).column == "quality"
    with pytest.raises(ConfigError, match=r"it determines wer.*--allow-outcome quality"):
        _ = asked(by="quality").column


def test_a_missing_label_is_the_group_unknown() -> None:
    frame = pd.DataFrame({"utterance_id": list("abcd"), "age": [30.0, None, 41.0, 30.0]})
    assert list(labels_of(frame["age"])) == ["30", "unknown", "41", "30"]
    frame["age"] = ["x", "", None, "y"]
    assert list(labels_of(frame["age"])) == ["x", "unknown", "unknown", "y"]


def groups_of(fake_run: FakeRun, metric: str = "wer") -> Groups:
    return compare_groups(fake_run.utterances, fake_run.table(), fake_run.headline(), "accent",
                          metric)


def test_groups_come_worst_first_and_lose_nobody(fake_run: FakeRun) -> None:
    fake_run.utterances.loc[:3, "accent"] = None
    groups = groups_of(fake_run)
    assert sorted(groups.order) == ["Caribbean", "General American", "Scottish", "unknown"]
    assert groups.order[-1] == "General American"
    assert sum(row.n for row in groups.rows if row.n) == 18 * 4
    assert groups_of(fake_run, "pesq_wb").order == groups.order  # the lowest quality first
    assert groups.speakers == {"unknown": 2, "Caribbean": 1, "Scottish": 3, "General American": 3}


# The worst

ERRORS = Fact("%", False, "", is_count=True)


def worst_of(*rows: tuple[str, str, float | None, float | None], fact: Fact = ERRORS
             ) -> pd.DataFrame:
    return worst_rows(rank(pd.DataFrame([
        {"pipeline": p, "condition": "c", "utterance_id": u, "amount": a, "weight": w}
        for p, u, a, w in rows]), fact), fact)


def test_the_worst_utterances_come_once_and_by_rate() -> None:
    worst = worst_of(
        ("p", "long", 9, 10), ("q", "long", 10, 10), ("p", "short", 1, 1), ("p", "empty", 2, 0),
        ("p", "right", 0, 5), ("p", "failed", None, None), ("p", "half", 1, 2))
    assert list(worst["utterance_id"]) == ["empty", "long", "short", "half"]
    assert list(worst["pipeline"]) == ["p", "q", "p", "p"]
    assert worst["value"].isna().tolist() == [True, False, False, False]


def test_ten_are_shown() -> None:
    worst = worst_of(*(("p", f"u{i:02}", i, 100) for i in range(30)))
    assert list(worst["utterance_id"]) == [f"u{i}" for i in range(29, 19, -1)]


def test_the_worst_are_the_lowest_where_more_is_better() -> None:
    rows = [("p", "good", 4.0, 1), ("p", "bad", -3.0, 1), ("q", "zero", 0.0, 1),
            ("q", "good", 1.5, 1), ("p", "silent", 0.0, 0)]
    worst = worst_of(*rows, fact=Fact("dB", True, ""))
    assert list(worst["utterance_id"]) == ["bad", "zero", "good"]
    assert list(worst["pipeline"]) == ["p", "q", "q"]
    assert list(worst_of(*rows, fact=Fact("ms", False, ""))["utterance_id"]) == [
        "good", "zero", "bad"]


def test_examples_carry_their_alignment(fake_run: FakeRun, tmp_path: Path) -> None:
    content = examples.build(ReportedRun(RunFolder(fake_run.write()), tmp_path))
    worst: list[Example] = content.shown.worst
    assert len(worst) == 10
    for example in worst:
        assert example.counts is not None
        errors, words = example.counts
        assert sum(operation != "=" for operation, _, _ in example.pairs) == errors
        assert " ".join(ref for _, ref, _ in example.pairs if ref) == TEXT
        assert example.output["hypothesis"] == " ".join(hyp for *_, hyp in example.pairs if hyp)
        assert example.value.text == f"{100 * errors / words:.2f}"


# Recordings

@pytest.fixture
def recordings(fake_run: FakeRun, tmp_path: Path) -> Recordings:
    run = RunFolder(fake_run.write(audio=True))
    (tmp_path / "made").mkdir()
    return Recordings(run, run.record(), tmp_path / "made")


def output(pipeline: str = "plain", **paths: str | None) -> dict[str, Any]:
    return {"pipeline": pipeline, "input_audio": None, "output_audio": None} | paths


def test_each_recording_is_copied_under_a_name_of_its_content(recordings: Recordings) -> None:
    made = recordings.run.path / "audio" / "clean" / "rnnoise" / "u000.flac"
    players = recordings.players({"audio": "u000.wav"}, output(
        "rnnoise", input_audio="audio/clean/rnnoise/u001.flac",
        output_audio="audio/clean/rnnoise/u000.flac"))
    assert [player.label for player in players] == ["Reference", "Input", "Enhanced"]
    assert all(re.fullmatch(r"audio/[0-9a-f]{20}\.(wav|flac)", p.source) for p in players)
    assert (recordings.folder / players[2].source).read_bytes() == made.read_bytes()


def test_what_was_heard_unchanged_is_shown_once(recordings: Recordings) -> None:
    player, = recordings.players({"audio": "u000.wav", "offset": 1.5, "duration": 2.0}, output())
    assert player.label == "Reference and input"
    assert player.source.endswith(".wav#t=1.500,3.500")


@pytest.mark.parametrize("name", ["gone.wav", "../run/run.json", "a\0b.wav", "x" * 5000 + ".wav"])
def test_a_recording_that_cannot_be_copied_is_said(recordings: Recordings, name: str) -> None:
    player, = recordings.players({"audio": name}, output(input_audio="audio/none.wav"))[:1]
    assert player == Player("Reference", note=f"missing: {name} cannot be read")


@pytest.mark.parametrize("name", ["../corpus/u000.wav", "run.json", "/etc/hostname", "gone.wav"])
def test_the_run_gives_only_its_own_audio(recordings: Recordings, name: str) -> None:
    _, heard = recordings.players({"audio": "u000.wav"}, output(input_audio=name))
    assert heard == Player("Input", note=f"missing: {name} cannot be read")
    assert len(list((recordings.folder / "audio").iterdir())) == 1


def test_a_link_to_something_else_is_not_followed(recordings: Recordings, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "corpus" / "link.wav").symlink_to(tmp_path / "secret.txt")
    player, = recordings.players({"audio": "link.wav"}, output())[:1]
    assert not player.source
    assert not (recordings.folder / "audio").exists()


def test_audio_that_the_run_did_not_keep_is_said(fake_run: FakeRun, tmp_path: Path) -> None:
    fake_run.info["config"]["keep_audio"] = False
    run = RunFolder(fake_run.write(audio=True))
    players = Recordings(run, run.record(), tmp_path).players({"audio": "u000.wav"},
                                                              output("rnnoise"))
    assert [player.label for player in players] == ["Reference", "Input and enhanced"]
    assert players[0].source and "keep_audio" in players[1].note


def test_without_audio_there_are_no_players(recordings: Recordings) -> None:
    assert recordings.players({"audio": None}, output()) == []


# The summary

def plain(sentence: str) -> str:
    return re.sub("<[^>]*>", "", sentence).replace("\u00a0", " ")


def test_what_was_run_is_counted(fake_run: FakeRun) -> None:
    assert plain(summary.what_was_run(fake_run.record(), fake_run.headline())) == (
        "2 pipelines were run on 18 utterances of 9 speakers from the corpus accents, in 2 "
        "conditions.")
    assert plain(summary.what_was_left_out([], [])) == "Nothing failed, and nothing was left out."
    missing = [LeftOut("row", "m.jsonl", "no id", 2), LeftOut("row", "m.jsonl", "not JSON"),
               LeftOut("hypothesis", "h.jsonl", "no such utterance", 1200)]
    assert plain(summary.what_was_left_out(missing, [])) == (
        "Missing from every number: 3 rows and 1,200 hypotheses; what, where and why.")
    others = [LeftOut("column", "discovery", "one label only", 2)]
    assert plain(summary.what_was_left_out(missing, others)) == (
        "Missing from every number: 3 rows and 1,200 hypotheses. Left out of some part: 2 columns; "
        "what, where and why.")
    assert "alarm" in summary.what_was_left_out(missing, others)
    assert "alarm" not in summary.what_was_left_out([], others)


def test_a_title_within_a_sentence() -> None:
    assert [in_sentence(title) for title in ("Word error rate", "PESQ, wideband", "x", "")] == [
        "word error rate", "PESQ, wideband", "x", ""]


def test_the_best_pipeline_is_named_for_each_condition() -> None:
    rows = [Value("a", "clean", "wer", 0.1, 4), Value("b", "clean", "wer", 0.2, 4),
            Value("a", "babble", "wer", 0.4, 4), Value("b", "babble", "wer", 0.3, 4),
            Value("a", "hum", "wer", 0.15, 4), Value("b", "hum", "wer", 0.25, 4)]
    assert plain(summary.best_pipelines(headline_of(*rows, wer=RATE))) == (
        "Word error rate is lowest with a: 10.00 % in clean and 15.00 % in hum; "
        "with b: 30.00 % in babble.")


def test_pipelines_that_failed_elsewhere_are_not_compared_in_silence() -> None:
    rows = [Value("a", "clean", "wer", 0.1, 3, 1), Value("b", "clean", "wer", 0.2, 3, 1)]
    assert plain(summary.best_pipelines(headline_of(*rows, wer=RATE))) == (
        "Word error rate is lowest with a: 10.00 % in clean; each over the utterances that it "
        "has a value of.")


def test_a_tie_is_no_victory() -> None:
    rows = [Value("a", "clean", "wer", 0.1, 4), Value("b", "clean", "wer", 0.100001, 4)]
    assert "is lowest with a and b: 10.00 % in clean." in plain(
        summary.best_pipelines(headline_of(*rows, wer=RATE)))


def test_the_highest_is_best_where_more_is_better() -> None:
    rows = [Value("a", "clean", "q", 1.0, 4), Value("b", "clean", "q", 3.0, 4)]
    assert plain(summary.best_pipelines(headline_of(*rows, q=Fact("dB", True, "", 1)))) == (
        "q is highest with b: 3.0 dB in clean.")


def group_value(group: str, value: float, condition: str = "clean", speakers: int = 5
                ) -> GroupValue:
    return GroupValue("a", condition, "wer", value, 9, 0, speakers, group=group, weight=90)


def groups_with(order: list[str], speakers: dict[str, int], rows: list[GroupValue]) -> Groups:
    return Groups("accent", "wer", RATE, order, speakers, rows)


def test_groups_of_few_speakers_are_said() -> None:
    rows = [group_value("x", 0.3), group_value("y", 0.1), group_value("z", float("nan"))]
    groups = groups_with(["x", "y", "z"], {"x": 5, "y": 40, "z": 1}, rows)
    assert "2 of 3 groups have fewer than 30 speakers" in plain(summary.few_speakers(groups))


def test_unnamed_speakers_are_said() -> None:
    groups = groups_with(["x"], {"x": 0}, [group_value("x", 0.5, speakers=0)])
    assert "The corpus names no speakers" in plain(summary.few_speakers(groups))


# Figures

def test_a_figure_follows_the_page_and_names_every_group(fake_run: FakeRun) -> None:
    groups = groups_of(fake_run)
    assert [condition for condition, _ in values_by_group(groups, ["babble_5db", "clean"])] == [
        "babble_5db", "clean"]
    figures = values_by_group(groups, fake_run.conditions)
    for i, (_, svg) in enumerate(figures, 1):
        assert all(f"{name} (3)" in svg for name in groups.order)
        assert "plain" in svg and "rnnoise" in svg
        assert not re.search(r"(fill|stroke): #(?!000000)", svg)
        assert all(name.startswith(f"figure-{i}-") for name in re.findall(r'\bid="([^"]+)"', svg))


@pytest.mark.parametrize("metric", ["wer", "pesq_wb"])
def test_marks_stand_at_the_values(fake_run: FakeRun, metric: str) -> None:
    """Positions read back from the SVG are a straight line through the values."""
    groups = groups_of(fake_run, metric)
    _, svg = values_by_group(groups, fake_run.conditions)[0]
    marks = re.findall(r'<use xlink:href="#[^"]+" x="([\d.]+)" y="[\d.]+" style="fill', svg)
    rates = sorted(row.value for row in groups.rows if row.condition == "clean")
    positions = sorted(float(x) for x in marks)
    assert len(positions) == len(rates) + 2  # and the legend's
    found = [x for x in positions if x not in {float(m) for m in marks[-2:]}]
    slope = (found[-1] - found[0]) / (rates[-1] - rates[0])
    assert [found[0] + slope * (r - rates[0]) for r in rates] == pytest.approx(found, abs=0.1)


def test_figures_of_many_groups_keep_those_with_most_speakers() -> None:
    names = [f"g{i:02}" for i in range(40)]
    groups = groups_with(names, {name: i for i, name in enumerate(names)},
                         [group_value(name, 0.1) for name in names])
    (_, svg), = values_by_group(groups, ["clean"])
    assert "g39 (39)" in svg and "g16 (16)" in svg and "g15 (15)" not in svg
