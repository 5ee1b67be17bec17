"""The pipeline or condition of a run that somebody asks for by its name."""

from __future__ import annotations

import pandas as pd

from evalkit.core.errors import ConfigError
from evalkit.core.names import offer


def of_cells(rows: pd.DataFrame, what: str, pipeline: str | None, condition: str | None
             ) -> pd.DataFrame:
    """Those of ``rows`` that are of the pipeline and the condition, of all where None. Raises
    ConfigError, listing those that there are, where a name has no ``what``, the word for rows."""
    for column, name in (("pipeline", pipeline), ("condition", condition)):
        present = sorted(rows[column].unique())
        if name is not None and name not in present:
            raise ConfigError(f"no {what} of the {column} {name!r}; "
                              f"{offer(name, present, 'there are some of')}")
        rows = rows if name is None else rows[rows[column] == name]
    return rows
