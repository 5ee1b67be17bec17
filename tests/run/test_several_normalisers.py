"""Several text normalisers in one run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalkit import api
from evalkit.core.errors import ConfigError

TEXTS = ["the colour of it", "don't stop now", "mister smith is here", "play music please"]
HEARD = ["the color of it", "do not stop now", "mr smith is here", "play music"]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    rows = [{"id": f"u{i}", "text": TEXTS[i % 4], "speaker": f"s{i % 20}",
             "accent": "ab"[i % 4 == 0]} for i in range(120)]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "h.tsv").write_text("".join(f"u{i}\t{HEARD[i % 4]}\n" for i in range(120)))
    return tmp_path


def scored(files: Path, out: str, normaliser):
    return api.score(files / "m.jsonl", {"a": files / "h.tsv"}, files / out, normaliser=normaliser)


def sums(run):
    rows = run.scores().groupby("metric")[["amount", "weight"]].sum()
    return {name: tuple(row) for name, row in rows.iterrows()}


def test_each_further_normaliser_gives_what_it_would_give_alone(files: Path) -> None:
    both = scored(files, "both", ["basic", "whisper_english"])
    basic, whisper = (sums(scored(files, name, name)) for name in ("basic", "whisper_english"))
    assert sums(both) == basic | {f"{name}@whisper_english": it for name, it in whisper.items()}
    assert basic["wer"] != whisper["wer"]
    record = both.record()
    fact = record.metrics["wer.hits@whisper_english"]
    assert fact.part_of == "wer@whisper_english" and "(whisper_english)" in fact.title
    assert record.metrics["wil@whisper_english"].derived.of == (
        "wer.hits@whisper_english", "wer.precision@whisper_english")
    assert [each.name for each in record.further_normalisers] == ["whisper_english"]
    groups, = api.groups(both.path, by=["accent"], metric="wer@whisper_english")
    assert groups.metric == "wer@whisper_english"
    page = api.report(both.path, files / "report")
    assert "Does the gap depend on the text normaliser?" in page.read_text()


def test_a_list_of_one_is_that_one_and_scores_anew_are_those_of_the_start(files: Path) -> None:
    one = scored(files, "one", ["basic"])
    document = json.loads((one.path / "run.json").read_text())
    assert document["config"]["normaliser"] == "basic" and "further_normalisers" not in document
    assert not any("renormalised" in fact for fact in document["metrics"].values())
    again = api.rescore(one.path, normaliser=("basic", "whisper_english"))
    assert again.scores().equals(scored(files, "two", ["basic", "whisper_english"]).scores())


def test_a_normaliser_named_twice_is_refused(files: Path) -> None:
    with pytest.raises(ConfigError, match="'basic' is named twice"):
        scored(files, "twice", ["basic", "basic"])


def test_a_normaliser_that_nothing_takes_is_refused(tmp_path: Path) -> None:
    """Counts of errors hold no text that it could be applied to."""
    (tmp_path / "c.csv").write_text("id,hits,sub,del,ins\nu1,3,1,0,0\n")
    counts = {"counts": {"hits": "hits", "substitutions": "sub", "deletions": "del",
                         "insertions": "ins"}}
    with pytest.raises(ConfigError, match="normaliser: no metric of the run compares texts under "
                                          "'whisper_english'"):
        api.score_tables({"a": tmp_path / "c.csv"}, tmp_path / "run", columns=counts,
                         normaliser=("basic", "whisper_english"))
    api.score_tables({"a": tmp_path / "c.csv"}, tmp_path / "run", columns=counts)
