"""Speakers as the cohort finders see them: sums of one metric, and what is known of each."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from evalkit.cohorts.columns import searched_columns
from evalkit.cohorts.postcodes import PostalCodes, attributes_of
from evalkit.core.ledger import NAMED, LeftOut
from evalkit.statistics.labels import UNKNOWN, labels_of
from evalkit.store.scores import owners

PLACE = {"latitude": 90, "longitude": 360}
"""Columns of where a speaker lives, and the most degrees of each."""
HOME = (*PLACE, "postcode")
"""All columns that say where."""


@dataclass(frozen=True)
class Outcomes:
    """What was measured of every unit, a speaker or an utterance; all of shape (units,).

    ``harm`` is the metric's amount, negated where higher is better, so that a larger
    ``sum(harm) / sum(weight)`` is always worse. ``n`` counts measured utterances, ``n_failed``
    the others; ``speaker`` numbers the speakers 0, 1, …, every one of whom has a unit."""

    harm: np.ndarray
    weight: np.ndarray
    n: np.ndarray
    n_failed: np.ndarray
    speaker: np.ndarray

    def take(self, at: np.ndarray) -> Outcomes:
        """The units at the indices or where the mask ``at`` is true; speakers numbered anew."""
        _, speaker = np.unique(self.speaker[at], return_inverse=True)
        return Outcomes(self.harm[at], self.weight[at], self.n[at], self.n_failed[at], speaker)

    def shuffled(self, rng: np.random.Generator) -> Outcomes:
        """Every speaker with another's outcomes, in random order, and from the first again
        where the other has fewer; an exact permutation where all have equally many."""
        order = rng.permutation(len(self.speaker))
        order = order[np.argsort(self.speaker[order], kind="stable")]
        size = np.bincount(self.speaker)
        start = np.cumsum(size) - size
        owner = self.speaker[order]
        other = rng.permutation(len(size))[owner]
        source = np.empty_like(order)
        source[order] = order[start[other] + (np.arange(len(order)) - start[owner]) % size[other]]
        return replace(self, harm=self.harm[source], weight=self.weight[source],
                       n=self.n[source], n_failed=self.n_failed[source])


@dataclass(frozen=True)
class Speakers:
    """Speakers (n), their utterances (m rows, one a condition) and what is known of both.

    ``location`` (n, 2) is latitude and longitude in degrees, ``embedding`` (n, d) of unit
    length, ``attributes`` (n rows) what is known of where they live as shares in [0, 1]; NaN
    where unknown, no columns where nothing is known of anybody. ``labels`` (n rows) and
    ``utterance_labels`` (m rows) hold declared groups as text, "unknown" where missing; a
    column of the first is constant within every speaker. ``sign`` times harm is the metric's
    own amount. ``left_out`` is what of the run's tables is in none of these, and ``warnings``
    what to know of them, also after ``take``."""

    ids: np.ndarray
    by_speaker: Outcomes
    by_utterance: Outcomes
    utterance_ids: np.ndarray
    location: np.ndarray
    embedding: np.ndarray
    attributes: pd.DataFrame
    labels: pd.DataFrame
    utterance_labels: pd.DataFrame
    sign: int = 1
    left_out: tuple[LeftOut, ...] = ()
    warnings: tuple[str, ...] = ()

    def take(self, chosen: np.ndarray) -> Speakers:
        """The speakers where ``chosen`` (n,) is true."""
        rows = chosen[self.by_utterance.speaker]
        return replace(
            self, ids=self.ids[chosen], by_speaker=self.by_speaker.take(chosen),
            by_utterance=self.by_utterance.take(rows), utterance_ids=self.utterance_ids[rows],
            location=self.location[chosen], embedding=self.embedding[chosen],
            attributes=self.attributes[chosen].reset_index(drop=True),
            labels=self.labels[chosen].reset_index(drop=True),
            utterance_labels=self.utterance_labels[rows].reset_index(drop=True))


def speakers_of(rows: pd.DataFrame, utterances: pd.DataFrame, *, higher_is_better: bool = False,
              vectors: pd.DataFrame | None = None, postcodes: PostalCodes | None = None,
              metrics: Collection[str] = (), allowed: Collection[str] = ()) -> Speakers:
    """Assembles Speakers from the rows of one metric (columns of the scores table), the run's
    ``utterances``, speaker ``vectors`` indexed by speaker id, and a table of ``postcodes``. A
    column that is an outcome, by the names of the run's ``metrics`` too, is left out unless
    ``allowed``.

    An utterance without a speaker is a speaker of its own, named after the utterance."""
    columns = searched_columns(utterances, rows, metrics, allowed)
    rows = rows.assign(speaker_id=owners(rows))
    code, speakers = pd.factorize(rows["speaker_id"], sort=True)
    ids = np.asarray(speakers, object)
    place = pd.Index(utterances["utterance_id"]).get_indexer(rows["utterance_id"])
    facts = _rows(utterances[[name for name in HOME if name in utterances]], place)
    labels = _rows(columns.labels, place).fillna(UNKNOWN)
    by_utterance = _outcomes(rows, code, -1 if higher_is_better else 1)
    by_speaker = summed(by_utterance)
    of_speakers = [name for name in labels if labels[name].groupby(code).nunique().max() == 1]
    first = np.unique(code, return_index=True)[1]
    attributes, unplaced = _attributes(facts, code, ids, postcodes)
    left_out = [*columns.left_out, *unplaced,
                *named_speakers("discovery", "nothing was measured of them", ids,
                                by_speaker.n == 0), *_unmeasured(rows, by_speaker.n[code] > 0),
                *named_speakers("places", "a latitude or longitude that is off the globe or no "
                                "number counts as unknown", ids,
                                np.isin(np.arange(len(ids)), code[_misplaced(facts)]))]
    return Speakers(
        ids, by_speaker, by_utterance, rows["utterance_id"].to_numpy(object),
        _locations(facts, code), _aligned(vectors, speakers).to_numpy(float), attributes,
        labels[of_speakers].iloc[first].reset_index(drop=True), labels,
        -1 if higher_is_better else 1, tuple(left_out), tuple(columns.warnings))


def named_speakers(where: str, why: str, ids: np.ndarray, which: np.ndarray) -> list[LeftOut]:
    """The speakers ``which`` (n,) as a record of the ledger; none where there are none."""
    n = int(which.sum())
    return [LeftOut("speaker", where, why, n, tuple(map(str, ids[which][:NAMED])))] if n else []


def _unmeasured(rows: pd.DataFrame, measured: np.ndarray) -> list[LeftOut]:
    """The utterances without a value, of speakers who are ``measured`` (a bool a row) by others."""
    names = rows.loc[rows["error"].notna().to_numpy() & measured, "utterance_id"].unique()
    return [LeftOut("utterance", "discovery", "no value", len(names),
                    tuple(map(str, names[:NAMED])))] if len(names) else []


def summed(outcomes: Outcomes) -> Outcomes:
    """One unit a speaker."""
    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(outcomes.speaker, values)

    n = total(outcomes.n)
    return Outcomes(total(outcomes.harm), total(outcomes.weight), n, total(outcomes.n_failed),
                    np.arange(len(n)))


def largest_gap(longitude: np.ndarray) -> float:
    """The middle, in degrees east, of the widest arc of the globe without any ``longitude``."""
    around = np.unique(longitude[~np.isnan(longitude)] % 360)
    if len(around) < 2:
        return float(around[0] + 180) % 360 if len(around) else 180.0
    width = np.diff(np.append(around, around[0] + 360))
    widest = int(width.argmax())
    return float((around[widest] + width[widest] / 2) % 360)


def eastward(longitude: np.ndarray, cut: float) -> np.ndarray:
    """Degrees east of the meridian ``cut``, in [0, 360): no cohort is torn where they wrap."""
    return (longitude - cut) % 360


def _rows(table: pd.DataFrame, place: np.ndarray) -> pd.DataFrame:
    """The rows at ``place`` of a table that is numbered; missing ones where that is -1."""
    return table.reset_index(drop=True).reindex(place).reset_index(drop=True)


def _outcomes(rows: pd.DataFrame, code: np.ndarray, sign: int) -> Outcomes:
    measured = rows["error"].isna().to_numpy()
    harm = sign * np.where(measured, rows["amount"].to_numpy(float), 0.0)
    weight = np.where(measured, rows["weight"].to_numpy(float), 0.0)
    return Outcomes(harm, weight, measured.astype(float), (~measured).astype(float), code)


def _locations(facts: pd.DataFrame, code: np.ndarray) -> np.ndarray:
    """Median latitude and longitude of every speaker; NaN where not on the globe."""
    place = np.stack([_numbers(facts, name) for name in PLACE], axis=1)
    place[(np.abs(place) > list(PLACE.values())).any(axis=1)] = np.nan
    place[np.isnan(place).any(axis=1)] = np.nan
    cut = largest_gap(place[:, 1])
    place[:, 1] = eastward(place[:, 1], cut)
    median = pd.DataFrame(place).groupby(code).median().to_numpy(copy=True)
    median[:, 1] = (median[:, 1] + cut + 180) % 360 - 180
    return median


def _misplaced(facts: pd.DataFrame) -> np.ndarray:
    """Which rows have a latitude or longitude that is off the globe or no number, of bool."""
    misplaced = np.zeros(len(facts), bool)
    for name, most in PLACE.items():
        if name in facts:
            given = (labels_of(facts[name]) != UNKNOWN).to_numpy(bool)
            misplaced |= given & ~(np.abs(_numbers(facts, name)) <= most)
    return misplaced


def _numbers(facts: pd.DataFrame, name: str) -> np.ndarray:
    if name not in facts:
        return np.full(len(facts), np.nan)
    return pd.to_numeric(facts[name], errors="coerce").to_numpy(float, copy=True)


def _attributes(facts: pd.DataFrame, code: np.ndarray, ids: np.ndarray,
                postcodes: PostalCodes | None) -> tuple[pd.DataFrame, list[LeftOut]]:
    """What is known of where every speaker lives, and what is not."""
    if postcodes is None or "postcode" not in facts:
        return pd.DataFrame(index=range(len(ids))), []
    homes = attributes_of(facts["postcode"], code, ids, postcodes.shares)
    return homes.attributes, [*postcodes.left_out, *homes.left_out]


def _aligned(table: pd.DataFrame | None, keys: pd.Index) -> pd.DataFrame:
    """The rows of ``table`` for ``keys``, NaN where it has none."""
    if table is None:
        return pd.DataFrame(index=range(len(keys)))
    return table.reindex(keys).reset_index(drop=True)

