"""Tables of results, from the file to scores, groups and page."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import evalkit
from evalkit.cli.named import tables_of
from evalkit.core.errors import ConfigError, ManifestError
from evalkit.results.columns import Columns, choose
from evalkit.results.delimited import LONGEST_ROW, read_delimited
from evalkit.results.unfold import Results, unfold
from evalkit.results.unscored import unscored
from evalkit.statistics.speaker_labels import speaker_labels
from evalkit.store.runfolder import RunFolder
from tests.conftest import evalkit as command

ROWS = [{"idx": f"u{i}", "reference": "turn on the light", "speaker": f"s{i % 6}",
         "accent": ("north", "south")[i % 2], "age": 20 + i,
         "a": "turn on the light" if i % 3 else "turn off a light",
         "b": "turn on light" if i % 4 else "turn on the the light"} for i in range(24)]


def write_csv(path: Path, rows: Sequence[dict[str, Any]], delimiter: str = ",") -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def long_rows() -> list[dict[str, Any]]:
    kept = ("idx", "reference", "speaker", "accent", "age")
    return [{**{key: row[key] for key in kept}, "model": f"org/{name}", "prediction": row[name]}
            for name in ("a", "b") for row in ROWS]


def read(path: Path, **columns: Any) -> Results:
    return unfold({path.stem: path}, Columns(**columns))


def wers(run: Path | RunFolder) -> dict[str, float]:
    folder = run if isinstance(run, RunFolder) else RunFolder(run)
    return {row.pipeline: row.value for row in folder.summary().scores if row.metric == "wer"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of a wide table of two systems."""
    folder = tmp_path_factory.mktemp("wide")
    write_csv(folder / "wide.csv", ROWS)
    done = command("score", "wide.csv", "--hyp", "a", "--hyp", "new=b", "-o", "run", "--workers",
                   "0", "--report", "page", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith("/page/index.html")
    assert "a/new" not in done.stderr and "next:" in done.stderr
    for line in ("evalkit groups run --by age --by accent", "evalkit cohorts run",
                 "evalkit systems run"):
        assert f"  {line}" in done.stderr
    assert ("wide.csv: 24 rows; id: idx, reference: reference, hypothesis of a: a, hypothesis of "
            "new: b, speaker: speaker, metadata: accent, age") in done.stderr
    return folder / "run"


def test_a_wide_table_is_scored_grouped_and_reported_in_one_command(run: Path) -> None:
    assert wers(run) == {"a": pytest.approx(8 * 2 / 96), "new": pytest.approx((18 + 6) / 96)}
    grouped, = json.loads(command("groups", run, "--by", "accent", "--pipeline", "a", "--json"
                                  ).stdout)
    assert {row["group"]: row["n"] for row in grouped["rows"]} == {"north": 12, "south": 12}
    page = (run.parent / "page" / "index.html").read_text()
    assert "accent" in page and "north" in page


def test_a_run_of_a_table_is_scored_anew_without_the_table(run: Path, tmp_path: Path) -> None:
    write_csv(tmp_path / "wide.csv", ROWS)
    first = evalkit.score_tables({"x": tmp_path / "wide.csv"}, tmp_path / "run",
                                 columns={"hypotheses": {"a": "a"}})
    (tmp_path / "wide.csv").unlink()
    assert wers(evalkit.rescore(first.path, costs="sclite")) == {"a": pytest.approx(16 / 96)}


@pytest.mark.parametrize("form", ["csv", "semicolon", "tsv", "jsonl", "parquet"])
def test_every_form_of_a_long_table_says_the_same(tmp_path: Path, form: str) -> None:
    path, rows = tmp_path / f"long.{form}", long_rows()
    if form == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif form == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        write_csv(path, rows, {"tsv": "\t", "semicolon": ";"}.get(form, ","))
    found = read(path)
    assert list(found.hypotheses) == ["org-a", "org-b"] and not found.left_out
    assert [u.id for u in found.utterances] == [row["idx"] for row in ROWS]
    assert found.utterances[7].metadata == {"accent": "south", "age": 27}
    assert found.hypotheses["org-b"] == {row["idx"]: row["b"] for row in ROWS}
    assert "note: the system 'org/a' is called org-a" in found.notes


@pytest.mark.parametrize(("place", "why"), [
    ("full", "full: holds 'mine', which no report does"), ("full/mine", "mine: is a file"),
    ("full/mine/x/y", "mine: Not a directory); give a place")])
def test_a_page_that_could_not_be_written_is_refused_before_the_work(tmp_path: Path, place: str,
                                                                      why: str) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    write_csv(tmp_path / "wide.csv", ROWS)
    done = command("score", "wide.csv", "--hyp", "a", "-o", "run", "--report", place, cwd=tmp_path)
    assert done.returncode == 2 and why in done.stderr and not (tmp_path / "run").exists()


def hints(**cells: str) -> list[str]:
    """What is said at the end of a table with further columns, every row alike."""
    columns = ["id", "text", "hyp", *cells]
    chosen = choose("t.csv", columns, Columns(), hypotheses=True)
    return [line.removeprefix("hint: t.csv also has ")
            for line in unscored("t.csv", columns, chosen)]


def test_normalised_texts_and_counts_that_were_not_scored_are_named() -> None:
    assert hints() == hints(normalized_text="", subs="", dels="", ins="") == []
    assert hints(text_norm="", **{"Clean hyp": ""}) == [
        "texts that look normalised (--ref text_norm --hyp 'Clean hyp' --normaliser none scores "
        "them as they are)"]
    assert hints(sub="", dels="", ins="", n="") == [
        "counts of errors (--count words=n takes them in place of the texts)"]


@pytest.mark.parametrize(("stems", "names"), [
    (["dev-openai_small-wer-0.34-28", "dev-openai_medium-wer-0.27-28"], ["small", "medium"]),
    (["dev-nemo_large-wer-0.44", "dev-openai_small-wer-0.34"], ["nemo_large", "openai_small"]),
    (["a.test", "b.test"], ["a", "b"]), (["x_a_1", "x_a_2"], ["1", "2"]),
    (["base_small", "small_base"], ["base_small", "small_base"]),
    (["a-1-x-b", "a-1-x-c", "a-2-x-b"], ["1-x-b", "1-x-c", "2-x-b"]),
    (["results-wer-0.34-28"], ["results-wer-0.34-28"])])
def test_tables_are_named_by_what_tells_them_apart(stems: list[str], names: list[str]) -> None:
    assert list(tables_of([f"{stem}.csv" for stem in stems])) == names
    assert list(tables_of([f"n{i}={stem}.csv" for i, stem in enumerate(stems)])) == [
        f"n{i}" for i in range(len(stems))]


def test_labels_of_speakers_are_suggested_and_no_other_columns() -> None:
    table = pd.DataFrame({
        "utterance_id": [f"u{i}" for i in range(24)],
        "speaker_id": [f"s{i % 12}" for i in range(24)],
        "city": ["Bath", "York", "Leeds"] * 8, "votes": [i % 12 % 3 for i in range(24)],
        "take": ["first", "second"] * 6 + ["second", "first"] * 6, "accent": ["x", "y"] * 12,
        "own": [f"p{i % 12}" for i in range(24)], "Age": [20 + i % 12 for i in range(24)],
        "SEX": ["F", "M", "M"] * 8})
    assert list(speaker_labels(table)) == ["SEX", "Age", "accent", "city"]
    nobody = table.assign(speaker_id=None)
    assert list(speaker_labels(nobody)) == ["SEX", "Age", "accent", "city", "take", "own"]


def test_several_tables_are_several_systems(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_csv(tmp_path / f"dev_{name}.csv", [
            {"idx": row["idx"], "reference": row["reference"], "hyp": row[name], "rtf": name}
            for row in ROWS])
    done = command("score", "dev_a.csv", "dev_b.csv", "-o", "run", "--workers", "0", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert wers(tmp_path / "run") == {"a": pytest.approx(1 / 6), "b": pytest.approx(1 / 4)}
    item, = RunFolder(tmp_path / "run").record().left_out
    assert (item.what, item.names) == ("column", ("rtf",))
    assert "differs between the rows of an utterance" in str(item)
    assert "evalkit score run --join YOUR_SPEAKERS.csv  # a table of yours" in done.stderr


COUNTS = [{"utt": f"u{i}", "spk": f"s{i % 3}", "subs": i % 3, "del": i % 2, "ins": 1, "n_ref": 5}
          for i in range(12)]


def test_counts_of_errors_need_no_texts(tmp_path: Path) -> None:
    write_csv(tmp_path / "counts.csv", [*COUNTS, {**COUNTS[0], "utt": "none", "subs": "",
                                                  "del": "", "ins": "", "n_ref": ""}])
    done = command("score", "counts.csv", "-o", "run", "--report", "page", "--workers", "0",
                   cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = RunFolder(tmp_path / "run")
    sums = run.scores().groupby("metric")[["amount", "weight"]].sum()
    assert sums.loc["wer"].tolist() == [12 + 6 + 12, 60]
    assert sums.loc["wer.deletions"].tolist() == [6, 60]
    assert sums.loc["wer.hits"].tolist() == [60 - 18, 60]
    assert "cer" not in sums.index and run.summary().failures[0].kind == "NoHypothesis"
    assert "counted elsewhere" in run.record().metrics["wer"].definition
    assert "0 hits" not in (tmp_path / "page" / "index.html").read_text()
    with pytest.raises(ConfigError, match="counts of errors give wer and its parts alone"):
        evalkit.score_tables({"x": tmp_path / "counts.csv"}, tmp_path / "x", metrics=["cer"])


@pytest.mark.parametrize(("cells", "why"), [
    ({"subs": "-1"}, "its substitutions '-1' is no count"), ({"ins": "1.5"}, "is no count"),
    ({"n_ref": "0", "subs": "2"}, "counts do not fit together"), ({"del": ""}, "has no deletions"),
    ({"subs": "9" * 30}, "is no count"), ({"utt": " "}, "has no id"),
    ({"utt": "u2"}, "its id was used before")])
def test_a_row_of_counts_that_cannot_be_used_is_named(
        tmp_path: Path, cells: dict[str, str], why: str) -> None:
    rows: list[dict[str, Any]] = [dict(row) for row in COUNTS]
    rows[5] |= cells
    found = read(write_csv(tmp_path / "c.csv", rows))
    item, = found.left_out
    assert (item.what, item.n, item.names) == ("row", 1, ("line 7",)) and why in item.why
    assert len(found.hypotheses["c"]) == 11


def test_counts_lack_what_they_need(tmp_path: Path) -> None:
    write_csv(tmp_path / "c.csv", [{"id": "u", "sub": 1, "del": 1, "words": 4}])
    with pytest.raises(ConfigError, match="counts of errors need insertions too; its columns are "
                       "id, sub, del, words; say --count insertions=COLUMN"):
        read(tmp_path / "c.csv")


def test_broken_rows_cost_themselves_and_are_named(tmp_path: Path) -> None:
    """A quote in a cell, one that is never closed, a cell too many, bytes of Latin-1."""
    (tmp_path / "x.csv").write_bytes(
        b'id,ref,hyp\nu1,"two\nlines",a\nu2,"a "b" c",a\nu3,a,b,c\nu4,caf\xe9,a\n'
        b'u5,"never closed,a\nu6,ok,ok\n')
    found = read(tmp_path / "x.csv")
    assert [u.id for u in found.utterances] == ["u1", "u6"]
    assert found.utterances[0].text == "two\nlines"
    named = {item.names[0]: item.why for item in found.left_out}
    assert list(named) == ["line 4", "line 5", "line 6", "line 7"]
    assert "is not UTF-8" in named["line 6"] and "a quote is never closed" in named["line 7"]
    assert "more or fewer cells" in named["line 5"]


@given(st.lists(st.lists(st.text('",;\n a\u00e9', max_size=6), min_size=2, max_size=2),
                min_size=1, max_size=4))
def test_what_csv_writes_is_read(rows: list[list[str]]) -> None:
    import io

    file = io.StringIO()
    csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([["id", "hyp"], *rows])
    table = read_delimited(Path("x.csv"), file.getvalue().split("\n"), {"id"})
    assert table.header == ("id", "hyp")
    assert [row for _, row in table.split] == rows


@given(st.text('",\nab', max_size=60))
def test_no_text_of_csv_loses_a_row_unsaid(text: str) -> None:
    """What is between the broken rows is read, and every broken row is said."""
    lines = ["id,hyp", *text.split("\n"), "last,row"]
    try:
        split = read_delimited(Path("x.csv"), lines, {"id"}).split
    except ManifestError:
        return
    taken = {number for number, _ in split}
    assert taken and (split[-1][1] == ["last", "row"] or '"' in text)
    assert all(row or isinstance(row, str) for _, row in split)


def test_more_bad_rows_than_allowed_end_with_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("id,ref,hyp\nu1,a,a\nu2,a,a\nu3\n")
    words = ("score", "x.csv", "-o", "run", "--workers", "0", "--metric", "wer")
    done = command(*words, cwd=tmp_path)
    assert done.returncode == 2 and "1 of 3 rows of the corpus are left out" in done.stderr
    assert command(*words, "--max-failed", "0.5", cwd=tmp_path).returncode == 0
    assert command("score", "run", "--metric", "cer", cwd=tmp_path).returncode == 2


def test_a_hostile_table_of_quotes_takes_no_time(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("id,ref,hyp\n" + 'u,"a\n' * 4001 + "u1,a,b\n")
    started = time.process_time()
    found = read(tmp_path / "x.csv")
    assert [u.id for u in found.utterances] == ["u1"] and LONGEST_ROW < 1000
    assert time.process_time() - started < 5


@pytest.mark.parametrize(("line", "why"), [
    ('{"id": "u2", "text": ["a"], "pred_text": "a"}', "its reference is a list"),
    ('{"id": {"a": 1}, "text": "a", "pred_text": "a"}', "its id is no text"),
    ('{"id": "u2", "text": "\\ud800", "pred_text": "a"}', "half a character"),
    ('{"id": "u2"', "is no JSON object"), ("[1]", "is not a JSON object"),
    ("[" * 100_000, "nested too deep"), ('{"text": "a", "pred_text": "b"}', "has no id"),
    ('{"id": "u1", "text": "c", "pred_text": "c"}', "its id was used before")])
def test_a_line_of_json_that_cannot_be_used_is_named(tmp_path: Path, line: str, why: str) -> None:
    (tmp_path / "x.jsonl").write_text(
        '{"id": "u1", "text": "a", "pred_text": "a", "n": NaN, "l": [1]}\n' + line
        + '\n{"id": 3, "text": "a", "pred_text": null, "n": 1e999}\n'
          '{"id": "u4", "text": "a", "pred_text": ""}\n')
    found = read(tmp_path / "x.jsonl")
    assert [u.id for u in found.utterances] == ["u1", "3", "u4"]
    assert found.hypotheses["x"] == {"u1": "a", "u4": ""}
    lost = {(item.what, item.names[0]): item.why for item in found.left_out}
    assert why in lost["row", "line 2"] and ("column", "l") in lost
    assert any("1 hypothesis is blank" in note for note in found.notes)


@pytest.mark.parametrize(("content", "message"), [
    (b"", "holds no row"), (b"id,ref,hyp\n", "holds no row"), (b"RIFF\x00\x00", "is audio"),
    (b"PAR1junk", "cannot read it as Parquet"), (b"[{}]", "is one list in JSON"),
    (b"id,id,hyp\nu,a,b\n", "2 columns are called 'id'"),
    (b"id,ref,x\nu,a,b\n", "no column is known for what was heard; its columns are id, ref, x; "
                           "say --hyp COLUMN"),
    (b"name,ref,hyp\nu,a,b\n", "no column is known for the id"),
    (b"a\x00b", "is binary"), (b"id,ref,hyp\n ,a,b\n", "no row can be used")])
def test_what_is_no_table_is_refused_in_a_line(
        tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x.csv").write_bytes(content)
    done = command("score", "x.csv", "-o", "run", cwd=tmp_path)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 2 and len(errors) == 1 and message in errors[0], done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("words", "message"), [
    (["--hyp", "c"], "no column 'c' (--hyp c); its columns are idx"),
    (["--hyp", "a", "--count", "hit=a"], "--count hit: there are hits,"),
    (["--hyp", "a", "--count", "hits=a"], "--count and --hyp: errors that were counted, or texts"),
    (["--hyp", "a", "--where", "accent"], "expected COLUMN=LABEL"),
    (["--hyp", "a", "--where", "accent=nort"], "did you mean 'north'?"),
    (["--hyp", "a", "--where", "acent=north"], "did you mean 'accent'?"),
    (["--hyp", "a", "--merge", "accent: west=north"], "no utterance has the label 'west'"),
    (["--hyp", "a", "--merge", "accent"], "expected 'COLUMN: LABEL=LABEL'"),
    (["--hyp", "a", "--join", "no.csv"], "no.csv: cannot read it"),
    (["--hyp", "a", "--speaker-pattern", "("], "is no regular expression"),
    (["--hyp", "a", "-m", "wide.csv"], "--manifest: the table has the utterances"),
    (["--hyp", "a", "--hyp", "a"], "a system is named twice")])
def test_an_option_that_does_not_fit_is_refused_in_a_line(
        tmp_path: Path, words: list[str], message: str) -> None:
    write_csv(tmp_path / "wide.csv", ROWS)
    done = command("score", "wide.csv", *words, "-o", "run", cwd=tmp_path)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 2 and len(errors) == 1 and message in errors[0], done.stderr
    assert not (tmp_path / "run").exists()


def test_an_id_in_most_rows_twice_asks_for_the_system(tmp_path: Path) -> None:
    rows = [{**row, "who": row.pop("model")} for row in long_rows()]
    write_csv(tmp_path / "long.csv", rows)
    write_csv(tmp_path / "all.csv", [{**row, "idx": "u"} for row in rows])
    with pytest.raises(ConfigError, match=r"46 of 48 rows have an id that another row has; say "
                       "--system COLUMN"):
        read(tmp_path / "all.csv")
    assert len(read(tmp_path / "long.csv", system="who").hypotheses) == 2


def test_rows_that_disagree_about_their_utterance_are_named(tmp_path: Path) -> None:
    rows = long_rows()
    rows[30]["reference"], rows[31]["speaker"] = "something else", "s99"
    found = read(write_csv(tmp_path / "long.csv", rows))
    assert {item.names[0]: item.why for item in found.left_out} == {
        "line 32": "another text than an earlier row of its utterance has",
        "line 33": "another speaker than an earlier row of its utterance has"}
    assert len(found.hypotheses["org-b"]) == 22


def test_columns_called_as_fields_and_durations_are_kept_or_named(tmp_path: Path) -> None:
    rows = [{"file": f"a/u{i}.wav", "text": "a", "hyp": "a", "id_note": i, "offset": "x",
             "duration": "nan" if i else "1.5"} for i in range(3)]
    found = read(write_csv(tmp_path / "x.csv", rows))
    assert [u.duration for u in found.utterances] == [1.5, None, None]
    assert [u.id for u in found.utterances] == ["u0", "u1", "u2"]
    assert {(item.what, item.n) for item in found.left_out} == {("column", 1), ("cell", 2)}
    assert found.utterances[0].metadata == {"id_note": 0}
    same = [{**row, "file": f"{i}/u.wav"} for i, row in enumerate(rows)]
    assert [u.id for u in read(write_csv(tmp_path / "y.csv", same)).utterances] == [
        "0/u.wav", "1/u.wav", "2/u.wav"]


def test_nemo_open_asr_and_trn(tmp_path: Path) -> None:
    (tmp_path / "MODEL_org-tiny_DATASET_ami_test.jsonl").write_text("".join(json.dumps(
        {"audio_filepath": f"sample_{i}", "duration": 1.0, "time": 0.1, "text": "a b",
         "pred_text": "a c"}) + "\n" for i in range(4)))
    (tmp_path / "ref.trn").write_text("a b (s1-u1)\na b c (s2-u1)\n")
    (tmp_path / "hyp.trn").write_text("a b (s1-u1)\na c (s2-u1)\n")
    done = command("score", "MODEL_org-tiny_DATASET_ami_test.jsonl", "-o", "one", "--workers", "0",
                   cwd=tmp_path)
    assert done.returncode == 0 and wers(tmp_path / "one") == {"org-tiny": 0.5}, done.stderr
    done = command("score", "ref.trn", "-y", "new=hyp.trn", "--speaker-pattern", "[^-]+", "-o",
                   "two", "--workers", "0", cwd=tmp_path)
    assert done.returncode == 0 and wers(tmp_path / "two") == {"new": 0.2}, done.stderr
    assert RunFolder(tmp_path / "two").utterances()["speaker_id"].tolist() == ["s1", "s2"]


def test_versa(tmp_path: Path) -> None:
    (tmp_path / "versa.jsonl").write_text("".join(json.dumps(
        {"key": f"u{i}", "pesq": 2.5, "ref_text": "a b", "whisper_hyp_text": "a", "owsm_hyp_text":
         "a b", "whisper_wer_delete": 1}) + "\n" for i in range(3)))
    found = read(tmp_path / "versa.jsonl")
    assert {name: texts["u1"] for name, texts in found.hypotheses.items()} == {
        "whisper": "a", "owsm": "a b"}
    assert found.utterances[0].text == "a b"


@pytest.mark.parametrize("form", ["trn", "jsonl"])
def test_texts_that_are_written_score_the_same(run: Path, tmp_path: Path, form: str) -> None:
    done = command("export", "texts", run, "--format", form, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {f"{name}.given.{form}" for name in ("a", "new")} | (
        {"reference.trn"} if form == "trn" else set())
    if form == "trn":
        again = evalkit.score_tables({"r": tmp_path / "out" / "reference.trn"}, tmp_path / "run",
                                     hypotheses={"a": tmp_path / "out" / "a.given.trn"})
    else:
        again = evalkit.score_tables({"a": tmp_path / "out" / "a.given.jsonl"}, tmp_path / "run")
        assert again.utterances()["accent"].tolist() == [row["accent"] for row in ROWS]
    assert wers(again) == {"a": wers(run)["a"]}


def test_recordings_of_a_table_stay_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    write_csv(tmp_path / "t" / "x.csv", [
        {"id": "u1", "ref": "a", "hyp": "a", "wav": "u1.wav"},
        {"id": "u2", "ref": "a", "hyp": "a", "wav": "../../etc/u2.wav"}])
    run = evalkit.score_tables({"x": tmp_path / "t" / "x.csv"}, tmp_path / "run",
                               columns={"audio": "wav"})
    table = run.utterances().set_index("utterance_id")["audio"]
    root = Path(run.record().corpus.root)
    assert (root / table["u1"]).resolve() == tmp_path / "t" / "u1.wav"
    assert table.isna().tolist() == [False, True]
    item, = run.record().left_out
    assert (item.what, item.names) == ("recording", ("u2",)) and "left out" in str(item)


def test_a_table_of_another_corpus_needs_overwrite(run: Path, tmp_path: Path) -> None:
    write_csv(tmp_path / "other.csv", [{**row, "idx": f"x{row['idx']}"} for row in ROWS])
    before = sorted(path.read_bytes() for path in (run / "given").rglob("*.jsonl"))
    done = command("score", tmp_path / "other.csv", "--hyp", "a", "-o", run)
    assert done.returncode == 2 and "--overwrite" in done.stderr
    assert before == sorted(path.read_bytes() for path in (run / "given").rglob("*.jsonl"))


def test_20_000_rows_are_read_in_seconds(tmp_path: Path) -> None:
    write_csv(tmp_path / "big.csv", [{**ROWS[i % 24], "idx": f"u{i}"} for i in range(20_000)])
    started = time.process_time()
    assert len(read(tmp_path / "big.csv", hypotheses={"a": "a"}).utterances) == 20_000
    assert time.process_time() - started < 10


def parquet(path: Path, *columns: tuple[str, Any], ids: Any = ("u1", "u2", "u3")) -> Path:
    texts = pa.array(["one", "two", "three"])
    pq.write_table(pa.Table.from_arrays(
        [pa.array(ids), texts, texts, *(column for _, column in columns)],
        names=["id", "reference", "hyp", *(name for name, _ in columns)]), path)
    return path


def test_cells_of_parquet_that_cannot_be_read_cost_their_row_or_column(tmp_path: Path) -> None:
    days = pa.array([1, 2**30, None], pa.int32()).cast(pa.date32())
    never = pa.array([1, 2, None], pa.int64()).cast(pa.timestamp("us", tz="Nowhere/Land"))
    found = read(parquet(tmp_path / "t.parquet", ("born", days), ("seen", never),
                         ("sex", pa.array(["m", "f", "f"])), ("", days)))
    assert [(u.id, u.metadata) for u in found.utterances] == [
        ("u1", {"born": "1970-01-02", "sex": "m"}), ("u3", {"born": None, "sex": "f"})]
    seen, nameless, born = found.left_out
    assert (nameless.what, nameless.why) == ("column", "has no name")
    assert (seen.what, seen.names) == ("column", ("seen",)) and "cannot be read" in seen.why
    assert (born.what, born.names) == ("row", ("row 2",))
    assert "its 'born' cannot be read: days=1073741824" in born.why


def test_columns_of_parquet_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    sex = pa.array(["m", "f", "f"])
    with pytest.raises(ManifestError, match="2 columns are called 'sex'; rename or remove all"):
        read(parquet(tmp_path / "twice.parquet", ("sex", sex), ("sex", sex)))
    with pytest.raises(ConfigError, match=r"column left out: holds bytes, not text \(id\)"):
        read(parquet(tmp_path / "bytes.parquet", ids=[b"u1", b"u2", b"u3"]))
    parquet(tmp_path / "names.parquet", ("a\nb/../c\x00", sex), ("\x1b[31mred", sex))
    done = command("score", "names.parquet", "-o", "run", cwd=tmp_path)
    assert done.returncode == 0 and "metadata: a b/../c\ufffd, \ufffd[31mred\n" in done.stderr
