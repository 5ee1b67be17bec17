"""Embeddings of one length: those of a pipeline can only be compared with one another."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc

from evalkit.core.errors import UtteranceError
from evalkit.store.runfolder import CELL


def of_one_length(outputs: pa.Table, embeddings: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Both tables, where an embedding that has not the length of most of its pipeline's (of the
    first where two lengths are as frequent) is the failure of its utterance."""
    lengths = pc.list_value_length(embeddings["embedding"]).to_pylist()
    pipelines = embeddings["pipeline"].to_pylist()
    counts: dict[str, Counter[int]] = {}
    for pipeline, length in zip(pipelines, lengths, strict=True):
        counts.setdefault(pipeline, Counter())[length] += 1
    usual = {pipeline: counted.most_common(1)[0][0] for pipeline, counted in counts.items()}
    odd = [length != usual[pipeline]
           for pipeline, length in zip(pipelines, lengths, strict=True)]
    if not any(odd):
        return outputs, embeddings
    errors = {_cell(row): str(UtteranceError("WrongLength", (
        f"its embedding has {len(row['embedding'])} numbers where the others of the run have "
        f"{usual[row['pipeline']]}"))) for row in embeddings.filter(odd).to_pylist()}
    told = [row["error"] or errors.get(_cell(row))
            for row in outputs.select([*CELL, "error"]).to_pylist()]
    place = outputs.schema.get_field_index("error")
    return (outputs.set_column(place, outputs.schema.field(place), pa.array(told, pa.string())),
            embeddings.filter(pc.invert(pa.array(odd))))


def _cell(row: dict[str, str]) -> tuple[str, ...]:
    return tuple(row[name] for name in CELL)
