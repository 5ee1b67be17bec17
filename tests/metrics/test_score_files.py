"""Speaker verification from files of scores alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import evalkit
from evalkit.core.errors import ConfigError, ManifestError
from evalkit.core.trials import TrialsConfig
from evalkit.metrics.score_files import read_score_file
from evalkit.run.verification import choose_pairs
from evalkit.store.trials import equal_error_rate, error_rates, min_dcf
from tests.conftest import evalkit as command

RNG = np.random.default_rng(0)
IDS = [f"id{speaker:02}/a{take}" for speaker in range(10) for take in range(3)]
PAIRS = [(a, b, a[:4] == b[:4]) for i, a in enumerate(IDS) for b in IDS[i + 1:]]
SCORES = [round(float(RNG.normal(.6 if same else .1, .25)), 5) for _, _, same in PAIRS]
TABLE = pd.DataFrame(PAIRS, columns=["enroll", "test", "same"]).assign(
    score=SCORES, name=lambda t: t["same"].map({True: "target", False: "nontarget"}),
    digit=lambda t: t["same"].astype(int))
LAYOUTS = {"wespeaker": ["enroll", "test", "score", "name"], "Kaldi": ["enroll", "test", "score"],
           "SpeechBrain": ["enroll", "test", "digit", "score"],
           "enrol test label score": ["enroll", "test", "name", "score"],
           "enrol test score label": ["enroll", "test", "score", "digit"],
           "VoxCeleb list with scores": ["digit", "enroll", "test", "score"],
           "VoxSRC": ["score", "enroll", "test"]}


def written(path: Path, columns: list[str], table: pd.DataFrame = TABLE) -> Path:
    table[columns].to_csv(path, sep=" ", header=False, index=False)
    return path


@pytest.mark.parametrize("form", LAYOUTS)
def test_every_form_is_read_for_what_it_is(tmp_path: Path, form: str) -> None:
    read = read_score_file(written(tmp_path / "s.txt", LAYOUTS[form]))
    assert read.form == form and not read.left_out
    assert read.table["enroll_id"].tolist() == TABLE["enroll"].tolist()
    assert read.table["test_id"].tolist() == TABLE["test"].tolist()
    assert read.table["score"].tolist() == SCORES
    assert read.has_labels == (form not in ("Kaldi", "VoxSRC"))
    if read.has_labels:
        assert read.table["label"].tolist() == TABLE["same"].tolist()


@pytest.mark.parametrize(("content", "said"), [
    ("", "no scores"), ("a b\n", ":1: expected"), ("a b c d e\n", ":1: expected"),
    ("a b .1\n\na b\n", ":3: is no score in the Kaldi form"), ("a b c\n", ":1: expected"),
    ("a b .1 target\na b .1 impostor\n", ":2: is no score"), ("a b \ufffd\n", ":1: expected")])
def test_what_is_no_file_of_scores_is_refused(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "s.txt").write_text(content)
    with pytest.raises(ManifestError, match=said):
        read_score_file(tmp_path / "s.txt")


def test_a_malformed_line_is_left_out_and_counted(tmp_path: Path) -> None:
    path = written(tmp_path / "s.txt", LAYOUTS["wespeaker"])
    path.write_text("enrol test score label\n" + path.read_text() + "a b .1 impostor\na b\n")
    read = read_score_file(path)
    assert (read.form, len(read.table), read.table.index[0]) == ("wespeaker", len(TABLE), 2)
    lost, = read.left_out
    n = len(TABLE)
    assert (lost.what, lost.n, lost.names) == (
        "row", 3, ("line 1", f"line {n + 2}", f"line {n + 3}"))
    run = evalkit.score_trials([("a", path)], tmp_path / "run", speaker_pattern="[^/]+")
    assert lost in run.record().left_out and run.record().trials.targets == TABLE["same"].sum()


def test_a_pair_with_both_labels_is_left_out_whatever_its_order(tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_text("a b .9 target\na b .8 nontarget\nc d .7 target\n"
                                    "d c .6 nontarget\na c .5 target\na c .4 target\n")
    read = read_score_file(tmp_path / "s.txt")
    assert read.table[["enroll_id", "test_id", "score"]].to_numpy().tolist() == [["a", "c", .5]]
    assert [(item.n, item.names) for item in read.left_out] == [
        (4, ("a and b", "a and b", "c and d", "d and c")), (1, ("a and c",))]


@pytest.mark.parametrize(("labels", "speakers"), [
    ("in the scores", "pattern"), ("in a list", "manifest"), ("in a run's list", "corpus")])
def test_a_label_that_the_speakers_contradict_is_left_out_with_its_line(
        tmp_path: Path, labels: str, speakers: str) -> None:
    table = TABLE.assign(name=TABLE["name"].where(TABLE.index != 4, "target"))
    table = table.assign(name=table["name"].where(table.index != 1, "nontarget"))
    assert not TABLE["same"][4] and TABLE["same"][1]
    columns = LAYOUTS["wespeaker" if labels == "in the scores" else "Kaldi"]
    written(tmp_path / "sv.txt", columns, table)
    trials = written(tmp_path / "trials.txt", ["enroll", "test", "name"], table)
    manifest = tmp_path / "m.jsonl"
    manifest.write_text("".join(f'{{"id": "{i}", "speaker": "{i[:4]}"}}\n' for i in IDS))
    if labels == "in a run's list":
        people = pd.DataFrame({"utterance_id": IDS, "speaker_id": [i[:4] for i in IDS]})
        pairs = choose_pairs(people, TrialsConfig(list=trials), 0)
        table, left_out = pairs.table, pairs.left_out
        assert (pairs.describe().targets, pairs.describe().nontargets) == (29, 404)
    else:
        who = {"speaker_pattern": "[^/]+"} if speakers == "pattern" else {"manifest": manifest}
        run = evalkit.score_trials([("a", tmp_path / "sv.txt")], tmp_path / "run", **who,
                                   trials=None if labels == "in the scores" else trials)
        table, left_out = run.trials(), run.record().left_out
        right = TABLE.drop([1, 4])
        value = equal_error_rate(right["score"].to_numpy(), right["same"].to_numpy())
        eer, = (row for row in run.summary().trials if row.metric == "eer")
        assert eer.value == pytest.approx(value.value) and eer.n == len(right)
    assert len(table) == len(PAIRS) - 2
    found = {item.why: item for item in left_out}
    where = "sv.txt" if labels == "in the scores" else "trials.txt"
    for why, line in (("is labelled target, and its two sides are two speakers", 5),
                      ("is labelled nontarget, and its two sides are one speaker", 2)):
        one, other, _ = PAIRS[line - 1]
        assert (found[why].where, found[why].n) == (where, 1)
        assert found[why].names == (f"line {line}: {one} and {other}",)


def test_labels_that_are_all_contradicted_are_refused_and_unknown_speakers_contradict_nothing(
        tmp_path: Path) -> None:
    digits = TABLE.assign(digit=1 - TABLE["digit"])
    written(tmp_path / "s.txt", LAYOUTS["SpeechBrain"], digits)
    done = command("trials", "s.txt", "-o", "run", "--speaker-pattern", "[^/]+", cwd=tmp_path)
    assert done.returncode == 2 and done.stderr.count("error: ") == 1
    assert "s.txt:1: this label, and every other, contradicts the speakers" in done.stderr
    done = command("trials", "s.txt", "-o", "other", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "left out" not in done.stderr


@pytest.mark.parametrize("people", [(), ("--speaker-pattern", "[^/]+")])
def test_labels_of_two_files_that_contradict_each_other_are_left_out_of_both(
        tmp_path: Path, people: tuple[str, ...]) -> None:
    """In the other order too, and where a third file says what the first says."""
    flipped = {1, 4}
    other = TABLE.assign(name=[{"target": "nontarget", "nontarget": "target"}[name]
                               if i in flipped else name for i, name in enumerate(TABLE["name"])])
    other.loc[4, ["enroll", "test"]] = other.loc[4, ["test", "enroll"]].to_numpy()
    written(tmp_path / "a.txt", LAYOUTS["wespeaker"])
    written(tmp_path / "b.txt", LAYOUTS["wespeaker"], other)
    written(tmp_path / "c.txt", LAYOUTS["SpeechBrain"])
    done = command("trials", "a.txt", "b.txt", "c.txt", "-o", "run", *people, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = evalkit.read_run(tmp_path / "run")
    eer = {row.pipeline: row for row in run.summary().trials if row.metric == "eer"}
    right = TABLE.drop([*flipped])
    value = equal_error_rate(right["score"].to_numpy(), right["same"].to_numpy()).value
    assert {name: (row.n, row.n_failed) for name, row in eer.items()} == dict.fromkeys(
        "abc", (len(right), 0))
    assert [row.value for row in eer.values()] == pytest.approx([value] * 3)
    whys = ("is labelled target, and its two sides are two speakers",
            "is labelled nontarget, and its two sides are one speaker") if people else (
            "is target here and nontarget in a.txt", "is nontarget here and target in a.txt")
    found = {item.why: item for item in run.record().left_out if item.where == "b.txt"}
    assert [found[why].names for why in whys] == [
        (f"line 5: {PAIRS[4][1]} and {PAIRS[4][0]}",), (f"line 2: {IDS[0]} and {IDS[2]}",)]


def test_files_that_contradict_each_other_in_all_are_refused(tmp_path: Path) -> None:
    written(tmp_path / "a.txt", LAYOUTS["SpeechBrain"])
    written(tmp_path / "b.txt", LAYOUTS["SpeechBrain"], TABLE.assign(digit=1 - TABLE["digit"]))
    done = command("trials", "a.txt", "b.txt", "-o", "run", cwd=tmp_path)
    assert done.returncode == 2 and done.stderr.count("error: ") == 1
    assert "b.txt:1: this label, and every other, is not that of a.txt; correct" in done.stderr


def test_trials_that_say_nothing_are_no_result(tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_text("a/1 a/2 .9 target\nb/1 b/2 .8 target\n")
    done = command("trials", "s.txt", "-o", "run", cwd=tmp_path)
    assert done.returncode == 2
    assert "its trials are all of one speaker or all of two" in done.stderr
    done = command("trials", "s.txt", "-o", "run", "--speaker-pattern", "z+", cwd=tmp_path)
    assert done.returncode == 2 and "--speaker-pattern 'z+': begins no id, such as" in done.stderr


def test_rates_and_a_threshold_of_other_data(tmp_path: Path) -> None:
    """Through the command line; against the rates of the numbers themselves."""
    written(tmp_path / "sv.txt", LAYOUTS["wespeaker"])
    (tmp_path / "people.csv").write_text("speaker,sex\n" + "".join(
        f"id{i:02},{'mf'[i % 2]}\n" for i in range(10)))
    done = command("trials", "sv.txt", "--speaker-pattern", "[^/]+", "--join", "people.csv",
                   "--canonical", "gender", "-o", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = evalkit.read_run(tmp_path / "run")
    scores, same = TABLE["score"].to_numpy(), TABLE["same"].to_numpy()
    values = {row.metric: row for row in run.summary().trials}
    assert values["eer"].value == pytest.approx(equal_error_rate(scores, same).value)
    assert values["min_dcf_p0.01"].value == pytest.approx(min_dcf(scores, same, .01))
    assert values["eer"].n == len(PAIRS) and values["eer"].n_failed == 0
    record = run.record()
    assert record.trials is not None and record.trials.rule == "those of sv.txt (wespeaker form)"
    assert record.pipelines["sv"].encoder is not None
    assert "SHA-256" in record.pipelines["sv"].encoder.identity
    done = command("groups", "run", "--by", "sex", "--threshold", "0.4", cwd=tmp_path)
    assert "at the threshold 0.4000 for everybody" in done.stdout, done.stderr
    report, = evalkit.verification(run.path, "sex", threshold=.4)
    female = TABLE["enroll"].str[3].isin(list("13579")) & TABLE["test"].str[3].isin(list("13579"))
    miss, accepted = error_rates(scores[female], same[female], .4)
    row, = (row for row in report.rows if row.group == "female")
    assert (row.rates["miss"].value, row.rates["false_alarm"].value) == pytest.approx(
        (miss, accepted))
    refused = command("groups", "run", "--by", "sex", "--threshold", "nan", cwd=tmp_path)
    assert refused.returncode == 2 and "is no score" in refused.stderr


def test_several_systems_a_list_and_what_is_missing(tmp_path: Path) -> None:
    trials = written(tmp_path / "trials.txt", ["digit", "enroll", "test"])
    written(tmp_path / "a.txt", LAYOUTS["Kaldi"])
    part = TABLE[5:].assign(score=TABLE["score"].where(TABLE.index != 7, np.inf))
    written(tmp_path / "b.txt", LAYOUTS["SpeechBrain"], part)
    with (tmp_path / "b.txt").open("a") as file:
        file.write(f"{PAIRS[9][0]} {PAIRS[9][1]} 0 0.9\nid99/x id98/y 0 0.1\n")
    files = [("a", tmp_path / "a.txt"), (None, tmp_path / "b.txt")]
    run = evalkit.score_trials(files, tmp_path / "ab", trials=trials, speaker_pattern="[^/]+")
    eer = {row.pipeline: row for row in run.summary().trials if row.metric == "eer"}
    assert (eer["a"].n, eer["a"].n_failed) == (len(PAIRS), 0)
    assert (eer["b"].n, eer["b"].n_failed) == (len(PAIRS) - 6, 6)
    assert {f.kind: f.n for f in run.summary().failures if f.pipeline == "b"} == {"NoScore": 6}
    assert "a score is missing or not finite" in str(run.summary().failures)
    lost = {(item.what, item.n): item.names for item in run.record().left_out}
    assert lost["trial", 1] and ("id99/x and id98/y",) in lost.values()
    other = evalkit.score_trials([("a", tmp_path / "b.txt")], tmp_path / "other",
                                 speaker_pattern="[^/]+")
    manifest = tmp_path / "m.jsonl"
    manifest.write_text("".join(f'{{"id": "{i}", "speaker": "{i[:4]}", "sex": "{i[3]}"}}\n'
                                for i in IDS[:-1]))
    known = evalkit.score_trials(files, tmp_path / "m", trials=trials, manifest=manifest)
    assert ("utterance", (IDS[-1],)) in {
        (item.what, item.names) for item in known.record().left_out}
    report, = evalkit.verification(known.path, "sex", pipeline="a", threshold=other.path)
    threshold, = (row.threshold for row in other.summary().trials if row.metric == "eer")
    assert report.threshold == threshold
    with pytest.raises(ConfigError, match="has no threshold of 'b'"):
        evalkit.verification(known.path, "sex", pipeline="b", threshold=other.path)
    with pytest.raises(ManifestError, match="without labels; give the list of trials"):
        evalkit.score_trials(files[:1], tmp_path / "x")
    with pytest.raises(ConfigError, match="one name"):
        evalkit.score_trials([files[0], ("a", tmp_path / "b.txt")], tmp_path / "x")


def test_scores_that_are_not_finite_are_named(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text(
        "a b 0.9 target\na c inf nontarget\nb d 1e400 target\nb e 0.1 nontarget\n")
    result = command("trials", "x.txt", "-o", "run", "--max-failed", "1", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "note: x.txt: 2 scores are not finite, so that a trial fails: a and c, b and d\n" in (
        result.stderr)
    assert "2 of 4 failed: x given eer: NoScore: an embedding or a score is missing or not" in (
        result.stdout)
