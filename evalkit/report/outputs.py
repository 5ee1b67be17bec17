"""What pipelines made of a run's utterances, kept as the file has it: a million of them have
hundreds of megabytes of texts, of which a page shows a few thousand."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from evalkit.store.coded import among, recoded
from evalkit.store.runfolder import CELL

AT_A_TIME = 1 << 15


class Outputs:
    """The rows of ``table`` (evalkit.store.runfolder.OUTPUTS). ``keys`` are CELL and ``error`` of
    all of them, the former in the codes of the scores ``like``."""

    def __init__(self, table: pa.Table, like: pd.DataFrame) -> None:
        self.keys = recoded(table.select([*CELL, "error"]).to_pandas(), like, CELL)
        self.schema = table.schema
        # Most runs have nothing in most columns.
        self._filled = table.select([name for name in table.column_names
                                     if name not in CELL and self._any(table[name])])

    @staticmethod
    def _any(column: pa.ChunkedArray) -> bool:
        return bool(column.null_count < len(column))

    def __len__(self) -> int:
        return len(self.keys)

    def has(self, name: str) -> bool:
        """Whether any row has something in this column."""
        return name in self._filled.column_names

    def column(self, name: str) -> pa.ChunkedArray:
        """One column of all rows."""
        return self._filled[name] if self.has(name) else pa.chunked_array(
            [pa.nulls(len(self), self.schema.field(name).type)])

    def alignments(self, but: np.ndarray) -> pa.ChunkedArray:
        """Those of all rows, none of the rows ``but`` (n,)."""
        found = self.column("alignment")
        return pc.if_else(pa.array(~but), found, None) if but.any() else found

    def at(self, places: np.ndarray) -> pd.DataFrame:
        """The rows at ``places``, with all columns."""
        found = self._filled.take(pa.array(places))
        columns = {field.name: found[field.name] if self.has(field.name)
                   else pa.nulls(len(places), field.type)
                   for field in self.schema if field.name not in CELL}
        return self.keys[[*CELL]].iloc[places].reset_index(drop=True).join(
            pa.table(columns).to_pandas())

    def of(self, utterances: Collection[str]) -> pd.DataFrame:
        """The rows of some utterances."""
        return self.at(np.flatnonzero(among(self.keys["utterance_id"], utterances)))


def parts(texts: pa.ChunkedArray) -> Iterator[list[str | None]]:
    """Texts, AT_A_TIME together."""
    for start in range(0, len(texts), AT_A_TIME):
        yield texts.slice(start, AT_A_TIME).to_pylist()


def lengths(*texts: pa.ChunkedArray) -> np.ndarray:
    """How many bytes the first of ``texts`` that a row has takes, 0 where it has none: (n,)."""
    of_each = [pc.cast(pc.binary_length(each), pa.int64()) for each in texts]
    return pc.coalesce(*of_each, pa.scalar(0, pa.int64())).to_numpy()
