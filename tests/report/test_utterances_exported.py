"""A row for every utterance: the columns are those of the documentation, and the values those of
the run."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from evalkit.core.errors import ConfigError, RunError
from evalkit.exports import shards
from evalkit.exports.publication import Publication
from evalkit.exports.utterances import export_utterances, score_columns
from evalkit.store.runfolder import RunFolder
from tests.conftest import evalkit
from tests.report.conftest import BAD
from tests.worlds import FakeRun

DOCS = Path(__file__).parents[2] / "docs" / "exports.md"
KEYS = ["pipeline", "condition", "utterance_id"]


def documented() -> list[str]:
    """The columns of the table of docs/exports.md."""
    part = DOCS.read_text(encoding="utf-8").partition("## Utterances")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \|", part, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def tables(looked_into: tuple[FakeRun, Path], tmp_path_factory: pytest.TempPathFactory
           ) -> tuple[pd.DataFrame, pd.DataFrame, Path]:
    """The same table from CSV and from Parquet, and the folder."""
    folder = tmp_path_factory.mktemp("utterances")
    for suffix in ("csv", "parquet"):
        n, left_out = export_utterances(looked_into[0].folder, folder / f"u.{suffix}")
        assert n == len(looked_into[0].outputs) and left_out == []
    text = pd.read_csv(folder / "u.csv", keep_default_na=False, na_values=[""])
    return text, pq.read_table(folder / "u.parquet").to_pandas(), folder


def test_the_columns_are_those_of_the_documentation(
        tables: tuple[pd.DataFrame, pd.DataFrame, Path], looked_into: tuple[FakeRun, Path]) -> None:
    facts, wanted = looked_into[0].info["metrics"], []
    scored = dict.fromkeys(row["metric"] for row in looked_into[0].scores)
    for name in documented():
        if name == "metadata.NAME":
            wanted += ["metadata.accent", "metadata.gender"]
        elif name == "score.NAME, UNIT":
            wanted += [column for metric in scored for column in score_columns(
                metric, facts[metric])]
        elif not name.startswith("score."):
            wanted.append(name)
    assert list(tables[0].columns) == list(tables[1].columns) == wanted


def test_the_values_are_those_of_the_run(tables: tuple[pd.DataFrame, pd.DataFrame, Path],
                                         looked_into: tuple[FakeRun, Path]) -> None:
    text, table, _ = tables
    run = looked_into[0]
    rows = table.set_index(KEYS)
    for score in run.scores:
        row = rows.loc[tuple(score[key] for key in KEYS)]
        fact = run.info["metrics"][score["metric"]]
        column, amount, weight = score_columns(score["metric"], fact)
        if score["amount"] is None:
            assert pd.isna(row[amount]) and row["failed"] == "Odd: went wrong"
            continue
        assert (row[amount], row[weight]) == (score["amount"], score["weight"])
        scale = 100 if column.endswith("%") else 1
        assert row[column] == pytest.approx(scale * score["amount"] / score["weight"]) if score[
            "weight"] else pd.isna(row[column])
    kinds = table[["substitutions", "deletions", "insertions"]].sum(axis=1, skipna=False)
    known = kinds.notna()
    assert kinds[known].tolist() == table.loc[known, "score.wer, amount"].tolist()
    heard = table["hypothesis"].astype(object).where(table["hypothesis"].notna(), None)
    assert heard.tolist() == [row["hypothesis"] for row in run.outputs]
    looping = table[table["utterance_id"] == "u000"]
    assert set(looping["loop"]) == {"on"} and set(looping["loop times"]) == {5}
    assert table["words where nothing was said"].sum() == 4
    numbers = table.select_dtypes("number").columns
    pd.testing.assert_frame_equal(text[numbers].astype(float), table[numbers].astype(float),
                                  rtol=1e-9)


def test_a_spreadsheet_calculates_nothing(fake_run: FakeRun, tmp_path: Path) -> None:
    fake_run.utterances["accent"] = "=cmd|'/C calc'!A0"
    fake_run.utterances["condition"] = "hard of hearing"
    fake_run.outputs[0]["hypothesis"] = f"+1 {BAD}"
    export_utterances(fake_run.write(), tmp_path / "u.csv", ["accent", "condition"])
    with (tmp_path / "u.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["hypothesis"] == f"'+1 {BAD}" and "metadata.gender" not in rows[0]
    assert {row["metadata.accent"] for row in rows} == {"'=cmd|'/C calc'!A0"}
    assert {row["metadata.condition"] for row in rows} == {"hard of hearing"}, (
        "not that of the outputs")


def test_pieces_are_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real run, in pieces of its shards and at once; and one that is damaged."""
    lines = "".join(f'{{"id": "u{i}", "speaker": "s{i % 3}", "text": "turn on the light"}}\n'
                    for i in range(40))
    (tmp_path / "m.jsonl").write_text(lines)
    for name in "ab":
        (tmp_path / f"{name}.tsv").write_text("".join(
            f"u{i}\tturn {name * (i % 3)} the light\n" for i in range(40)))
    done = evalkit("score", "-m", "m.jsonl", "-y", "a=a.tsv", "-y", "b=b.tsv", "-o", "run",
                   cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    whole = evalkit("export", "utterances", "run", "--out", "u.csv", cwd=tmp_path)
    assert whole.stdout.splitlines()[0] == "u.csv: 80 rows", whole.stderr
    monkeypatch.setattr(shards, "PIECE", 7)
    assert len(list(shards.pieces(RunFolder(tmp_path / "run")))) > 1
    export_utterances(tmp_path / "run", tmp_path / "v.csv")
    assert (tmp_path / "u.csv").read_bytes() == (tmp_path / "v.csv").read_bytes()
    with pytest.raises(ConfigError, match=r"\.csv, \.parquet"):
        export_utterances(tmp_path / "run", tmp_path / "v.xlsx")
    (tmp_path / "run" / "outputs.parquet").write_bytes(b"PAR1")
    with pytest.raises(RunError, match="run it again"):
        export_utterances(tmp_path / "run", tmp_path / "v.csv")


def test_what_is_published_names_nobody(fake_run: FakeRun, tmp_path: Path) -> None:
    folder, out = fake_run.write(), tmp_path / "public.csv"
    few = fake_run.utterances["gender"].eq("M")
    salt = Publication(b"a secret of nobody's", floor=4)
    _, left_out = export_utterances(folder, out, ["accent"], salt)
    assert [item.n for item in left_out] == [3]  # three speakers of each accent
    _, left_out = export_utterances(folder, out, ["gender"], Publication(salt.salt, floor=3))
    text, rows = out.read_text(), pd.read_csv(out)
    assert left_out == [] and few.any()
    assert not {"audio", "reference", "hypothesis", "loop", "metadata.accent"} & set(rows.columns)
    for names in (fake_run.utterances["utterance_id"], fake_run.utterances["speaker_id"]):
        assert not any(name in text for name in names)
    assert rows["speaker_id"].nunique() == 9 and set(rows["metadata.gender"]) == {"F", "M"}
