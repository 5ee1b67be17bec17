"""Which tests a run's pipelines are compared by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa

from evalkit.core.alignment import align
from evalkit.core.types import Fact
from evalkit.statistics.run_statistics import compare_pipelines
from evalkit.store import scores
from evalkit.store.runfolder import OUTPUTS, RunFolder
from evalkit.store.sealed import write_table
from tests.worlds import make_run, make_world


def two_pipelines(folder: Path) -> RunFolder:
    """Pipelines "given" and "other" with alignments stored, and under the name "lines" a count of
    which sentences are wrong."""
    run = make_run(folder, make_world(speakers=12, utterances=2))
    ids = run.utterances()["utterance_id"]
    rows, outputs = [], []
    for pipeline, wrong in (("given", 3), ("other", 2)):
        for i, (utterance, speaker) in enumerate(zip(ids, run.utterances()["speaker_id"],
                                                     strict=True)):
            heard = ["a", "b", "c", "d"] if i % wrong else ["a", "x", "c"]
            alignment = align(["a", "b", "c", "d"], heard)
            where = {"pipeline": pipeline, "condition": "clean", "utterance_id": utterance}
            outputs.append(where | {"alignment": alignment.to_json()})
            where |= {"speaker_id": speaker, "error": None}
            rows += [where | {"metric": "wer", "amount": float(alignment.edits.errors),
                              "weight": 4.0},
                     where | {"metric": "lines", "amount": float(heard != ["a", "b", "c", "d"]),
                              "weight": 1.0}]
    write_table(folder / "scores" / "a.parquet", pa.Table.from_pandas(
        pd.DataFrame(rows)[scores.SCHEMA.names], scores.SCHEMA, preserve_index=False))
    heard = pd.DataFrame(outputs).reindex(columns=OUTPUTS.names).astype(object)
    table = heard.where(heard.notna(), None)
    write_table(folder / "outputs.parquet", pa.Table.from_pandas(
        table, OUTPUTS, preserve_index=False))
    record = run.record()
    errors = replace(record.metrics["wer"], is_count=True)
    record.model_copy(update={"metrics": {
        "wer": errors, "lines": errors, "quality": Fact("", True, "")}}).write(folder / "run.json")
    return run


def test_matched_pairs_are_for_what_the_stored_alignments_count(tmp_path: Path) -> None:
    run = two_pipelines(tmp_path)
    words, = compare_pipelines(run, metric="wer")
    assert words.matched_pairs is not None
    assert words.matched_pairs.errors_a == 8 * 2
    assert words.sentences is not None
    sentences, = compare_pipelines(run, metric="lines")
    assert sentences.matched_pairs is None
    assert sentences.sentences == words.sentences
