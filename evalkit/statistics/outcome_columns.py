"""Columns of metadata that are outcomes: what was measured, under another name.

A table of results that becomes a manifest brings its own error rates, hypotheses and paths along.
Groups of such a column say what was measured and not who is served, and they are always
"confirmed". So they are set aside and named, and used only where somebody asks for them.

A column is an outcome by its name, or because it determines what was measured
(evalkit.statistics.sharp_cuts).
"""


from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from evalkit.core.plugins import available
from evalkit.statistics.labels import UNKNOWN
from evalkit.statistics.sharp_cuts import cut_by
from evalkit.store.scores import owners, ratio

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

ALPHA = 0.01
"""Of columns that only shift rates, fewer are taken for one that determines them."""
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
    owner = owners(rows)
    of_speakers = rows.groupby(owner)["label"].nunique().max() == 1
    units = rows.groupby(owner if of_speakers else rows["utterance_id"])
    sums = units[["amount", "weight"]].sum()
    return determines(units["label"].first(), sums["amount"], sums["weight"])


def measured(scores: pd.DataFrame, metrics: Iterable[str]) -> list[tuple[str, pd.DataFrame]]:
    """Each of ``metrics`` with the rows of ``scores`` that have a value of it, a pipeline each."""
    names = list(metrics)
    rows = scores[scores["error"].isna() & scores["metric"].isin(names)]
    of_metric = dict(iter(rows.groupby("metric", observed=True)))
    return [(metric, part) for metric in names if metric in of_metric
            for _, part in of_metric[metric].groupby("pipeline", observed=True)]


def determined_metric(labels: Mapping[str, str] | pd.Series,
                      rows: Iterable[tuple[str, pd.DataFrame]]) -> str | None:
    """The first metric of ``rows`` (see ``measured``) that the ``labels`` of utterances, by their
    ids, determine; None where they determine none."""
    return first_determined((metric, part.assign(label=part["utterance_id"].map(labels)))
                            for metric, part in rows)


def first_determined(rows: Iterable[tuple[str, pd.DataFrame]]) -> str | None:
    """The first metric whose ``rows`` have a column ``label`` that determines it; None where there
    is none. Rows without a label take no part."""
    return next((metric for metric, part in rows if determined(part[part["label"].notna()])), None)


def determines(labels: Sequence[str] | pd.Series, amount: Sequence[float] | np.ndarray | pd.Series,
               weight: Sequence[float] | np.ndarray | pd.Series | float = 1.0) -> bool:
    """Whether ``labels`` (n,) determine ``amount / weight`` (n,) of the same units, or the amount
    where it counts errors; units without a weight take no part. Of columns that only shift rates,
    fewer than ALPHA are taken for one that does (benchmarks/outcome_columns.py)."""
    table = pd.DataFrame({"label": np.asarray(labels, object), "amount": np.asarray(amount, float),
                          "weight": np.asarray(weight, float)})
    table["rate"] = ratio(table["amount"].to_numpy(), table["weight"].to_numpy())
    table = table[(table["label"] != UNKNOWN) & np.isfinite(table["rate"])]
    table = table.iloc[::max(1, -(-len(table) // MOST_UNITS))]
    return cut_by(table["label"].to_numpy(object), table["amount"].to_numpy(),
                  table["weight"].to_numpy(), ALPHA)


def _words(name: str) -> list[str]:
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower()
    return re.findall(r"[a-z0-9]+", parted)


def _within(part: Sequence[str], words: Sequence[str]) -> bool:
    size = len(part)
    return bool(part) and any(words[i:i + size] == part for i in range(len(words) - size + 1))
