"""What pipelines made of a run's utterances, read from the file in parts: a million of them have
hundreds of megabytes of texts, of which a page shows a few thousand."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evalkit.store.coded import among, recoded
from evalkit.store.runfolder import CELL, OUTPUTS_NEEDED, RunFolder
from evalkit.store.scores import require_columns
from evalkit.store.sealed import readable
from evalkit.store.seals import OUTPUTS_TABLE

AT_A_TIME = 1 << 15


class Outputs:
    """The rows of evalkit.store.runfolder.OUTPUTS in ``folder``. ``keys`` are CELL and ``error`` of
    all of them, the former in the codes of the scores ``like``. Everything raises RunError where
    the file cannot be read."""

    def __init__(self, folder: RunFolder, like: pd.DataFrame) -> None:
        self.keys = recoded(folder.outputs_of("error"), like, CELL)
        self._path = folder.path / OUTPUTS_TABLE
        with readable(self._path):
            self._file = pq.ParquetFile(self._path)
        require_columns(self._path, self._file.schema_arrow.names, OUTPUTS_NEEDED)

    def __len__(self) -> int:
        return len(self.keys)

    def has(self, name: str) -> bool:
        """Whether any row has something in this column."""
        if name not in self._file.schema_arrow.names:
            return False
        with readable(self._path):
            return bool(self._file.read(columns=[name])[name].null_count < len(self))

    def texts(self, but: np.ndarray) -> Iterator[tuple[pa.Array, pa.Array]]:
        """Alignments, none of the rows ``but`` (n,), and hypotheses, of AT_A_TIME rows together."""
        end = 0
        with readable(self._path):
            for part in self._file.iter_batches(AT_A_TIME, columns=["alignment", "hypothesis"]):
                start, end = end, end + len(part)
                gone = but[start:end]
                yield (pc.if_else(pa.array(~gone), part["alignment"], None) if gone.any()
                       else part["alignment"]), part["hypothesis"]

    def at(self, places: np.ndarray) -> pd.DataFrame:
        """The rows at ``places``, which are in order, with all columns."""
        names = [name for name in self._file.schema_arrow.names if name not in CELL]
        with readable(self._path):
            table = pa.concat_tables(self._parts(places, names))
        return self.keys[[*CELL]].iloc[places].reset_index(drop=True).join(table.to_pandas())

    def _parts(self, places: np.ndarray, names: list[str]) -> Iterator[pa.Table]:
        """The columns ``names`` at ``places``, by the groups of rows in the file."""
        yield self._file.schema_arrow.empty_table().select(names)
        end = 0
        for group in range(self._file.num_row_groups):
            start, end = end, end + self._file.metadata.row_group(group).num_rows
            own = places[(places >= start) & (places < end)] - start
            if len(own):
                yield self._file.read_row_group(group, names).take(pa.array(own))

    def of(self, utterances: Collection[str]) -> pd.DataFrame:
        """The rows of some utterances."""
        return self.at(np.flatnonzero(among(self.keys["utterance_id"], utterances)))


def lengths(*texts: pa.Array) -> np.ndarray:
    """How many bytes the first of ``texts`` that a row has takes, 0 where it has none: (n,)."""
    of_each = [pc.cast(pc.binary_length(each), pa.int64()) for each in texts]
    return np.asarray(pc.coalesce(*of_each, pa.scalar(0, pa.int64())))
