"""Columns of metadata that are outcomes: what was measured, under another name.

A table of results that becomes a manifest brings its own error rates, hypotheses and paths along.
Groups of such a column say what was measured and not who is served, and they are always
"confirmed". So they are set aside and named, and used only where somebody asks for them.

A column is an outcome by its name, or because it determines what was measured. For the second,
its labels are put in the order of their mean rate, and at every cut between them we look at the
units whose rate is next to it. What is known of people before they speak shifts rates, and luck
blurs the cut: units of both sides are mixed there, however strongly the labels differ. A function
of the outcome cuts it as if with a knife.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from scipy import special

from evalkit.core.plugins import available
from evalkit.statistics.labels import UNKNOWN
from evalkit.store.scores import ratio

METRIC_WORDS = frozenset({
    "wer", "cer", "mer", "wil", "wip", "ter", "eer", "dcf", "mindcf", "bleu", "chrf", "pesq",
    "sdr", "sisdr", "sdri", "snri", "dnsmos", "nisqa", "utmos", "err", "errs", "error",
    "errors", "mistakes", "correct", "incorrect", "wrong", "substitutions", "deletions",
    "insertions", "hits", "accuracy", "perplexity", "confidence", "logprob", "loss",
    "rtf", "rtfx", "latency"})
_HYPOTHESIS = re.compile("hyps?|hypothes[ei]s|preds?|predict(ed|ions?)|generated|decoded|"
                         "recogni[sz]ed|transcribed|asr")
PATH_WORDS = frozenset({
    "path", "paths", "file", "files", "filename", "filenames", "filepath", "filepaths", "wav",
    "url", "uri", "checksum", "md5", "sha1", "sha256"})
ID_WORDS = frozenset({"id", "ids", "uid", "uuid", "guid", "key", "utt", "uttid"})
OF_ONE_UTTERANCE = frozenset({
    "utt", "utterance", "audio", "file", "recording", "clip", "segment", "sample", "row", "item",
    "wav"})

WINDOW = 0.5
"""Units are next to a cut within so many standard deviations of the rates on a side of it."""
MOST_MIXED = 0.15
"""Share of units on the wrong side, among those next to a cut, below which luck cannot be the
cause: rates that are normal around each label's own mix 27 % or more wherever a twentieth of the
units is next to the cut."""
ALPHA = 0.01
"""How sure that is, over all the cuts of a column."""
MOST_UNITS = 20_000
"""Units that are looked at; of more, every second, third, …"""


def named_outcome(column: str, metrics: Iterable[str] = ()) -> str | None:
    """What the name of a column says it is, if that is an outcome; None where it is not.
    ``metrics`` are names besides METRIC_WORDS and those of the metrics that are installed."""
    words = _words(column)
    known = [*metrics, *available("metrics")]
    if METRIC_WORDS & set(words) or any(_within(_words(name), words) for name in known):
        return "named like a metric"
    if any(map(_HYPOTHESIS.fullmatch, words)):
        return "named like a hypothesis"
    if words and (words[-1] in PATH_WORDS or words[-2:] == ["file", "name"]):
        return "named like a path"
    if words and words[-1] in ID_WORDS and OF_ONE_UTTERANCE.issuperset(words[:-1]):
        return "named like the id of an utterance"
    return None


def determined(rows: pd.DataFrame) -> bool:
    """Whether the ``label`` of scored rows (columns ``label``, ``utterance_id``, ``speaker_id``,
    ``amount`` and ``weight``) determines their rate: that of speakers where it is constant within
    every one, else that of utterances."""
    owner = rows["speaker_id"].fillna(rows["utterance_id"])
    of_speakers = rows.groupby(owner)["label"].nunique().max() == 1
    units = rows.groupby(owner if of_speakers else rows["utterance_id"])
    sums = units[["amount", "weight"]].sum()
    return determines(units["label"].first(), ratio(sums["amount"], sums["weight"]))


def determines(labels: Sequence[str] | pd.Series, rate: np.ndarray) -> bool:
    """Whether ``labels`` (n,) determine the ``rate`` (n,) of the same units, NaN where it is
    undefined. Of columns that only shift rates, fewer than ALPHA are taken for one that does
    (benchmarks/outcome_columns.py)."""
    table = pd.DataFrame({"label": np.asarray(labels, object), "rate": rate}).dropna()
    table = table[(table["label"] != UNKNOWN) & np.isfinite(table["rate"])]
    table = table.iloc[::max(1, -(-len(table) // MOST_UNITS))]
    names = table.groupby("label")["rate"].mean().sort_values(kind="stable").index
    if len(names) < 2:
        return False
    table = table.sort_values("rate", kind="stable")
    place = pd.Index(names).get_indexer(table["label"])
    cuts = [_beside(table["rate"].to_numpy(), place > i) for i in range(len(names) - 1)]
    tried = [*cuts, np.sum(cuts, axis=0)]
    return any(_sharp(beside, ALPHA / len(tried)) for beside in tried)


def _words(name: str) -> list[str]:
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower()
    return re.findall(r"[a-z0-9]+", parted)


def _within(part: Sequence[str], words: Sequence[str]) -> bool:
    size = len(part)
    return bool(part) and any(words[i:i + size] == part for i in range(len(words) - size + 1))


def _beside(rate: np.ndarray, above: np.ndarray) -> np.ndarray:
    """Units next to the best cut between those that are not ``above`` and those that are, as
    (below or above the cut, wrong or right); ``rate`` ascends."""
    wrong = np.cumsum(above) + np.cumsum(~above[::-1])[::-1] - ~above
    ends = np.flatnonzero(np.diff(rate) > 0)
    counts = np.zeros((2, 2))
    if not len(ends):
        return counts
    at = ends[int(wrong[ends].argmin())]
    cut = (rate[at] + rate[at + 1]) / 2
    spread = np.sqrt(np.mean([rate[above].var(), rate[~above].var()]))
    near = np.abs(rate - cut) <= WINDOW * spread
    for side, there in enumerate((rate < cut, rate >= cut)):
        counts[side] = [(near & there & (above != bool(side))).sum(),
                        (near & there & (above == bool(side))).sum()]
    return counts


def _sharp(beside: np.ndarray, alpha: float) -> bool:
    """Whether surely (Clopper & Pearson 1934) less than MOST_MIXED are wrong on both sides."""
    return all(_upper(wrong, right, alpha) < MOST_MIXED for wrong, right in beside)


def _upper(wrong: float, right: float, alpha: float) -> float:
    return float(special.betaincinv(wrong + 1, right, 1 - alpha)) if right else 1.0
