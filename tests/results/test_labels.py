"""Labels that come later, that are one, and that select."""

from __future__ import annotations

from pathlib import Path

import pytest

import evalkit
from evalkit.core.errors import ConfigError
from evalkit.core.types import Utterance
from evalkit.results.join import join
from evalkit.results.labels import Merge, Where, merge, only, value_of
from evalkit.store.runfolder import RunFolder
from tests.conftest import evalkit as command

PEOPLE = tuple(Utterance(f"u{i}", speaker=f"s{i % 3}" if i < 9 else None, duration=float(i),
                         metadata={"accent": ("Zulu", "isizulu", None)[i % 3], "n": i})
               for i in range(10))
SPEAKERS = "; who they are\n;ID | SEX | AGE\ns0 | F | 31\ns1 | M | 42\ns1 | M | 43\ns9 | F | 1\n"


def test_speakers_that_fit_and_those_that_do_not(tmp_path: Path) -> None:
    (tmp_path / "SPEAKERS.TXT").write_text(SPEAKERS)
    joined = join(PEOPLE, tmp_path / "SPEAKERS.TXT")
    assert joined.note.endswith("joined by its column ID to the speaker: 3 of 10 utterances found; "
                                "adds SEX, AGE")
    assert joined.utterances[0].metadata == {"accent": "Zulu", "n": 0, "SEX": "F", "AGE": 31}
    assert joined.utterances[1].metadata["SEX"] is None
    left_out = {(item.what, item.why): item.names for item in joined.left_out}
    assert left_out == {
        ("speaker", "is not in the table, and has none of its labels"): ("s2",),
        ("speaker", "has several rows that differ, of which none can be chosen"): ("s1",),
        ("speaker", "is in the table alone"): ("s9",)}


def test_utterances_are_joined_by_a_named_column(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("key,other,n,level\nu1,u2,5,loud\nu2,u1,6,soft\n")
    by_key = join(PEOPLE, tmp_path / "x.csv", "key")
    assert [u.metadata["level"] for u in by_key.utterances[1:3]] == ["loud", "soft"]
    assert by_key.utterances[1].metadata["n"] == 1
    assert {(item.what, item.names) for item in by_key.left_out} >= {("column", ("n",))}
    (tmp_path / "y.csv").write_text("id,key,text,level\n7,u1,hi,loud\n8,u2,ho,soft\n")
    assert join(PEOPLE, tmp_path / "y.csv", "key").note.endswith("; adds level")
    by_other = join(PEOPLE, tmp_path / "x.csv", "other")
    assert [u.metadata["level"] for u in by_other.utterances[1:3]] == ["soft", "loud"]
    with pytest.raises(ConfigError, match="no column of it names speakers or utterances: level is "
                                          "such as 'loud'"):
        join(PEOPLE, tmp_path / "x.csv", "level")


@pytest.mark.parametrize(("condition", "kept"), [
    ("accent=ISIZULU", {1, 4, 7}), ("accent!=zulu", {1, 2, 4, 5, 7, 8}), ("n>=8", {8, 9}),
    ("n = 3.0", {3}), ("duration<2", {0, 1}), ("speaker=s1", {1, 4, 7}), ("accent=", {2, 5, 8}),
    ("accent=Unknown", {2, 5, 8}), ("accent!=unknown", {0, 1, 3, 4, 6, 7, 9}),
    ("speaker!=s1", {0, 2, 3, 5, 6, 8, 9})])
def test_conditions_select_and_count(condition: str, kept: set[int]) -> None:
    utterances, left_out = only(PEOPLE, [Where.parsed(condition)], "x")
    assert {int(u.id[1:]) for u in utterances} == kept
    item, = left_out
    assert item.n == 10 - len(kept) and item.what == "utterance"
    assert item.why == f"--where {Where.parsed(condition)}"


@pytest.mark.parametrize("column", ["id", "speaker", "duration"])
def test_what_is_no_label_is_not_merged(column: str) -> None:
    with pytest.raises(ConfigError, match=f"--merge: no column '{column}'"):
        merge(PEOPLE, [Merge.parsed(f"{column}: {value_of(PEOPLE[0], column)}=x")], "x")


def test_labels_that_are_merged_are_counted() -> None:
    merged, left_out = merge(PEOPLE, [Merge.parsed("accent: zulu = isizulu, isiZulu=isizulu")], "x")
    assert [u.metadata["accent"] for u in merged[:3]] == ["isizulu", "isizulu", None]
    first, _ = left_out
    assert (first.what, first.n, first.names) == ("label", 4, ("zulu",))
    assert "merged into 'isizulu'" in str(first)


def test_labels_come_later_and_stay_when_scored_again(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("id,spk,ref,hyp,extra\n" + "".join(
        f"u{i},s{i % 6},a b,a {'bc'[i % 2]},1,\n"[:-2] + "\n" for i in range(12)) + "u99,s1\n")
    (tmp_path / "speakers.csv").write_text("speaker,region\ns0,north\ns1,south\ns2,north\n"
                                          "s4,south\ns5,south\n")
    evalkit.score_tables({"x": tmp_path / "x.csv"}, tmp_path / "run")
    assert command("groups", tmp_path / "run", "--by", "region").returncode == 2
    done = command("score", "run", "--join", "speakers.csv", "--merge", "region: north=South",
                   cwd=tmp_path)
    assert done.returncode == 0 and "evalkit groups run --by region" in done.stderr, done.stderr
    for _ in range(2):
        run = RunFolder(tmp_path / "run")
        labels = run.utterances().set_index("utterance_id")["region"]
        assert labels["u0"] == "South" and labels.isna().sum() == 2
        lost = {(item.what, item.names) for item in run.record().left_out}
        assert {("speaker", ("s3",)), ("label", ("north",)), ("row", ("line 14",))} <= lost
        assert "left out" in done.stderr
        evalkit.rescore(tmp_path / "run", normaliser="none")
    done = command("score", "run", "--where", "region=South", cwd=tmp_path)
    assert done.returncode == 2 and "a run's own outputs" in done.stderr


def test_a_run_that_heard_audio_takes_its_labels_from_its_manifest(tmp_path: Path) -> None:
    from evalkit.results.labels import Labels
    from evalkit.run.given_tables import relabelled

    (tmp_path / "x.csv").write_text("id,ref,hyp\nu1,a,a\n")
    run = evalkit.score_tables({"x": tmp_path / "x.csv"}, tmp_path / "run")
    text = (run.path / "run.json").read_text().replace('"command": "score"', '"command": "run"')
    (run.path / "run.json").write_text(text)
    with pytest.raises(ConfigError, match="are for runs of `evalkit score`"):
        relabelled(run, None, Labels([(tmp_path / "x.csv", None)]), print)


def test_a_label_that_is_merged_is_none_that_others_become() -> None:
    with pytest.raises(ConfigError, match="'isizulu' is both merged and merged into"):
        Merge.parsed("accent: zulu=isizulu, isizulu=zulu")
