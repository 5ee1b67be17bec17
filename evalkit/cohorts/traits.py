"""Who is in a cohort: the metadata labels that set it apart, read after it was found."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evalkit.store.documents.findings import Trait

MOST = 3
"""Traits named of a cohort."""
LEAST_DIFFERENCE = 0.15
"""By which a label's share of a cohort exceeds its share of the others, to be named."""


def traits(labels: pd.DataFrame, members: np.ndarray) -> list[Trait]:
    """The labels, one a column at most, that set the rows ``at`` of ``labels`` most apart from
    the other rows. None where these are all rows, or none."""
    inside = np.zeros(len(labels), bool)
    inside[members] = True
    if inside.all() or not inside.any():
        return []
    foremost = [_foremost(str(column), values, inside) for column, values in labels.items()]
    distinctive = [trait for trait in foremost if trait.share - trait.elsewhere >= LEAST_DIFFERENCE]
    return sorted(distinctive, key=lambda trait: trait.elsewhere - trait.share)[:MOST]


def _foremost(column: str, values: pd.Series, inside: np.ndarray) -> Trait:
    codes, names = pd.factorize(values)
    share, elsewhere = (np.bincount(codes[side], minlength=len(names)) / side.sum()
                        for side in (inside, ~inside))
    most = int((share - elsewhere).argmax())
    return Trait(column=column, label=str(names[most]), share=float(share[most]),
                 elsewhere=float(elsewhere[most]))
