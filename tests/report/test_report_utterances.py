"""What a page says of single utterances and words: laws."""

from __future__ import annotations

import csv
import json
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evalkit.core.alignment import Alignment, align
from evalkit.core.loops import loop
from evalkit.report.explorer import encoding, explore
from evalkit.report.explorer.choice import chosen
from evalkit.report.explorer.drivers import fewest_for_half
from evalkit.report.outlines import shorter
from evalkit.report.page import write_report
from evalkit.report.reported import ReportedRun
from evalkit.report.sections.examples import rank
from evalkit.store.runfolder import RunFolder
from tests.report.conftest import BAD, Page
from tests.worlds import FakeRun


def document(index: Path) -> dict[str, Any]:
    """What the page's script unfolds."""
    source = Page(index).source
    begin = source.index(">", source.index('<script type="application/json" id="utterances"')) + 1
    found: dict[str, Any] = json.loads(source[begin:source.index("</script>", begin)])
    return found


def test_the_page_gives_back_every_hypothesis(looked_into: tuple[FakeRun, Path]) -> None:
    run, index = looked_into
    data = document(index)
    heard = {(row["pipeline"], row["condition"], row["utterance_id"]): row["hypothesis"]
             for row in run.outputs}
    found = {}
    for cell in data["cells"]:
        places = cell["u"] or range(len(data["id"]))
        for i, (place, differs) in enumerate(zip(places, cell["d"], strict=True)):
            key = data["pipelines"][cell["p"]], data["conditions"][cell["c"]], data["id"][place]
            words = cell.get("r", {}).get(str(i), data["text"][place])
            found[key] = None if differs is None else " ".join(
                encoding.rebuilt(words.split(), differs))
    assert found == heard and data["shown"] == data["total"] == len(heard)
    assert data["reasons"] == ["Odd: went wrong"]
    assert ("on", 5) in {tuple(each) for cell in data["cells"] for each in cell["l"].values()}
    assert data["metrics"][0]["derived"] and "<" not in json.dumps(data["cells"]).replace(BAD, "")


def test_words_add_up_to_the_errors(looked_into: tuple[FakeRun, Path]) -> None:
    run, index = looked_into
    errors: Counter[tuple[str, str]] = Counter()
    for row in run.scores:
        if row["metric"] == "wer" and row["amount"] is not None:
            errors[row["pipeline"], row["condition"]] += int(row["amount"])
    tables = index.parent / "tables"
    counted: Counter[tuple[str, str]] = Counter()
    for row in read(tables / "errors-by-word.csv"):
        counted[row["Pipeline"], row["Condition"]] += sum(
            int(row[kind]) for kind in ("Substituted", "Deleted", "Inserted"))
        assert int(row["Times wrong"]) == int(row["Substituted"]) + int(row["Deleted"])
        if row["Times said"] != "0":
            assert float(row["Wrong, %"]) == pytest.approx(
                100 * int(row["Times wrong"]) / int(row["Times said"]))
    assert counted == errors
    swapped = Counter[tuple[str, str]]()
    for row in read(tables / "confused-words.csv"):
        swapped[row["Pipeline"], row["Condition"]] += int(row["Times"])
    pairs = Counter((row["pipeline"], row["condition"]) for row in run.outputs
                    for operation, _, _ in Alignment.from_json(row["alignment"] or "[]").pairs
                    if operation == "S")
    assert swapped == pairs


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a table beside a page."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_how_few_make_half(looked_into: tuple[FakeRun, Path]) -> None:
    for seed in range(40):
        numbers = np.random.default_rng(seed).integers(0, 6, 7)
        fewest = next(k for k in range(8) for part in combinations(numbers, k)
                       if 2 * sum(part) >= sum(numbers))
        assert fewest_for_half(np.sort(numbers)[::-1]) == fewest
    run, index = looked_into
    rows = {(row["Pipeline"], row["Condition"]): row
            for row in read(index.parent / "tables" / "half-of-errors.csv")}
    sums: Counter[str] = Counter()
    for row in run.scores:
        if (row["pipeline"], row["metric"]) == ("plain", "wer") and row["amount"] is not None:
            sums[row["utterance_id"]] += int(row["amount"])
    row = rows["plain", "all together"]
    half = fewest_for_half(np.array(sorted(sums.values(), reverse=True)))
    assert [row["Errors"], row["Utterances"]] == [str(sum(sums.values())), str(len(sums))]
    assert row["Utterances that make half of the errors"] == str(half)
    assert f"{half} of {len(sums)} utterances make half of all" in Page(index).text


