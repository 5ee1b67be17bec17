"""The utterances of a page as one compact JSON document, which its script unfolds.

    pipelines, conditions, main      names; ``main`` is the pipeline that the page is about
    metrics    name, title, unit, decimals, worse (1: more is worse, -1), count (of errors), derived
    columns    name, labels: what can be grouped by
    id, text, speaker, groups        of every utterance; the last two are places in speakers, labels
    cells      of every pipeline ``p`` and condition ``c`` a list of rows:
        u      places of the utterances; 0 where they are all, in their order
        d      per row: the difference from the reference (encoding.py), a text that was not
               aligned, or null where there is none
        m      per metric: values in the unit shown; [amounts, weights] of a count, whose weights
               are 0 where they are those of the first cell that has it; 0 where it is ``derived``
               from the difference: errors and the words of the reference
        r, k, l, f, s   by the place of the row, of few rows: a reference of its own;
               [substitutions, deletions, insertions, length] where the difference is cut; a loop;
               why it failed, a place in ``reasons``; places in ``sounds``
    sounds     recordings: label, source, picture, note
    shown, total                     how many rows of how many
    earlier    the pipelines, by their places, that are of an earlier run; where there is one
    halves     pipeline, condition (-1: all), utterances, errors, and how many make half of them
    confused, wrong                  where not all rows are here: words of all, by "p,c"
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from evalkit.core.loops import Loop
from evalkit.core.text import printable
from evalkit.core.types import Fact
from evalkit.report.explorer import encoding
from evalkit.report.explorer.reading import COUNTS, pairs_of
from evalkit.report.recordings import Player

KEYS = ["pipeline", "condition", "utterance_id"]
Node = dict[str, Any]


@dataclass(frozen=True)
class Utterances:
    """What a document is made of. ``rows`` are those of the page (Reading.rows with ``alignment``,
    ``amount``, ``weight`` and ``why`` it failed), ``described`` the manifest's of their utterances,
    ``labels`` the groups by column and utterance_id; ``scores`` are those of ``facts``, of which
    the first is the main one; ``players`` are by KEYS."""

    rows: pd.DataFrame
    described: pd.DataFrame
    labels: Mapping[str, pd.Series]
    facts: Mapping[str, Fact]
    scores: pd.DataFrame
    players: Mapping[tuple[str, str, str], Sequence[Player]]


def document(of: Utterances, pipelines: Sequence[str], conditions: Sequence[str]) -> Node:
    """The part of the document that says what utterances there are and what became of them."""
    ids = [str(name) for name in of.described["utterance_id"]]
    pairs = [pairs_of(text) for text in of.rows["alignment"]]
    short = [None if each is None else encoding.shortened(each) for each in pairs]
    texts = _texts(of, short)
    metrics = _Metrics(of)
    rows = of.rows.assign(pairs=pd.Series(pairs, of.rows.index, dtype=object),
                          short=pd.Series(short, of.rows.index, dtype=object))
    reasons = {why: i for i, why in enumerate(dict.fromkeys(rows["why"].dropna()))}
    sounds: dict[Player, int] = {}
    places = {name: i for i, name in enumerate(ids)}
    cells = [_Cell(cell, of, places, texts, sounds).node(metrics, reasons)
             | {"p": pipelines.index(p), "c": conditions.index(c)}
             for (p, c), cell in rows.groupby(["pipeline", "condition"], sort=False)]
    return {"pipelines": _clean(pipelines), "conditions": _clean(conditions),
            "metrics": metrics.nodes(), "columns": _columns(of, ids),
            "id": _clean(ids), "text": [encoding.text(texts[name]) for name in ids],
            **_speakers(of.described), "groups": _groups(of, ids), "reasons": _clean(reasons),
            "cells": cells, "sounds": [
                [p.label, p.source, p.picture, printable(p.note)] for p in sounds]}


def in_page(node: Node) -> Markup:
    """JSON for a ``script`` of a page, which nothing in it can end."""
    written = json.dumps(node, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(written.replace("<", "\\u003c"))  # noqa: S704 -- escaped here


def _texts(of: Utterances, pairs: Sequence[Sequence[Any] | None]) -> dict[str, list[str]]:
    """The words of every utterance: of its first alignment, or else of the manifest's text."""
    said = of.described.set_index("utterance_id").get("text", pd.Series(dtype=object)).dropna()
    texts = {str(name): printable(text).split() for name, text in said.items()}
    found: dict[str, list[str]] = {}
    for name, each in zip(of.rows["utterance_id"], pairs, strict=True):
        if each is not None and name not in found:
            found[name] = encoding.reference(each)
    every: dict[str, list[str]] = {str(name): [] for name in of.described["utterance_id"]}
    return every | {name: words[:encoding.MOST_WORDS] for name, words in texts.items()} | found


