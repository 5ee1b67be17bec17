"""`evalkit meetings` on files: what it prints, what it exports, and a line for what is wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.conftest import evalkit
from tests.statistics.test_meetings import world

PAGE = (Path(__file__).parent.parent / "docs" / "meetings.md").read_text()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty sessions: a reference in STM and in SegLST, two systems, and a table of speakers."""
    folder = tmp_path_factory.mktemp("meetings")
    said, heard = world()
    for name, side in (("ref", said), ("hyp", heard), ("new", world(wrong=(0.02, 0.1))[1])):
        rows = [{"session_id": each.session, "speaker": each.speaker, "words": each.text,
                 "start_time": each.start, "end_time": each.end} for each in side.segments]
        for row in rows if name == "ref" else []:
            row["accent"] = "b" if int(str(row["speaker"])[1:]) % 3 == 0 else "a"
        (folder / f"{name}.json").write_text(json.dumps(rows))
        (folder / f"{name}.stm").write_text("".join(
            f"{each.session} 1 {each.speaker} {each.start:.3f} {each.end:.3f} {each.text}\n"
            for each in side.segments))
    (folder / "speakers.csv").write_text("speaker,accent\n" + "".join(
        f"p{i},{'b' if i % 3 == 0 else 'a'}\n" for i in range(80)))
    return folder


def said(desk: Path, *words: str) -> str:
    result = evalkit("meetings", *words, cwd=desk)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_both_formats_and_both_ways_to_name_accents_say_the_same(desk: Path) -> None:
    stm = said(desk, "ref.stm", "hyp.stm", "--join", "speakers.csv", "--by", "accent")
    seglst = said(desk, "ref.json", "hyp.json", "--by", "accent")
    assert stm.replace("ref.stm", "ref.json") == seglst
    assert "word errors in % of hyp, by accent" in stm and "a + b" in stm
    assert "of nobody, heard by hyp: 8 speakers with 16 words, all insertions: zed of s00" in stm


def test_systems_are_set_beside_each_other(desk: Path) -> None:
    printed = said(desk, "ref.stm", "base=hyp.stm", "new=new.json", "--by", "overlap")
    assert "of base, by overlap" in printed and "of new, by overlap" in printed
    tree = json.loads(said(desk, "ref.stm", "base=hyp.stm", "new=new.json", "--json"))
    first, second = (table["rows"][0] for table in tree["tables"])
    assert tree["schema"] == 1 and first["change"] is None and second["change"]["high"] < 0


def test_what_is_exported_is_scored_as_it_was_measured(desk: Path) -> None:
    tree = json.loads(said(desk, "ref.json", "hyp.json", "--export", "in", "--json"))
    done = evalkit("score", "-m", "in/manifest.jsonl", "-y", "in/hyp.jsonl", "-o", "run",
                   "--metric", "wer", cwd=desk)
    assert done.returncode == 0, done.stderr
    summary = json.loads((desk / "run" / "summary.json").read_text())
    wer, = (each["value"] for each in summary["scores"] if each["metric"] == "wer")
    assert wer == pytest.approx(tree["tables"][0]["rows"][0]["cp_wer"]["value"], abs=1e-12)
    groups = evalkit("groups", "run", "--by", "accent", cwd=desk)
    assert groups.returncode == 0
    assert re.search(r"^b +insufficient +27 ", groups.stdout, re.MULTILINE)


@pytest.mark.parametrize(("words", "wrong"), [
    ("ref.stm", "Missing argument"), ("absent.stm hyp.stm", "absent.stm"),
    ("ref.stm speakers.csv", "csv does not say who speaks when"),
    ("ref.stm hyp.stm --by acent --join speakers.csv", "did you mean 'accent'?"),
    ("ref.stm hyp.stm --by accent", "no column 'accent' to group by"),
    ("ref.stm hyp.stm --normaliser basik", "did you mean 'basic'?"),
    ("ref.stm a=hyp.stm a=new.json", "two tables have one name"),
    ("ref.stm less.stm", "less: says nothing of 39 sessions, such as 's01'; --absent empty"),
    ("ref.stm hyp.stm --absent maybe", "'maybe'"),
    ("ref.stm manifest=hyp.stm --export in2", "would take the place of manifest.jsonl"),
    ("ref.stm ../out=hyp.stm --export in2", "'../out' cannot be the name of a system"),
    ("ref.stm hyp.stm --pause -1", "-1")])
def test_what_is_wrong_is_one_line(desk: Path, words: str, wrong: str) -> None:
    (desk / "less.stm").write_text("s00 1 a 0 1 turn on\n")
    result = evalkit("meetings", *words.split(), cwd=desk)
    assert result.returncode == 2 and wrong in result.stderr, result.stderr
    assert result.stderr.count("\n") - result.stderr.count("joined by") == 1 and not result.stdout


def test_absent_sessions(desk: Path) -> None:
    (desk / "less.stm").write_text("s00 1 a 0 1 turn on\n")
    tree = json.loads(said(desk, "ref.stm", "less.stm", "--absent", "empty", "--json"))
    assert tree["tables"][0]["rows"][0]["n_sessions"] == 40
    printed = said(desk, "ref.stm", "less.stm", "--absent", "leave_out")
    assert "less: 39 sessions left out: the system says nothing of it (s01" in printed


def test_every_option_is_on_its_page() -> None:
    shown = evalkit("meetings", "--help").stdout
    options = {*re.findall(r"--[a-z]+", shown)} - {"--help", "--seed", "--baseline"}
    assert options and not [each for each in options if each not in PAGE]
