"""Every utterance of a run under every pipeline and condition, a row each: CSV or Parquet.

``docs/exports.md`` says what each column is; a test reads it there.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from evalkit.core.errors import ConfigError
from evalkit.core.files import replacing
from evalkit.core.ledger import LeftOut
from evalkit.core.names import offer
from evalkit.core.types import Fact
from evalkit.exports.publication import Publication, too_few
from evalkit.exports.shards import KEYS, Piece, pieces
from evalkit.report.explorer.reading import read
from evalkit.report.table import full, quoted
from evalkit.statistics.grouping import check_columns, metadata_columns
from evalkit.store.runfolder import RunFolder
from evalkit.store.scores import ratio

TEXT, NUMBER, WHOLE, FLAG = pa.string(), pa.float64(), pa.int64(), pa.bool_()
METADATA, SCORE = "metadata.", "score."
"""What names of the corpus and of metrics stand behind, since they may be anything."""
FIRST = {"pipeline": TEXT, "condition": TEXT, "utterance_id": TEXT, "speaker_id": TEXT,
         "audio": TEXT, "offset, s": NUMBER, "duration, s": NUMBER}
WORDS = {"reference": TEXT, "hypothesis": TEXT, "substitutions": WHOLE, "deletions": WHOLE,
         "insertions": WHOLE, "hits": WHOLE, "loop": TEXT, "loop times": WHOLE,
         "words where nothing was said": FLAG}
LAST = {"failed": TEXT}
PRIVATE = frozenset({"audio", "offset, s", "reference", "hypothesis", "loop"})
"""Columns that are not for publication: where a recording is, and what somebody said."""
WRITERS = (".csv", ".parquet")


@dataclass(frozen=True)
class Layout:
    """The columns of the table: ``metadata`` are the corpus's, ``facts`` the metrics."""

    utterances: pd.DataFrame
    metadata: Sequence[str]
    facts: Mapping[str, Fact]
    publication: Publication | None = None

    @property
    def schema(self) -> pa.Schema:
        """The columns in their order."""
        types = pa.Schema.from_pandas(self.utterances[list(self.metadata)], preserve_index=False)
        of_corpus = {f"{METADATA}{name}": _simple(types.field(name).type)
                     for name in self.metadata}
        columns = FIRST | of_corpus | WORDS | dict.fromkeys(self._scores, NUMBER) | LAST
        return pa.schema([(name, kind) for name, kind in columns.items()
                          if self.publication is None or name not in PRIVATE])

    @cached_property
    def _corpus(self) -> pd.DataFrame:
        """By utterance, apart from the outputs: a column of the corpus may have the name of one of
        theirs, such as "condition"."""
        return self.utterances.set_index("utterance_id")

    @property
    def _scores(self) -> list[str]:
        return [name for metric, fact in self.facts.items() for name in score_columns(metric, fact)]

    def table(self, piece: Piece) -> pa.Table:
        """A row an output."""
        rows = self._corpus.reindex(piece.outputs["utterance_id"]).reset_index(drop=True)
        columns = {"speaker_id": rows["speaker_id"], "audio": rows["audio"],
                   "offset, s": rows["offset"], "duration, s": rows["duration"],
                   "reference": rows["text"], **{name: piece.outputs[name] for name in KEYS},
                   "hypothesis": piece.outputs["hypothesis"],
                   **{f"{METADATA}{name}": rows[name] for name in self.metadata},
                   **_words(piece.outputs), **_scored(piece, self.facts),
                   "failed": _failed(piece, whole=self.publication is None)}
        if self.publication is not None:
            for name in ("utterance_id", "speaker_id"):
                columns[name] = columns[name].map(self.publication.digest, na_action="ignore")
        return pa.table([_array(columns[field.name], field.type) for field in self.schema],
                        schema=self.schema)


def export_utterances(run: Path, out: Path, by: Sequence[str] | None = None,
                      publication: Publication | None = None) -> tuple[int, list[LeftOut]]:
    """Writes the table of a run to ``out``, and returns how many rows it has and what it leaves
    out. ``by`` are the columns of metadata to write, all where it is None; for ``publication`` none
    unless named, labels of few people are blank, ids digests, and texts left out. Raises
    ConfigError for another suffix than one of WRITERS and for a column that there is not."""
    if out.suffix not in WRITERS:
        raise ConfigError(f"--out {out}: {offer(out.suffix, WRITERS)}")
    folder = RunFolder(run)
    utterances = folder.utterances()
    declared = metadata_columns(utterances)
    check_columns(by or [], declared, where="--by: ")
    names = [*declared] if by is None and publication is None else [*dict.fromkeys(by or [])]
    utterances, left_out = _large(utterances, names, publication)
    layout = Layout(utterances, names, _measured(folder), publication)
    n = 0
    with replacing(out) as path, _writer(path, layout.schema) as write:
        for table in map(layout.table, pieces(folder)):
            write(table)
            n += len(table)
    return n, left_out


