"""Every format says the same, and shows hostile names inert."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from evalkit.compare import formats
from evalkit.compare.comparison import decide
from evalkit.compare.gates import Gate, Gates
from evalkit.core.errors import RunError
from evalkit.core.text import in_markdown
from evalkit.statistics.bootstrap import Resampling
from evalkit.store.documents.comparison import Comparison
from tests.worlds import planted

HOSTILE = ("<script>alert(1)</script>", "a|b`c*d_e[f](g)", "x\n::error::gotcha", "\x00\x1b[31m\x07",
           "]]>&amp;\"'", "@everybody 100%", "\u202eabc")


def compared(label: str = "g2", worse: float = 1.3) -> Comparison:
    base, candidate = planted(worse=(1, 1, worse))
    renamed = [block.model_copy(update={"labels": [[label]]}) if block.labels == [["g2"]] else block
               for block in base.blocks]
    gates = Gates(gates=[Gate(metric="wer", tolerance={"relative": 0.5}),
                         Gate(metric="wer", scope="every place")])
    return decide(base.model_copy(update={"blocks": renamed}), candidate, gates,
                  resampling=Resampling(draws=300))


def test_all_say_the_same() -> None:
    found = compared()
    assert found.outcome == "regression"
    tree = json.loads(found.to_json())
    assert tree["schema"] == 5 and tree["exit_code"] == 1
    failed = [check["scope"] for gate in tree["gates"] for check in gate["checks"]
              if check["status"] == "failed"]
    assert failed == ["place=g2"]
    suite = ElementTree.fromstring(formats.junit(found))[0]
    assert [case.get("name") for case in suite if case.find("failure") is not None] == [
        "place=g2, asr, given"]
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "4", "failures": "1", "errors": "0", "skipped": "2"}
    assert [row[2] for row in formats.rows(found) if row[0] == "failed"] == failed
    errors = [line for line in formats.github(found) if line.startswith("::error")]
    assert len(errors) == 1 and "place=g2" in errors[0]
    assert formats.markdown(found).startswith("### ❌ evalkit: regression: 1 of 2 gates failed")
    told = list(formats.reasons(found))
    assert told[0] == ("failed: wer place=g2, asr, given: worse by more than the tolerance, and "
                       "not by chance")
    settled = r"; could have shown \d\.\d\d points; (about \d+ more speakers|no number of speakers)"
    assert len(told) == 3 and all(re.search(settled, line) for line in told[1:])
    for text in told[1:]:
        assert sum(text in line for line in formats.github(found)) == 1
        assert in_markdown(text) in formats.markdown(found)


@pytest.mark.parametrize("stops", [False, True])
def test_an_inconclusive_gate_is_shown_in_all(stops: bool) -> None:
    gates = [Gate(metric="wer", scope=scope, on_inconclusive="fail" if stops else "pass")
             for scope in ("every place", "overall")]
    found = decide(*planted(1), Gates(gates=gates), resampling=Resampling(draws=300))
    assert (found.outcome, found.exit_code) == (("inconclusive", 1) if stops else ("pass", 0))
    assert formats.headline(found) == (
        "inconclusive: 2 of 2 gates neither passed nor failed, and may not be open" if stops else
        "pass: no gate failed, 2 of 2 inconclusive")
    suite = ElementTree.fromstring(formats.junit(found))[0]
    assert [suite.get(name) for name in ("failures", "skipped")] == (
        ["4", "0"] if stops else ["0", "4"])
    levels = Counter(line.split(" ")[0] for line in formats.github(found))
    assert levels == ({"::error": 4, "::notice": 1} if stops else {"::notice": 5})
    assert "more speakers would settle it" in formats.sentence(found, found.gates[1].checks[0])
    alone = found.model_copy(update={"counted": "utterances"})
    assert "more utterances would" in formats.sentence(alone, alone.gates[1].checks[0])
    told = list(formats.reasons(found))
    assert len(told) == 4 and told[-1].startswith("inconclusive: 1 more like the last: no change")


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_names_are_inert(label: str) -> None:
    found = compared(label)
    suite = ElementTree.fromstring(formats.junit(found))[0]
    assert len(suite) == 4 and len(suite.findall("testcase/failure")) == 1
    text = formats.markdown(found)
    page = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert page.count("<tr>") == 5 and page.count("<td>") == 4 * len(formats.COLUMNS)
    assert "<script>" not in page and "<a " not in page and "<em>" not in page
    assert "@everybody" not in text
    lines = list(formats.github(found))
    assert all(line.startswith("::") and "\n" not in line and "\r" not in line for line in lines)
    assert [line.split(" ")[0] for line in lines] == ["::error", *["::notice"] * 3]
    for row in formats.rows(found):
        assert all(cell.isprintable() for cell in row)
    json.loads(found.to_json())


def test_problems_are_in_all() -> None:
    base, candidate = planted()
    found = decide(base, candidate._replace(utterances=frozenset()),
                   resampling=Resampling(draws=50))
    assert found.exit_code == 2
    suite = ElementTree.fromstring(formats.junit(found))[0]
    assert len(suite.findall("testcase/error")) == len(found.problems) == 2
    assert sum(line.startswith("::error") for line in formats.github(found)) == 2
    assert "utterances gone" in formats.markdown(found)
    assert json.loads(found.to_json())["problems"] == found.problems


def test_what_was_written_is_read(tmp_path: Path) -> None:
    found = compared()
    found.write(tmp_path / "c.json")
    again = Comparison.read(tmp_path / "c.json")
    assert again.to_dict() == found.to_dict()
    assert [again.outcome, formats.markdown(again), formats.junit(again)] == [
        "regression", formats.markdown(found), formats.junit(found)]


def test_another_schema_is_refused_in_one_line(tmp_path: Path) -> None:
    tree = compared().to_dict() | {"schema": 1}
    (tmp_path / "c.json").write_text(json.dumps(tree))
    with pytest.raises(RunError) as caught:
        Comparison.read(tmp_path / "c.json")
    assert str(caught.value) == (f"{tmp_path / 'c.json'}: schema 1, this evalkit reads 5; make it "
                                 "again with `evalkit compare --json`")


def test_a_gated_change_is_shown_once() -> None:
    found = compared()
    assert [change.scope for change in found.changes if not change.gated] == []
    assert len(formats.rows(found)) == sum(len(result.checks) for result in found.gates) == 4


def test_the_percent_sign_of_a_command_is_escaped() -> None:
    line = next(formats.github(compared("50%,: done")))
    title = line.split("::")[1]
    assert "place=50%25,: done" in line and "," not in title.split("title=")[1]


def test_a_change_without_an_interval_leaves_no_hole_in_its_line() -> None:
    found = compared()
    check = found.gates[0].checks[0]
    nan = float("nan")
    alone = check.model_copy(update={"change": replace(check.change, low=nan, high=nan)})
    assert ", change " in formats.sentence(found, alone)
    assert " ," not in formats.sentence(found, alone) and "[" not in formats.sentence(found, alone)
    assert "], tolerated " in formats.sentence(found, check)
