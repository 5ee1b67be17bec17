"""Embeddings of one length: those of a pipeline can only be compared with one another."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc

from evalkit.core.errors import UtteranceError
from evalkit.store.runfolder import CELL

Errors = dict[tuple[str, ...], str]
"""By the cell of a row."""


def of_one_length(embeddings: pa.Table) -> tuple[pa.Table, Errors]:
    """The embeddings that have the length of most of their pipeline's (of the first where two
    lengths are as frequent), and why the others' utterances have failed."""
    lengths = pc.list_value_length(embeddings["embedding"]).to_pylist()
    pipelines = embeddings["pipeline"].to_pylist()
    counts: dict[str, Counter[int]] = {}
    for pipeline, length in zip(pipelines, lengths, strict=True):
        counts.setdefault(pipeline, Counter())[length] += 1
    usual = {pipeline: counted.most_common(1)[0][0] for pipeline, counted in counts.items()}
    odd = [length != usual[pipeline]
           for pipeline, length in zip(pipelines, lengths, strict=True)]
    if not any(odd):
        return embeddings, {}
    errors = {_cell(row): str(UtteranceError("WrongLength", (
        f"its embedding has {len(row['embedding'])} numbers where the others of the run have "
        f"{usual[row['pipeline']]}"))) for row in embeddings.filter(odd).to_pylist()}
    return embeddings.filter(pc.invert(pa.array(odd))), errors


def told(outputs: pa.Table, errors: Errors) -> pa.Table:
    """``outputs`` with those ``errors`` of rows that have no other."""
    if not errors:
        return outputs
    found = [row["error"] or errors.get(_cell(row))
             for row in outputs.select([*CELL, "error"]).to_pylist()]
    place = outputs.schema.get_field_index("error")
    return outputs.set_column(place, outputs.schema.field(place), pa.array(found, pa.string()))


def _cell(row: dict[str, str]) -> tuple[str, ...]:
    return tuple(row[name] for name in CELL)