@dataclass(frozen=True)
class _Cell:
    """The rows of one pipeline and condition; ``places`` are those of the utterances, ``sounds``
    those of the recordings, to which those of the rows are added."""

    rows: pd.DataFrame
    of: Utterances
    places: Mapping[str, int]
    texts: Mapping[str, list[str]]
    sounds: dict[Player, int]

    def node(self, metrics: _Metrics, reasons: Mapping[str, int]) -> Node:
        at = [self.places[name] for name in self.rows["utterance_id"]]
        few = {"r": self._own_texts(), "k": self._cut(), "l": self._loops(),
               "f": {str(i): place for i, why in enumerate(self.rows["why"])
                     if (place := reasons.get(why)) is not None},
               "s": self._sounds()}
        return {"u": 0 if at == list(range(len(self.places))) else at,
                "d": [_differs(short, text) for short, text in zip(
                    self.rows["short"], self.rows["hypothesis"], strict=True)],
                "m": metrics.values(self.rows)} | {key: part for key, part in few.items() if part}

    def _own_texts(self) -> Node:
        """References that are not those of the utterance, since there were alternatives."""
        return {str(i): encoding.text(encoding.reference(short)) for i, (name, short) in enumerate(
            zip(self.rows["utterance_id"], self.rows["short"], strict=True))
            if short is not None and encoding.reference(short) != self.texts[name]}

    def _cut(self) -> Node:
        """The counts of what is shown in part."""
        long = [len(pairs or ()) > len(short or ()) for pairs, short in zip(
            self.rows["pairs"], self.rows["short"], strict=True)]
        counts = self.rows[COUNTS].to_numpy()
        return {str(i): [int(n) for n in counts[i]] for i, cut in enumerate(long) if cut}

    def _loops(self) -> Node:
        return {str(i): [printable(" ".join(loop.words)), loop.times]
                for i, loop in enumerate(self.rows["loop"]) if isinstance(loop, Loop)}

    def _sounds(self) -> Node:
        keys = zip(*(self.rows[key] for key in KEYS), strict=True)
        return {str(i): [self.sounds.setdefault(p, len(self.sounds)) for p in players]
                for i, key in enumerate(keys) if (players := self.of.players.get(key))}


def _differs(short: Sequence[Any] | None, hypothesis: Any) -> Any:
    if short is not None:
        return encoding.difference(short)
    return printable(hypothesis) if isinstance(hypothesis, str) else None


class _Metrics:
    """The values of every metric, by the keys of their rows."""

    def __init__(self, of: Utterances) -> None:
        self.facts = of.facts
        self.weights: dict[str, list[float | int | None]] = {}
        self.wide = {name: rows.set_index(KEYS)[["amount", "weight"]]
                     for name, rows in of.scores.groupby("metric", sort=False)}
        main = next(iter(of.facts))
        counted = of.rows[["substitutions", "deletions", "insertions"]].sum(axis=1, skipna=False)
        rows = of.rows[of.rows["amount"].notna()]
        self.derived = main if of.facts[main].is_count and counted[rows.index].equals(
            rows["amount"]) and rows["length"].equals(rows["weight"].rename("length")) else ""

    def nodes(self) -> list[Node]:
        """What each metric is."""
        return [{"name": name, "title": printable(fact.named(name)), "unit": printable(fact.unit),
                 "scale": fact.scale, "decimals": max(0, min(fact.decimals, 6)),
                 "worse": fact.worse, "count": fact.is_count, "derived": name == self.derived}
                for name, fact in self.facts.items()]

    def values(self, rows: pd.DataFrame) -> list[Any]:
        """Of the rows of a cell, a part a metric."""
        keys = pd.MultiIndex.from_frame(rows[KEYS])
        return [self._of(name, fact, keys) for name, fact in self.facts.items()]

    def _of(self, name: str, fact: Fact, keys: pd.MultiIndex) -> Any:
        if name == self.derived or name not in self.wide:
            return 0
        found = self.wide[name].reindex(keys)
        if found["amount"].isna().all():
            return 0
        if fact.is_count:
            amounts, weights = ([_number(n, 3) for n in found[key]] for key in ("amount", "weight"))
            first = self.weights.setdefault(name, weights)
            return [amounts, weights if first is weights or first != weights else 0]
        values = fact.scale * found["amount"] / found["weight"].where(found["weight"] != 0)
        return [_number(value, fact.decimals) for value in values]


def _number(value: float, decimals: int) -> float | int | None:
    """``value`` as short as it is written; None where there is none."""
    if not math.isfinite(value):
        return None
    rounded = round(value, max(0, min(decimals, 6)))
    return int(rounded) if rounded == int(rounded) else rounded


def _speakers(described: pd.DataFrame) -> Node:
    """Of every utterance the place of its speaker; nothing of a corpus that names none."""
    if "speaker_id" not in described or described["speaker_id"].isna().all():
        return {}
    places, names = pd.factorize(described["speaker_id"])
    return {"speakers": _clean(map(str, names)), "speaker": [int(n) for n in places]}


def _columns(of: Utterances, ids: Sequence[str]) -> list[Node]:
    return [{"name": printable(name), "labels": _clean(_known(groups, ids))}
            for name, groups in of.labels.items()]


def _groups(of: Utterances, ids: Sequence[str]) -> list[list[int]]:
    """Per column the place of every utterance's label."""
    found = []
    for groups in of.labels.values():
        place = {label: i for i, label in enumerate(_known(groups, ids))}
        found.append([place[label] for label in groups.loc[list(ids)]])
    return found


def _known(groups: pd.Series, ids: Sequence[str]) -> list[str]:
    return sorted(set(groups.loc[list(ids)]))


def _clean(names: Any) -> list[str]:
    return [printable(name) for name in names]
