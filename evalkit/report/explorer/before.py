"""The same utterances in an earlier version, to be set beside those of the run."""

from __future__ import annotations

import pandas as pd

from evalkit.report.explorer.document import KEYS
from evalkit.report.explorer.reading import read
from evalkit.report.reported import ReportedRun
from evalkit.report.run_names import run_names


def outputs_before(run: ReportedRun, kept: pd.DataFrame) -> pd.DataFrame:
    """Rows as those ``kept`` of the oldest run that is set beside it, of the same pipelines,
    conditions and utterances, each pipeline named after its run; none where there is no such
    run."""
    if not run.earlier:
        return kept.iloc[:0]
    outputs = run.earlier[0].outputs().merge(kept[KEYS], on=KEYS)
    rows = read(outputs).rows.assign(alignment=outputs["alignment"], why=outputs["error"])
    errors = rows[["substitutions", "deletions", "insertions"]].sum(axis=1, skipna=False)
    name = run_names([each.path for each in (*run.earlier, run.folder)])[0]
    return rows.assign(amount=errors, weight=rows["length"],
                       pipeline=[f"{pipeline} of {name}" for pipeline in rows["pipeline"]])