@pytest.mark.parametrize(("hypothesis", "reference", "found"), [
    ("no no no", "no no no", None), ("no no no no", "no no no", (("no",), 4)),
    ("thank you thank you thank you", "hm", (("thank", "you"), 3)),
    ("a b c a b c a b c x x x", "a b c", (("a", "b", "c"), 3)), ("a b a b", "", None)])
def test_what_a_loop_is(hypothesis: str, reference: str, found: object) -> None:
    assert loop(hypothesis.split(), reference.split()) == found


def test_a_long_alignment_is_cut_and_counted() -> None:
    words = [f"w{i}" for i in range(500)]
    pairs = align(words, ["x"] * 5000 + words).pairs
    short = encoding.shortened(pairs)
    assert len(short) <= 2 * encoding.MOST_WORDS and list(pairs[:len(short)]) == list(short)
    pairs = align(words, words[1:]).pairs
    assert encoding.reference(encoding.shortened(pairs)) == words[:encoding.MOST_WORDS]


def test_a_page_of_very_many_has_the_worst_of_everybody(looked_into: tuple[FakeRun, Path],
                                                       tmp_path: Path) -> None:
    run = ReportedRun(RunFolder(looked_into[0].folder), tmp_path)
    fact = run.headline.facts["wer"]
    ranked = rank(run.scores[run.scores["metric"] == "wer"], fact)
    found = explore.explore(run, ranked, "wer", fact)
    kept = found.kept(budget=3500)
    assert 0 < len(kept) < found.total
    worst = found.ranked.sort_values(["errors", "badness"], ascending=False).groupby(
        ["pipeline", "condition"]).head(1)
    keys = ["pipeline", "condition", "utterance_id"]
    assert set(worst[keys].itertuples(index=False)) <= set(kept[keys].itertuples(index=False))
    whole = kept.groupby(["utterance_id", "condition"])["pipeline"].nunique()
    assert (whole == 2).all(), "every utterance comes with all pipelines"
    data = json.loads(found.document(kept, {}))
    assert [data["shown"], data["total"]] == [len(kept), found.total]
    assert {"0,-1", "0,0", "1,1"} <= data["wrong"].keys()


def test_what_a_page_holds_follows_places() -> None:
    rows = pd.DataFrame({"pipeline": "p", "condition": "c", "utterance_id": list("abcdef"),
                         "errors": [5, 4, 3, 2, 1, 0], "badness": 1.0, "bytes": 100,
                         "kind": [""] * 5 + ["failed"]})
    labels = {"accent": pd.Series(list("xxxyyy"), list("abcdef"))}
    assert list(chosen(rows, labels, 3 * 230)["utterance_id"]) == ["a", "d", "f"]
    assert len(chosen(rows, labels, 10**6)) == 6 and len(chosen(rows, {}, 0)) == 0


def test_an_earlier_version_stands_beside(looked_into: tuple[FakeRun, Path], tmp_path: Path
                                          ) -> None:
    old = FakeRun(tmp_path / "v1", tmp_path / "corpus", speakers=2)
    index = write_report(looked_into[0].folder, tmp_path / "page", earlier=[old.write()])
    data = document(index)
    assert data["pipelines"] == ["plain", "rnnoise", "plain of v1", "rnnoise of v1"]
    assert data["earlier"] == [2, 3] and data["shown"] == data["total"] == 48
    heard = {(row["pipeline"], row["condition"], row["utterance_id"]): row["hypothesis"]
             for row in old.outputs}
    cells = [cell for cell in data["cells"] if cell["p"] > 1]
    for cell in cells:
        for i, (place, differs) in enumerate(zip(cell["u"] or range(12), cell["d"], strict=True)):
            words = cell.get("r", {}).get(str(i), data["text"][place])
            key = (data["pipelines"][cell["p"] - 2], data["conditions"][cell["c"]],
                   data["id"][place])
            assert " ".join(encoding.rebuilt(words.split(), differs)) == heard[key]
    assert len(cells) == 4


def test_an_outline_is_the_same_in_fewer_characters() -> None:
    assert shorter("M 133.24 171.79 \nL 371.39 171.79 \nL 371.45 170.2 z\nL 0.04 -0.06") == (
        "M133.2 171.8l238.2 0l0-1.6zl-133.2-171.9")
    assert shorter("M 0 3 C 0.795609 3 1.55874 2.6 2.12132 2.1 z") == (
        "M0 3C0.79 3 1.55 2.6 2.12 2.1 z")
