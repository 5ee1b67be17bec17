"""Population attributes by postal code: reading a table of them, and who lives where."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from evalkit.core.errors import ConfigError, one_line
from evalkit.core.files import regular
from evalkit.core.ledger import NAMED, LeftOut
from evalkit.statistics.labels import UNKNOWN, labels_of

WHERE = "table of postal codes"
NO_CODE = "no postal code is known"
NOT_THERE = "the postal code is not in the table"
SEVERAL = "the postal code could be several of the table"
MOST_ABOVE_ONE = 0.05
"""Part of a column's numbers, or one number, that may be above 1 before it is no column of
shares."""
MOST_UNKNOWN = 0.1
"""Part of the speakers of whom an attribute may be unknown before it is not searched."""


class PostalCodes(NamedTuple):
    """``shares`` are attributes in [0, 1] by postal code, NaN where unknown; and the rows, columns
    and cells of the table that are none."""

    shares: pd.DataFrame
    left_out: list[LeftOut]


class Homes(NamedTuple):
    """``attributes`` of every speaker's postal code (n rows), NaN where unknown, and what takes no
    part in a search by them."""

    attributes: pd.DataFrame
    left_out: list[LeftOut]


def read_postcodes(path: Path) -> PostalCodes:
    """The columns of a CSV table whose values are shares, by its column ``postcode``; a cell that
    is blank, text, negative or above 1 is unknown, and a row of more or fewer cells than there are
    columns is left out. Raises ConfigError where there are none, and for two columns of one
    name."""
    table, odd = _table(path)
    if "postcode" not in table:
        raise ConfigError(f"{path}: has no column 'postcode'; it has {', '.join(table.columns)}")
    codes = labels_of(table.pop("postcode"))
    known = codes != UNKNOWN
    twice = codes[known & codes.duplicated()]
    if len(twice):
        raise ConfigError(f"{path}: postcode {twice.iloc[0]!r} is there twice")
    blank = [f"row {i}" for i, there in enumerate(known, 1) if not there]
    left_out = [LeftOut("row", WHERE, "no postal code", len(blank), tuple(blank[:NAMED]))]
    shares, bad = _shares(table[known].set_axis(codes[known]))
    if shares.empty:
        raise ConfigError(f"{path}: has no column of shares between 0 and 1")
    return PostalCodes(shares, [*odd, *(left_out if blank else []), *bad])


def _table(path: Path) -> tuple[pd.DataFrame, list[LeftOut]]:
    """The cells of a CSV file, and the rows that do not fit its header."""
    try:
        with regular(path).open(encoding="utf-8-sig", newline="") as file:
            rows = list(filter(None, csv.reader(file, strict=True)))
    except (OSError, ValueError, csv.Error) as error:
        raise ConfigError(f"{path}: cannot be read as CSV ({one_line(error)})") from error
    if not rows:
        raise ConfigError(f"{path}: cannot be read as CSV (it is empty)")
    header, *rows = rows
    twice = [name for name in header if header.count(name) > 1]
    if twice:
        raise ConfigError(f"{path}: {header.count(twice[0])} columns are called {twice[0]!r}; "
                          "rename or remove all but one")
    odd = [f"row {i}" for i, row in enumerate(rows, 1) if len(row) != len(header)]
    left_out = [LeftOut("row", WHERE, "more or fewer cells than there are columns", len(odd),
                        tuple(odd[:NAMED]))] if odd else []
    return pd.DataFrame([row for row in rows if len(row) == len(header)], columns=header,
                        dtype=str), left_out


def attributes_of(postcodes: pd.Series, owner: np.ndarray, ids: np.ndarray, shares: pd.DataFrame
                  ) -> Homes:
    """``postcodes`` are those of utterances, whose ``owner`` is a number of the speakers ``ids``
    (n,); a speaker lives where most of the utterances say."""
    homes = _homes(postcodes, owner, len(ids))
    place, why = _matched(homes, shares.index, pd.api.types.is_numeric_dtype(postcodes))
    left_out = [*_movers(postcodes, owner, ids), *_unmatched(homes, ids, why)]
    found = place >= 0
    attributes = shares.iloc[np.where(found, place, 0)].reset_index(drop=True)
    attributes = attributes.where(pd.Series(found), axis=0)
    sparse = attributes[found].isna().mean() > MOST_UNKNOWN
    if sparse.any():
        left_out.append(LeftOut(
            "column", WHERE, f"unknown of more than {MOST_UNKNOWN:.0%} of the speakers",
            int(sparse.sum()), tuple(sparse.index[sparse][:NAMED])))
    return Homes(attributes.loc[:, ~sparse], left_out)


def _shares(table: pd.DataFrame) -> tuple[pd.DataFrame, list[LeftOut]]:
    """The columns of shares of a ``table`` by postal code, and the columns and cells that hold
    none."""
    shares, left_out = {}, []
    for name, texts in table.items():
        numbers = pd.to_numeric(texts.str.strip(), errors="coerce")
        good = numbers.between(0, 1)
        above = int((numbers > 1).sum())
        if not good.any() or good.sum() * 2 < (texts.str.strip() != "").sum() or (
                above > max(1, MOST_ABOVE_ONE * len(table))):
            left_out.append(LeftOut("column", WHERE, "no shares between 0 and 1",
                                    names=(str(name),)))
            continue
        shares[str(name)] = numbers.where(good)
        if not good.all():
            bad = table.index[~good]
            left_out.append(LeftOut("cell", WHERE, f"{name}: no share between 0 and 1", len(bad),
                                    tuple(map(str, bad[:NAMED]))))
    return pd.DataFrame(shares, index=table.index), left_out


def _movers(postcodes: pd.Series, owner: np.ndarray, ids: np.ndarray) -> Iterator[LeftOut]:
    """The codes of speakers with several that do not count."""
    codes = labels_of(postcodes).reset_index(drop=True)
    known = (codes != UNKNOWN).to_numpy(bool)
    n = codes[known].groupby(owner[known]).nunique()
    movers = ids[n.index[n > 1]]
    if len(movers):
        yield LeftOut("cell", "postal codes", "of a speaker with several, of which the most "
                      "frequent counts", int((n - 1).sum()), tuple(map(str, movers[:NAMED])))


def _homes(postcodes: pd.Series, owner: np.ndarray, n: int) -> pd.Series:
    """The postal code of each of ``n`` speakers, the most frequent one that is known, of several
    the first in order; UNKNOWN where none is."""
    labels = labels_of(postcodes).to_numpy(object)
    table = pd.DataFrame({"owner": owner, "code": labels})
    counts = table[table["code"] != UNKNOWN].value_counts(sort=False).reset_index(name="n")
    counts = counts.sort_values(["owner", "n", "code"], ascending=[True, False, True])
    first = counts.drop_duplicates("owner").set_index("owner")["code"]
    return first.reindex(range(n)).fillna(UNKNOWN)


def _matched(homes: pd.Series, codes: pd.Index, as_numbers: bool
             ) -> tuple[np.ndarray, np.ndarray]:
    """The place in ``codes`` of every speaker's postal code, -1 where there is none, and why.

    Codes are the same up to spaces, hyphens, capital letters and leading zeros, which tables
    lose; where several of the table are, the one that is written in the same way is meant, and
    none if codes were read ``as_numbers``, which have no leading zeros."""
    alike = pd.Series(range(len(codes))).groupby([_key(code) for code in codes]).agg(list)
    exact = {code: i for i, code in enumerate(codes)}
    found: dict[str, tuple[int, str]] = {UNKNOWN: (-1, NO_CODE)}
    for code in set(homes) - {UNKNOWN}:
        same = alike.get(_key(code), [])
        if len(same) > 1 and not as_numbers and code in exact:
            same = [exact[code]]
        found[code] = (same[0], "") if len(same) == 1 else (-1, SEVERAL if same else NOT_THERE)
    place, why = zip(*(found[code] for code in homes), strict=True) if len(homes) else ((), ())
    return np.array(place, int), np.array(why, object)


def _unmatched(homes: pd.Series, ids: np.ndarray, why: np.ndarray) -> Iterator[LeftOut]:
    """The speakers without a code of the table, and the codes."""
    for reason in (NO_CODE, NOT_THERE, SEVERAL):
        at = why == reason
        if at.any():
            yield LeftOut("speaker", "postal codes", reason, int(at.sum()),
                          tuple(map(str, ids[at][:NAMED])))
        codes = sorted(set(homes[at]) - {UNKNOWN})
        if codes:
            yield LeftOut("postal code", WHERE, reason, len(codes), tuple(codes[:NAMED]))


def _key(code: str) -> str:
    plain = code.replace(" ", "").replace("-", "").upper()
    return plain.lstrip("0") or plain[:1]
