"""Labels of trials, target or nontarget, that cannot be right: those that who speaks contradicts,
and those of one pair that are not one in several files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from evalkit.core.errors import ManifestError
from evalkit.core.ledger import NAMED, LeftOut

_WORDS = {True: "target", False: "nontarget"}


def agreed(tables: Mapping[Path, pd.DataFrame], utterances: pd.DataFrame
           ) -> tuple[pd.DataFrame, list[LeftOut]]:
    """The pairs of the first of ``tables`` whose label neither a table nor who speaks contradicts,
    and the labels that take no part: a pair is left out in both of its orders, of all files.

    ``tables`` have columns ``enroll_id``, ``test_id`` and ``label`` by the number of the line.
    Raises ManifestError where a file has others alone."""
    first, *further = tables
    unspoken = {path: _wrong(table, utterances, path) for path, table in tables.items()}
    left_out = [item for path, table in tables.items()
                for item in _unspoken(table, unspoken[path], path)]
    wrong = pd.concat([_pairs(table)[unspoken[path]] for path, table in tables.items()])
    kept = {path: table[~_pairs(table).isin(wrong)] for path, table in tables.items()}
    known = kept[first]
    for path in further:
        known, contradicted = _consistent(known, first, kept[path], path)
        left_out += contradicted
    if len(tables[first]) and not len(known):
        raise ManifestError(f"{first}:{tables[first].index[0]}: this pair, and every other, has a "
                            "label that the other files or the speakers contradict; correct the "
                            "labels (1 and target are of one speaker)")
    return known, left_out


def _pairs(table: pd.DataFrame) -> pd.Series:
    """Of every trial its two sides in one order."""
    sides = [table["enroll_id"], table["test_id"]]
    return pd.Series([tuple(sorted(pair)) for pair in zip(*sides, strict=True)],
                     index=table.index, dtype=object)


def _wrong(table: pd.DataFrame, utterances: pd.DataFrame, path: Path) -> pd.Series:
    """Which labels of the file ``path`` who speaks contradicts. Raises ManifestError where it
    contradicts all."""
    speakers = utterances.dropna(subset="speaker_id").set_index("utterance_id")["speaker_id"]
    known = {name: name for name in speakers} | speakers.to_dict()  # a side may be a speaker
    one, other = table["enroll_id"].map(known), table["test_id"].map(known)
    wrong = one.notna() & other.notna() & ((one == other) != table["label"])
    if len(table) and wrong.all():
        raise ManifestError(f"{path}:{table.index[0]}: this label, and every other, contradicts "
                            "the speakers of its pair; correct the labels (1 and target are of "
                            "one speaker), or who speaks")
    return wrong


def _unspoken(table: pd.DataFrame, wrong: pd.Series, path: Path) -> list[LeftOut]:
    reasons = {"is labelled target, and its two sides are two speakers": wrong & table["label"],
               "is labelled nontarget, and its two sides are one speaker": wrong & ~table["label"]}
    return _records(table, reasons, path)


def _consistent(known: pd.DataFrame, first: Path, table: pd.DataFrame, path: Path
                ) -> tuple[pd.DataFrame, list[LeftOut]]:
    """The pairs ``known`` from ``first`` but for those whose label is the other one in ``table``,
    the file ``path``, and these. Raises ManifestError where no pair is left."""
    labels = dict(zip(_pairs(known), known["label"], strict=True))
    theirs = _pairs(table).map(labels)
    other = theirs.notna() & (theirs != table["label"])
    if len(known) and set(labels) <= set(_pairs(table)[other]):
        raise ManifestError(f"{path}:{table.index[0]}: this label, and every other, is not that of "
                            f"{first.name}; correct the labels of one of them (1 and target are of "
                            "one speaker)")
    reasons = {f"is {word} here and {_WORDS[not label]} in {first.name}":
               other & (table["label"] == label) for label, word in _WORDS.items()}
    return known[~_pairs(known).isin(_pairs(table)[other])], _records(table, reasons, path)


def _records(table: pd.DataFrame, reasons: Mapping[str, pd.Series], path: Path) -> list[LeftOut]:
    """Of every reason the trials of ``table``, the file ``path``, that have it."""
    return [LeftOut("trial", path.name, why, int(rows.sum()), tuple(_lines(table[rows])))
            for why, rows in reasons.items() if rows.any()]


def _lines(table: pd.DataFrame) -> list[str]:
    """The first pairs with the lines that they are on."""
    some = table.head(NAMED)
    return [f"line {line}: {one} and {other}" for line, one, other in zip(
        some.index, some["enroll_id"], some["test_id"], strict=True)]
