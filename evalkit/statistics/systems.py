"""Is one system better than another on the same recordings, by every test the field uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evalkit.core.alignment import Alignment, align
from evalkit.core.ledger import NAMED, LeftOut
from evalkit.core.types import Fact, Interval
from evalkit.statistics.bootstrap import DEFAULT, Contrast, Resampling, intervals, on_scale
from evalkit.statistics.groups import NOTHING
from evalkit.statistics.matched_pairs import (
    MatchedPairs,
    PairedTest,
    Segment,
    mapsswe,
    mcnemar,
    segments,
    wilcoxon,
)
from evalkit.statistics.sums import speaker_sums
from evalkit.statistics.very_many import how_drawn

NOT_COMPARED = "no utterance was measured with both systems: nothing to compare"


@dataclass(frozen=True)
class SystemComparison:
    """Systems ``a`` and ``b`` by ``metric`` on the ``n`` utterances that both were measured on;
    those that have a score of one only are ``left_out``. ``difference`` is the rate of a minus the
    rate of b on the same draws of speakers: it decides. ``matched_pairs`` needs alignments,
    ``sentences`` a count metric; None where they do not apply."""

    a: str
    b: str
    metric: str
    n: int
    rate_a: Interval
    rate_b: Interval
    difference: Interval
    speakers: PairedTest
    sentences: PairedTest | None
    matched_pairs: MatchedPairs | None
    warnings: list[str]
    left_out: list[LeftOut]


def compare_systems(a: pd.DataFrame, b: pd.DataFrame, names: tuple[str, str] = ("a", "b"), *,
                    alignments: tuple[Mapping[str, str], Mapping[str, str]] | None = None,
                    fact: Fact, resampling: Resampling = DEFAULT) -> SystemComparison:
    """Compares rows of the scores table for one metric, pipeline and condition each, paired by
    utterance. ``fact`` says what the metric means: where it counts errors, an amount of 0 is a
    sentence without error. ``alignments`` map utterances to the JSON of evalkit.core.alignment;
    they are aligned anew with sclite's costs."""
    common, dropped = _common(a, b)
    both = pd.concat([a.assign(system="0"), b.assign(system="1")])
    metric, lost = ", ".join(_names(both, "metric")), _one_sided(both, names, dropped)
    if common.empty:
        return _uncompared(names, metric, lost)
    sums = speaker_sums(both[both["utterance_id"].isin(common)], system="system")
    wanted = [Contrast((0, 0)), Contrast((0, 1)), Contrast((0, 0), (0, 1))]
    rate_a, rate_b, difference = intervals(sums, wanted, resampling)
    sentences = mcnemar(*(_errorless(side, common) for side in (a, b))) if fact.is_count else None
    pairs = _matched(common, *alignments) if alignments is not None else None
    warnings = [note for note in (sums.warning, how_drawn(sums, resampling)) if note]
    rate_a, rate_b = (on_scale(rate, fact.bounds) for rate in (rate_a, rate_b))
    return SystemComparison(*names, metric, len(common), rate_a, rate_b, difference,
                            wilcoxon(sums, 0, 1, higher_is_better=bool(fact.higher_is_better)),
                            sentences, pairs, warnings, lost)


def _uncompared(names: tuple[str, str], metric: str, lost: list[LeftOut]) -> SystemComparison:
    """Of two systems that were measured on no utterance in common."""
    return SystemComparison(*names, metric, 0, NOTHING, NOTHING, NOTHING,
                            PairedTest(0, 0, 0, np.nan), None, None, [NOT_COMPARED], lost)


def _one_sided(both: pd.DataFrame, names: tuple[str, str], dropped: pd.Index) -> list[LeftOut]:
    """The utterances that are ``dropped`` since one of the two has no score."""
    return [LeftOut("utterance", _place(both, names), "no score of one of the two", len(dropped),
                    tuple(dropped[:NAMED]))] if len(dropped) else []


def _place(scores: pd.DataFrame, names: tuple[str, str]) -> str:
    """Such as "wer of medium against small, clean"."""
    metrics, conditions = (_names(scores, key) for key in ("metric", "condition"))
    of = f"{', '.join(metrics)} of " if metrics else ""
    return ", ".join([f"{of}{names[0]} against {names[1]}", *conditions])


def _names(scores: pd.DataFrame, column: str) -> list[str]:
    return list(map(str, scores.get(column, pd.Series(dtype=str)).unique()))


def _common(a: pd.DataFrame, b: pd.DataFrame) -> tuple[pd.Index, pd.Index]:
    """The utterances that both have a score of, and those that one has."""
    ids = [pd.Index(side.loc[side["error"].isna(), "utterance_id"]) for side in (a, b)]
    common = ids[0].intersection(ids[1]).sort_values()
    return common, ids[0].symmetric_difference(ids[1])


def _errorless(side: pd.DataFrame, common: pd.Index) -> np.ndarray:
    return side.set_index("utterance_id")["amount"].loc[common].to_numpy() == 0


def _matched(common: pd.Index, a: Mapping[str, str], b: Mapping[str, str]) -> MatchedPairs:
    return mapsswe(segment for utterance in common for segment in _segments(
        _sclite(a[utterance]), _sclite(b[utterance])))


def _segments(a: Alignment, b: Alignment) -> list[Segment]:
    """Those of one utterance; it is a segment as a whole where the two were compared with different
    readings of its reference."""
    if [ref for _, ref, _ in a.pairs if ref] == [ref for _, ref, _ in b.pairs if ref]:
        return segments(a.pairs, b.pairs)
    return [Segment(max(a.edits.reference_length, b.edits.reference_length), a.edits.errors,
                    b.edits.errors)]


def _sclite(text: str) -> Alignment:
    pairs = Alignment.from_json(text).pairs
    return align([ref for _, ref, _ in pairs if ref is not None],
                 [hyp for _, _, hyp in pairs if hyp is not None], costs="sclite")
