"""A mark says which of two is better only where their interval and the adjusted p both say so."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evalkit.core.types import Fact, Interval
from evalkit.report.sections.significance import pairs
from evalkit.report.version_table import _verdict
from evalkit.statistics.matched_pairs import PairedTest
from evalkit.statistics.systems import SystemComparison
from evalkit.store.manifest import write_manifest
from tests.conftest import evalkit
from tests.worlds import FakeRun

CHANCE = "may be chance"
FIRST, SECOND, AROUND = (-0.05, -0.01), (0.01, 0.05), (-0.01, 0.05)


def compared(low: float, high: float, p: float) -> SystemComparison:
    """Of a and b: their difference and Wilcoxon's p, before it is adjusted."""
    none = Interval(0.1, 0.1, 0.1, 0.1, 0.1, 9, "t")
    return SystemComparison(
        "a", "b", "m", 90, none, none, replace(none, value=(low + high) / 2, low=low, high=high),
        PairedTest(9, 5, 4, p), None, None, [], [])


def marked(run: FakeRun, better: bool | None, *found: tuple[float, float, float]) -> list[str]:
    """What the column says of every comparison, and the p-value beside it."""
    headline = run.headline()
    headline.facts["m"] = Fact("", better, "")
    table = pairs({"m": [("c", compared(*each)) for each in found]}, headline)
    for row in table.rows:
        assert (row.cells["better"].mark == "●") == (row.cells["better"].text != CHANCE)
        assert row.cells["better"].text == CHANCE or (row.cells["p"].value or 0) < 0.05
    return [row.cells["better"].text for row in table.rows]


@pytest.mark.parametrize(("better", "found", "expected"), [
    (False, [(*FIRST, 0.110)], [CHANCE]),  # as it was reported
    (False, [(*FIRST, 0.0366), (*FIRST, 0.04), (*FIRST, 0.9)], [CHANCE] * 3),  # .110 once adjusted
    (False, [(*FIRST, 0.0249), (*FIRST, 0.9)], ["a", CHANCE]),
    (False, [(*FIRST, 0.025), (*SECOND, 0.9)], [CHANCE] * 2),  # alpha itself
    (False, [(*FIRST, math.nan)], [CHANCE]), (True, [(*SECOND, math.nan)], [CHANCE]),
    (False, [(*FIRST, 0.01), (*FIRST, math.nan)], ["a", CHANCE]),
    (False, [(math.nan, math.nan, 0.001)], [CHANCE]), (False, [(0.0, 0.05, 0.001)], [CHANCE]),
    (False, [(*AROUND, 0.001)], [CHANCE]), (False, [(0.0, 0.0, 1.0)], [CHANCE]),
    (False, [(*SECOND, 0.001)], ["b"]), (True, [(*SECOND, 0.001)], ["a"]),
    (True, [(*FIRST, 0.001)], ["b"]), (None, [(*FIRST, 0.001)], [CHANCE]), (False, [], [])])
def test_a_mark_is_below_alpha(fake_run: FakeRun, better: bool | None,
                               found: list[tuple[float, float, float]], expected: list[str]
                               ) -> None:
    assert marked(fake_run, better, *found) == expected


@pytest.mark.parametrize("p", [0.11, 0.05, math.nan, 1.0])
def test_so_has_a_verdict_on_versions(p: float) -> None:
    change = replace(compared(*FIRST, p).difference, se=0.01, df=8.0)
    assert _verdict(change, p, Fact("", False, ""), 0.05).text == CHANCE
    assert _verdict(change, 0.049, Fact("", False, ""), 0.05).text == "better"


def scored(folder: Path, heard: dict[str, dict[str, bool]]) -> Path:
    """A run of 180 utterances of a speaker each; ``heard`` says who hears which, and rightly."""
    names = [f"{part}{i:02}" for part in "XYZ" for i in range(60)]
    write_manifest(folder / "m.jsonl", [
        {"id": name, "text": "turn on the light", "speaker": f"s{name}"} for name in names])
    generator = np.random.default_rng(0)
    for system, parts in heard.items():
        (folder / system).write_text("".join(
            f"{name} turn {'off' if generator.random() > (0.9, 0.3)[not parts[name[0]]] else 'on'} "
            "the light\n" for name in names if name[0] in parts))
    done = evalkit("score", "-m", "m.jsonl", *(word for name in heard for word in ("-y", name)),
                   "-o", "run", "--metric", "wer", "--max-failed", "1", cwd=folder)
    assert done.returncode == 0, done.stderr
    done = evalkit("report", "run", "-o", "page", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "page"


def of_words(page: Path) -> pd.DataFrame:
    table = pd.read_csv(page / "tables" / "pairs.csv")
    return table[table["Metric"] == "Word error rate"]


def test_three_in_a_circle_are_compared_where_both_heard(tmp_path: Path) -> None:
    """a is better than b, b than c, and c than a: each pair on the 60 utterances that it shares,
    and the others of the pair are in the ledger."""
    page = scored(tmp_path, {"a": {"X": False, "Y": True}, "b": {"Y": False, "Z": True},
                             "c": {"Z": False, "X": True}})
    table = of_words(page)
    better = {frozenset(row[:2]): row[2] for row in zip(
        table["Pipeline"], table["Against"], table["Which is better"], strict=True)}
    assert better == {frozenset("ab"): "a", frozenset("bc"): "b", frozenset("ac"): "c"}
    assert (table["p (Holm)"] < 0.05).all() and (table["Utterances (n)"] == 60).all()
    lost = pd.read_csv(page / "tables" / "left-out.csv")
    lost = lost[lost["Why"] == "no score of one of the two"]
    assert (lost["How many"] == 120).all() and len(lost) >= 3


def test_equal_systems_have_no_mark_and_one_has_no_pair(tmp_path: Path) -> None:
    right = dict.fromkeys("XYZ", True)
    scored(tmp_path, {"a": right})
    assert not (tmp_path / "page" / "tables" / "pairs.csv").exists()
    twin = tmp_path / "twin"
    twin.mkdir()
    (twin / "b").write_bytes((tmp_path / "a").read_bytes())
    for name in ("m.jsonl", "a"):
        (twin / name).write_bytes((tmp_path / name).read_bytes())
    for words in (("score", "-m", "m.jsonl", "-y", "a", "-y", "b", "--metric", "wer", "-o", "run"),
                  ("report", "run", "-o", "page")):
        assert evalkit(*words, cwd=twin).returncode == 0
    table = of_words(twin / "page")
    assert table[["Difference", "p (Holm)"]].to_numpy().tolist() == [[0, 1]]
    assert table["Which is better"].tolist() == [CHANCE]


def test_systems_that_share_no_utterance_have_no_mark(tmp_path: Path) -> None:
    table = of_words(scored(tmp_path, {"a": {"X": True}, "b": {"Y": False}}))
    assert table["Which is better"].tolist() == ["not compared"]
    assert table[["Difference", "p (Holm)"]].isna().all(axis=None)
    said = evalkit("systems", "run", cwd=tmp_path)
    assert said.returncode == 0 and "nothing to compare" in said.stdout
    assert "120 utterances left out: no score of one of the two (X00, " in said.stdout
    found, = json.loads(evalkit("systems", "run", "--json", cwd=tmp_path).stdout)
    assert found["n"] == 0
    assert found["speakers"]["p_value"] is found["difference"]["value"] is None
