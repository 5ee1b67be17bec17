"""Who is in a cohort."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evalkit.cohorts.traits import traits
from evalkit.store.documents.findings import Trait

LABELS = pd.DataFrame({
    "accent": ["x"] * 4 + ["y"] * 6, "gender": ["f", "m"] * 5,
    "age": ["old", "old", "old", "young"] + ["young"] * 5 + ["old"]})


def test_labels_are_ordered_by_how_far_they_set_apart() -> None:
    assert traits(LABELS, np.arange(4)) == [
        Trait(column="accent", label="x", share=1.0, elsewhere=0.0),
        Trait(column="age", label="old", share=0.75, elsewhere=1 / 6)]


def test_what_is_as_frequent_elsewhere_is_no_trait() -> None:
    assert traits(LABELS[["gender"]], np.arange(4)) == []


def test_everybody_and_nobody_have_no_traits() -> None:
    assert traits(LABELS, np.arange(10)) == traits(LABELS, np.arange(0)) == []
