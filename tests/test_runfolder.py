"""A run folder that is damaged, or that another program wrote."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalkit.core.errors import RunError
from evalkit.store.documents.run import RunRecord
from evalkit.store.runfolder import EMBEDDINGS, OUTPUTS, OUTPUTS_NEEDED, RunFolder
from evalkit.store.sealed import names_in, read_table, readable, write_table
from tests.worlds import make_run, make_world

READERS: dict[str, Callable[[RunFolder], pd.DataFrame]] = {
    "utterances": RunFolder.utterances, "outputs": RunFolder.outputs,
    "embeddings": RunFolder.embeddings, "cohorts": RunFolder.cohorts,
    "cohort_speakers": RunFolder.cohort_speakers}
NEEDED = {"utterances": ["utterance_id", "speaker_id"], "outputs": OUTPUTS_NEEDED,
          "embeddings": EMBEDDINGS.names, "cohorts": ["utterance_id", "finder", "cohort"],
          "cohort_speakers": ["speaker_id", "half", "amount", "weight"]}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    make_run(folder, make_world(speakers=12))
    row: dict[str, Any] = dict.fromkeys(OUTPUTS.names)
    row |= {"pipeline": "given", "condition": "clean", "utterance_id": "u0000"}
    write_table(folder / "outputs.parquet", pa.Table.from_pylist([row], OUTPUTS))
    for name in ("cohorts", "cohort_speakers"):
        write_table(folder / f"{name}.parquet", pa.table({c: ["1"] for c in NEEDED[name]}))
    return folder


@pytest.fixture
def run(good: Path, tmp_path: Path) -> RunFolder:
    """A folder that may be damaged."""
    return RunFolder(Path(shutil.copytree(good, tmp_path / "run")))


@pytest.mark.parametrize(("name", "column"),
                         [(name, column) for name in NEEDED for column in NEEDED[name]])
def test_a_missing_column_is_named(run: RunFolder, name: str, column: str) -> None:
    assert len(READERS[name](run))
    path = run.path / f"{name}.parquet"
    write_table(path, pq.read_table(path).drop_columns(column))
    with pytest.raises(RunError, match=rf"{name}\.parquet: has no column '{column}'"):
        READERS[name](run)


def test_a_row_without_an_id_is_refused(run: RunFolder) -> None:
    table = run.utterances()
    table.loc[2, "utterance_id"] = None
    write_table(run.path / "utterances.parquet", pa.Table.from_pandas(table))
    with pytest.raises(RunError, match="column 'utterance_id' has no value in 1 of 72 rows"):
        run.utterances()


@pytest.mark.parametrize(("at", "why"), [([0, 1, 0], "utterance 'u0000' is there twice"),
                                         ([], "has no rows")])
def test_utterances_are_some_and_each_once(run: RunFolder, at: list[int], why: str) -> None:
    write_table(run.path / "utterances.parquet", pa.Table.from_pandas(run.utterances().iloc[at]))
    with pytest.raises(RunError, match=rf"utterances\.parquet: {why}"):
        run.utterances()


def rewritten(run: RunFolder, change: Callable[[dict[str, Any]], Any]) -> RunFolder:
    """The folder with its run.json, in JSON's types, changed."""
    tree = json.loads((run.path / "run.json").read_text())
    change(tree)
    (run.path / "run.json").write_text(json.dumps(tree))
    return run


@pytest.mark.parametrize("name", sorted(
    {*RunRecord.model_fields} - {"further_normalisers", "labels", "batching"}))
def test_run_json_says_everything(run: RunFolder, name: str) -> None:
    with pytest.raises(RunError, match=rf"run\.json: {name}: is missing; .*`evalkit run`"):
        rewritten(run, lambda tree: tree.pop(name)).record()


@pytest.mark.parametrize(("change", "why"), [
    (lambda tree: tree.update(pipelines={}), "pipelines: needs 1 or more, and has 0"),
    (lambda tree: tree["corpus"].pop("root"), r"corpus\.root: is missing"),
    (lambda tree: tree["metrics"].update(wer=3),
     r"metrics\.wer: must be `key: value` lines, not 3"),
    (lambda tree: tree["metrics"]["wer"].pop("definition"),
     r"metrics\.wer\.definition: is missing"),
    (lambda tree: tree.update(shoe=1), "no key 'shoe' here; there are evalkit, command"),
    (lambda tree: tree.update(schema=1), "schema 1, this evalkit reads 5; make it again with"),
    (lambda tree: tree.pop("schema"), "has no schema number, this evalkit reads 5; make it again"),
])
def test_the_parts_of_run_json_are_what_they_should_be(
        run: RunFolder, change: Callable[[dict[str, Any]], Any], why: str) -> None:
    with pytest.raises(RunError, match=rf"run\.json: {why}") as caught:
        rewritten(run, change).record()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "read"), [
    ("utterances.parquet", RunFolder.utterances), ("scores/*.parquet", RunFolder.scores)])
def test_a_table_that_is_cut_says_what_mends_it(
        run: RunFolder, name: str, read: Callable[[RunFolder], object]) -> None:
    path = next(run.path.glob(name))
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(RunError, match=r"is cut, or no Parquet; run it again$"):
        read(run)


@pytest.mark.parametrize("read", [read_table, names_in])
def test_what_cannot_be_read_is_named(read: Callable[[Path], object], tmp_path: Path) -> None:
    path = tmp_path / "outputs.parquet"
    for content in (b"", b"PAR1 and no more PAR1"):
        path.write_bytes(content)
        with pytest.raises(RunError, match=r"outputs\.parquet: cannot be read \(.+; run it again$"):
            read(path)
    path.unlink()
    with pytest.raises(RunError, match=r"outputs\.parquet: cannot be read"):
        read(path)


def test_what_is_whole_is_not_to_be_made_again(tmp_path: Path) -> None:
    path = tmp_path / "outputs.parquet"
    write_table(path, pa.table({"a": [1]}))
    said = r"\(no more data\); it is as it was written, so try again$"
    with pytest.raises(RunError, match=said), readable(path):
        raise pa.ArrowInvalid("no more data")