def _measured(run: RunFolder) -> dict[str, Fact]:
    """What the metrics mean that have scores of utterances, trials and what is derived aside."""
    summed = {score.metric for score in run.summary().scores}
    return {name: fact for name, fact in run.record().metrics.items()
            if name in summed and fact.derived is None}


def score_columns(metric: str, fact: Fact) -> list[str]:
    """The names of the columns of a metric: its value in its unit, amount and weight."""
    unit = f", {fact.unit}" if fact.unit else ""
    return [f"{SCORE}{metric}{unit}", f"{SCORE}{metric}, amount", f"{SCORE}{metric}, weight"]


def _large(utterances: pd.DataFrame, names: Sequence[str], publication: Publication | None
           ) -> tuple[pd.DataFrame, list[LeftOut]]:
    """The utterances without the labels of too few people to be published, all columns crossed."""
    if publication is None or not names:
        return utterances, []
    label = utterances[list(names)].astype(str).agg("\0".join, axis=1)
    who = utterances["speaker_id"].fillna(utterances["utterance_id"])
    people = who.groupby(label).nunique().sort_values(kind="stable")
    few = too_few(people.tolist(), publication.floor)
    hidden = label.isin(people.index[:few])
    blank = utterances.assign(**{name: utterances[name].mask(hidden) for name in names})
    why = f"blank, since fewer than {publication.floor} people, or the next smallest, have them"
    return blank, [LeftOut("label", f"{', '.join(names)}, together", why, few)] if few else []


def _words(outputs: pd.DataFrame) -> dict[str, pd.Series]:
    """Errors of words by kind, by the run's alignment."""
    rows = read(outputs).rows
    loops = rows["loop"].map(lambda each: (" ".join(each.words), each.times), na_action="ignore")
    return {**{name: rows[name] for name in ("substitutions", "deletions", "insertions")},
            "hits": rows["length"] - rows["substitutions"] - rows["deletions"],
            "loop": loops.str[0], "loop times": loops.str[1],
            "words where nothing was said": rows["silence"].where(rows["length"].notna())}


def _scored(piece: Piece, facts: Mapping[str, Fact]) -> dict[str, pd.Series]:
    keys = pd.MultiIndex.from_frame(piece.outputs[KEYS])
    parts = dict(iter(piece.scores.groupby("metric", sort=False)))
    columns: dict[str, pd.Series] = {}
    for metric, fact in facts.items():
        rows = parts.get(metric, piece.scores.iloc[:0]).set_index(KEYS).reindex(keys)
        amount, weight = rows["amount"].to_numpy(), rows["weight"].to_numpy()
        values = fact.scale * ratio(amount, weight), amount, weight
        columns |= dict(zip(score_columns(metric, fact), map(pd.Series, values), strict=True))
    return columns


def _failed(piece: Piece, *, whole: bool) -> pd.Series:
    """Why the pipeline made nothing of it, or else why metrics have no value; in part the kinds of
    the failures alone, since reasons name files and people."""
    failures = piece.scores.loc[piece.scores["error"].notna(), [*KEYS, "metric", "error"]]
    said: dict[tuple[str, ...], dict[str, None]] = {}
    for *key, metric, error in failures.itertuples(index=False):
        said.setdefault(tuple(key), {})[f"{metric}: {_reason(error, whole)}"] = None
    keys = piece.outputs[KEYS].itertuples(index=False, name=None)
    return pd.Series([_reason(error, whole) if isinstance(error, str) else "; ".join(
        said.get(key, {})) or None for key, error in zip(keys, piece.outputs["error"],
                                                         strict=True)], dtype=object)


def _reason(error: str, whole: bool) -> str:
    return error if whole else error.partition(":")[0]


def _simple(kind: pa.DataType) -> pa.DataType:
    """Numbers as numbers, all else as text."""
    return NUMBER if pa.types.is_integer(kind) or pa.types.is_floating(kind) else TEXT


def _array(values: pd.Series, kind: pa.DataType) -> pa.Array:
    """A column with nothing where nothing is known."""
    known = values.astype(object).where(values.notna(), None)
    if kind in (WHOLE, NUMBER):
        return pa.array([None if each is None or not math.isfinite(each) else each
                         for each in known], NUMBER).cast(kind)
    return pa.array(known if kind == FLAG else [None if each is None else str(each)
                                                for each in known], kind)


@contextmanager
def _writer(path: Path, schema: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    """Writes tables one after another into a file of the kind that its suffix says."""
    if path.suffix == ".parquet":
        with pq.ParquetWriter(path, schema) as file:
            yield file.write_table
        return
    with path.open("w", encoding="utf-8", newline="") as text:
        lines = csv.writer(text, lineterminator="\n")
        lines.writerow(map(quoted, schema.names))
        yield lambda table: lines.writerows(
            map(_in_csv, row) for row in zip(*(column.to_pylist() for column in table.columns),
                                             strict=True))


def _in_csv(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return full(value)
    return quoted(str(value).lower() if isinstance(value, bool) else str(value))
