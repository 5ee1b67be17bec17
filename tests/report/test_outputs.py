"""What pipelines made of utterances, read in parts, beside the whole table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalkit.core.errors import RunError
from evalkit.report import outputs as module
from evalkit.report.outputs import Outputs, lengths
from evalkit.store.coded import ROWS, among
from evalkit.store.runfolder import CELL, RunFolder
from tests.worlds import FakeRun


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A run whose outputs lie in several groups of rows of the file."""
    run = FakeRun(tmp_path / "run", tmp_path, ["plain", "rnnoise"], ["clean"])
    run.outputs[3] |= {"error": "Crashed: it", "hypothesis": None, "alignment": None}
    folder = RunFolder(run.write())
    path = folder.path / "outputs.parquet"
    table = pq.read_table(path).replace_schema_metadata(None)  # without the seal
    pq.write_table(table, path, row_group_size=5)
    return folder


def whole(folder: RunFolder) -> pd.DataFrame:
    return pq.read_table(folder.path / "outputs.parquet").to_pandas()


def test_some_rows_are_those_of_the_table(folder: RunFolder) -> None:
    found, table = Outputs(folder, folder.scores()), whole(folder)
    assert len(found) == len(table) > 20
    for places in ([0, 4, 5, 17, len(table) - 1], [9]):
        some = found.at(np.array(places, int))
        expected = table.iloc[places].reset_index(drop=True)
        assert some.astype(dict.fromkeys(CELL, str))[list(table)].equals(
            expected.astype(dict.fromkeys(CELL, str)))
    assert found.at(np.empty(0, int)).empty
    ids = list(table["utterance_id"].iloc[[2, 7]])
    assert list(found.of(ids)["hypothesis"]) == list(
        table.loc[table["utterance_id"].isin(ids), "hypothesis"])
    assert found.of(["nobody"]).empty


def test_which_columns_have_anything(folder: RunFolder) -> None:
    found = Outputs(folder, folder.scores())
    assert found.has("output_audio") and found.has("error")
    assert not found.has("input_audio") and not found.has("events")


def test_texts_come_in_parts_without_the_alignments_of_some(
        folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_A_TIME", 7)
    table = whole(folder)
    gone = np.arange(len(table)) % 3 == 0
    parts = list(Outputs(folder, folder.scores()).texts(gone))
    assert len(parts) == -(-len(table) // 7)
    alignments, hypotheses = (pa.concat_arrays(each).to_pylist()
                              for each in zip(*parts, strict=True))
    assert alignments == [None if but else each for each, but in zip(
        table["alignment"], gone, strict=True)]
    path = folder.path / "outputs.parquet"
    assert hypotheses == pq.read_table(path)["hypothesis"].to_pylist()


def test_lengths_are_bytes_of_the_first_that_there_is() -> None:
    first, second = pa.array(["ab", None, None, ""]), pa.array(["abc", "äb", None, "x"])
    assert lengths(first, second).tolist() == [2, 3, 0, 0]


def test_what_is_no_table_of_outputs_is_named(folder: RunFolder) -> None:
    (folder.path / "outputs.parquet").write_bytes(b"PAR1")
    with pytest.raises(RunError, match=r"outputs\.parquet"):
        Outputs(folder, pd.DataFrame())


@pytest.mark.parametrize("n", [5, ROWS + 3])
def test_rows_among_few_names(n: int) -> None:
    names = pd.Series(np.resize(np.array(["a", "b", None, "c"], object), n))
    expected = [name in ("c", "a") for name in names]
    for column in (names, names.astype("category")):
        assert among(column, ["a", "c", "nobody"]).tolist() == expected
        assert not among(column, []).any()
