"""What a run leaves of the one that was in its folder, and what it says of that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalkit.core.ledger import LeftOut
from evalkit.run.given import score
from evalkit.run.rescore import rescore
from evalkit.store.runfolder import RunFolder
from tests.conftest import evalkit


def scored(folder: Path, ids: range, said: list[str], names: str = "a", text: str = "turn on",
           strangers: int = 0, out: str = "run", **options: Any) -> RunFolder:
    """A run of the utterances ``ids``, which have a hypothesis each."""
    folder.mkdir(exist_ok=True)
    manifest, heard = folder / "m.jsonl", folder / "heard.tsv"
    manifest.write_text("".join(json.dumps({"id": f"u{i}", "text": text}) + "\n" for i in ids))
    heard.write_text("".join(f"u{i}\tturn\n" for i in [*ids, *range(900, 900 + strangers)]))
    said.clear()
    return score(manifest, dict.fromkeys(names, heard), folder / out, normaliser="basic",
                 metrics=["wer"], say=said.append, **options)


def notes(said: list[str]) -> list[str]:
    return [line.partition(": ")[2].partition(": ")[2] for line in said
            if "longer part" in line or "there are" in line]


GONE = "of the run that was here are no longer part of it"


@pytest.mark.parametrize(("ids", "names", "line"), [
    (range(10), "a", None), (range(12), "a", None),
    (range(8), "a", f"2 utterances {GONE} (u8, u9)"),
    (range(1, 11), "a", f"1 utterance {GONE.replace('are', 'is')} (u0)"),
    (range(1), "a", f"9 utterances {GONE} (u1, u2, u3, u4, u5, …)"),
    (range(10), "b", f"1 pipeline {GONE.replace('are', 'is')} (a)"), (range(10), "ab", None)])
def test_what_is_no_longer_there_is_said(tmp_path: Path, ids: range, names: str, line: str | None,
                                         ) -> None:
    said: list[str] = []
    scored(tmp_path, range(10), said)
    scored(tmp_path, ids, said, names)
    assert notes(said) == ([line] if line else [])


def test_what_went_is_made_again_of_what_is_kept(tmp_path: Path) -> None:
    """Nothing is lost: the longer manifest gives what it gave."""
    said: list[str] = []
    before = scored(tmp_path, range(10), said).scores()
    scored(tmp_path, range(4), said)
    assert scored(tmp_path, range(10), said).scores().equals(before) and not notes(said)


def test_where_nobody_can_say_which_the_number_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    scored(tmp_path, range(10), said)
    (tmp_path / "run" / "utterances.parquet").write_bytes(b"")
    scored(tmp_path, range(4), said)
    assert len(notes(said)) == 1 and notes(said)[0].endswith("; there are 4 now")


def test_an_overwritten_corpus_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    scored(tmp_path / "a", range(3), said, out="../run")
    scored(tmp_path / "b", range(7, 9), said, out="../run", overwrite=True)
    assert notes(said) == [f"3 utterances {GONE} (u0, u1, u2)"]


@pytest.mark.parametrize("strangers", [0, 1, 7])
def test_scoring_anew_keeps_what_took_no_part(tmp_path: Path, strangers: int) -> None:
    said: list[str] = []
    first = scored(tmp_path, range(3), said, strangers=strangers).record().left_out
    assert sum(item.n for item in first if item.what == "hypothesis") == strangers
    for _ in range(2):  # and not twice as many when it is done twice
        assert rescore(tmp_path / "run", metrics=["cer"]).record().left_out == first


def test_scoring_anew_prints_it(tmp_path: Path) -> None:
    scored(tmp_path, range(3), [], strangers=4)
    done = evalkit("score", tmp_path / "run", "--metric", "cer", "-j", "0")
    assert "4 hypotheses left out: no such utterance in the manifest (u900" in done.stderr


def test_scoring_anew_counts_repeated_rows_once(tmp_path: Path) -> None:
    scored(tmp_path, range(3), [])
    heard = tmp_path / "heard.tsv"
    heard.write_text(heard.read_text() + "u0\tturn\n")
    first = score(tmp_path / "m.jsonl", {"a": heard}, tmp_path / "run", normaliser="basic",
                  metrics=["wer"])
    assert [(item.what, item.n) for item in first.record().left_out] == [("hypothesis", 1)]
    assert rescore(tmp_path / "run").record().left_out == first.record().left_out


@pytest.mark.parametrize("text", ["", " ", "...", "¿?"])
def test_a_rate_of_nothing_is_said(tmp_path: Path, text: str) -> None:
    record = scored(tmp_path, range(3), [], text=text).record()
    assert LeftOut("metric", "a given", "every reference that was measured is empty once it is "
                   "normalised; there is nothing to divide by", names=("wer",)) in record.left_out


def test_a_rate_of_something_is_none_of_it(tmp_path: Path) -> None:
    """Though one reference is empty."""
    scored(tmp_path, range(3), [])
    manifest = tmp_path / "m.jsonl"
    manifest.write_text(manifest.read_text().replace("turn on", "", 1))
    folder = score(manifest, {"a": tmp_path / "heard.tsv"}, tmp_path / "run", normaliser="basic",
                   metrics=["wer"])
    assert not folder.record().left_out
