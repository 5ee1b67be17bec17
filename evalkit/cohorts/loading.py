"""A run's tables as Speakers, for one metric, pipeline and condition."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import and_
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evalkit.cohorts.postcodes import read_postcodes
from evalkit.cohorts.speakers import Speakers, speakers_of
from evalkit.core.errors import ConfigError, RunError
from evalkit.core.names import listed, nearest
from evalkit.core.types import Fact
from evalkit.statistics.grouping import ALLOW, check_columns, metadata_columns
from evalkit.statistics.groups import select
from evalkit.statistics.usual_metric import usual_metric
from evalkit.store.runfolder import EMBEDDINGS, RunFolder
from evalkit.store.scores import require_columns
from evalkit.store.trials import FACTS as TRIAL_FACTS
from evalkit.store.trials import NO_SCORE, equal_error_rate

FALSE_REJECTS = "false_rejects"
FALSE_REJECTS_FACT = Fact("%", False, "Target trials rejected at the threshold of the equal error "
                          "rate over all trials, divided by target trials; a trial counts for the "
                          "enrolled speaker", title="Wrongly rejected")
POSTCODES = "postcodes.csv"
BATCH = 1 << 14
"""Embeddings read at once."""


@dataclass(frozen=True)
class Subject:
    """What of a run is looked at. ``condition`` None pools all of them."""

    metric: str
    pipeline: str
    condition: str | None
    fact: Fact


def subject_of(run: RunFolder, metric: str | None = None, pipeline: str | None = None,
               condition: str | None = None) -> Subject:
    """Fills in the run's most important metric, and the first pipeline that has it, where none is
    named. Raises ConfigError for a metric of which neither more nor less is better, or that the run
    has not defined."""
    known, scores = _facts(run), run.scores()
    metric = metric or usual_metric(scores, run.record().metrics) or FALSE_REJECTS
    if why := _unusable(metric, known):
        usable = _usable_names(run, known)
        near = nearest(metric, usable)
        hint = f"; did you mean {near!r}" if near else ""
        raise ConfigError(f"{why}{hint}; there are {listed(usable)}")
    if pipeline is None:
        rows = run.trials() if metric == FALSE_REJECTS else scores[scores["metric"] == metric]
        having = set(rows["pipeline"].unique())
        names = list(run.record().pipelines)
        pipeline = next((name for name in names if name in having), names[0])
    return Subject(metric, pipeline, condition, known[metric])


def _usable_names(run: RunFolder, known: Mapping[str, Fact]) -> list[str]:
    """The metrics that the run has rows of and by which somebody can be underserved."""
    names = sorted(_usable(run.scores(), known)["metric"].unique())
    return names + ([FALSE_REJECTS] if run.trials()["label"].any() else [])


def _facts(run: RunFolder) -> dict[str, Fact]:
    return run.record().metrics | {FALSE_REJECTS: FALSE_REJECTS_FACT}


def _unusable(metric: str, known: Mapping[str, Fact]) -> str | None:
    """Why nobody can be underserved by a metric; None where somebody can."""
    if metric not in known:
        return f"no metric {metric!r}"
    if known[metric].higher_is_better is None:
        return f"{metric!r} is neither better high nor low: nobody is underserved by it"
    if metric in TRIAL_FACTS or known[metric].derived:
        return f"{metric!r} is no sum over utterances: it is of no speaker"
    return None


def _usable(scores: pd.DataFrame, known: Mapping[str, Fact]) -> pd.DataFrame:
    """The rows of the metrics by which somebody can be underserved."""
    names = [name for name in scores["metric"].unique() if not _unusable(name, known)]
    return scores[scores["metric"].isin(names)]


def load_speakers(run: RunFolder, subject: Subject, postcodes: Path | None = None,
                  allowed: Collection[str] = ()) -> Speakers:
    """The run's speakers. Population attributes are those of ``postcodes``, or of a file
    postcodes.csv beside the corpus's manifest; ``allowed`` are columns although they are outcomes.
    Raises ConfigError for one of them that there is not."""
    utterances = run.utterances()
    check_columns(allowed, metadata_columns(utterances), where=f"{ALLOW}: ")
    speaker_of = utterances.set_index("utterance_id")["speaker_id"]
    if subject.metric == FALSE_REJECTS:
        rows = false_rejects(run.trials(), subject.pipeline, subject.condition, speaker_of)
    else:
        rows = select(_usable(run.scores(), _facts(run)), subject.metric, subject.pipeline,
                      subject.condition)
    beside = Path(run.record().corpus.root) / POSTCODES
    if postcodes is None and "postcode" in utterances and beside.is_file():
        postcodes = beside
    return speakers_of(rows, utterances, higher_is_better=bool(subject.fact.higher_is_better),
                     vectors=speaker_vectors(run, subject.pipeline, subject.condition, speaker_of),
                     postcodes=read_postcodes(postcodes) if postcodes else None,
                     metrics=list(run.record().metrics), allowed=allowed)


def false_rejects(trials: pd.DataFrame, pipeline: str, condition: str | None,
                  speaker_of: pd.Series) -> pd.DataFrame:
    """Target trials as rows of a scores table: amount 1 where rejected at the global threshold,
    weight 1, the enrolled utterance's speaker; trials without a score failed. Raises ConfigError
    where the trials are not of both kinds."""
    if trials.empty:
        raise ConfigError("the run has no trials; give a pipeline a speaker encoder")
    trials = select(trials.assign(metric=FALSE_REJECTS), FALSE_REJECTS, pipeline, condition)
    _require_both_kinds(trials)
    threshold = equal_error_rate(trials["score"].to_numpy(float),
                                 trials["label"].to_numpy(bool)).threshold
    targets = trials[trials["label"]]
    failed = targets["score"].isna()
    return pd.DataFrame({
        "pipeline": pipeline, "condition": targets["condition"],
        "utterance_id": targets["enroll_id"], "speaker_id": targets["enroll_id"].map(speaker_of),
        "metric": FALSE_REJECTS,
        "amount": (targets["score"] < threshold).astype(float).mask(failed),
        "weight": targets["score"].notna().astype(float).mask(failed),
        "error": failed.map({True: NO_SCORE, False: None})})


def _require_both_kinds(trials: pd.DataFrame) -> None:
    if not trials["label"].any():
        raise ConfigError("there are no target trials, so nobody can be falsely rejected; the "
                          "corpus needs speakers with two utterances")
    scored = trials[trials["score"].notna()]
    targets = int(scored["label"].sum())
    if not 0 < targets < len(scored):
        raise ConfigError("the threshold of the equal error rate needs target trials and others "
                          f"with a score; there are {targets} and {len(scored) - targets}")


def speaker_vectors(run: RunFolder, pipeline: str, condition: str | None,
                    speaker_of: pd.Series) -> pd.DataFrame | None:
    """Mean of every speaker's utterance vectors, brought back to unit length, indexed by
    speaker id; None where the run has no embeddings. Where the pipeline has no encoder, those
    of the first pipeline that has one: voices do not change with the recognizer.

    Streams the file, so that memory holds one vector a speaker and BATCH utterances."""
    path = run.path / "embeddings.parquet"
    if not path.is_file():
        return None
    try:
        file = pq.ParquetFile(path)
        require_columns(path, file.schema_arrow.names, EMBEDDINGS.names)
        encoded = pc.unique(file.read(["pipeline"])["pipeline"]).to_pylist()
        if not encoded:
            return None
        wanted = {"pipeline": pipeline if pipeline in encoded else min(encoded)}
        if condition is not None:
            wanted["condition"] = condition
        return _streamed_means(path, file, wanted, speaker_of.dropna())
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path}: not a table of embeddings: {error}") from error


def _streamed_means(path: Path, file: pq.ParquetFile, wanted: dict[str, str],
                    speaker_of: pd.Series) -> pd.DataFrame | None:
    code, speakers = pd.factorize(speaker_of, sort=True)
    place = pd.Series(code, speaker_of.index)
    sums: np.ndarray | None = None
    first = ""
    columns = [*wanted, "utterance_id", "embedding"]
    asked_for = [pc.field(column) == value for column, value in wanted.items()]
    for whole in file.iter_batches(BATCH, columns=columns):
        batch = whole.filter(reduce(and_, [*asked_for, pc.field("embedding").is_valid()]))
        if not len(batch):
            continue
        at = place.reindex(batch["utterance_id"].to_pandas()).to_numpy(float)
        if sums is None:
            first = f"utterance {batch['utterance_id'][0].as_py()!r}"
            sums = np.zeros((len(speakers), len(batch["embedding"][0])))
        vectors = _vectors(path, batch, sums.shape[1], first)
        known = ~np.isnan(at)
        np.add.at(sums, at[known].astype(int), vectors[known])
    if sums is None:
        return None
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    means = np.divide(sums, length, out=np.full_like(sums, np.nan), where=length > 0)
    return pd.DataFrame(means, index=speakers)


def _vectors(path: Path, batch: pa.RecordBatch, length: int, first: str) -> np.ndarray:
    """The embeddings (n, ``length``). Raises RunError for one that is not as long as that of
    the utterance ``first``."""
    lengths = pc.list_value_length(batch["embedding"]).to_numpy(zero_copy_only=False)
    if len(odd := np.flatnonzero(lengths != length)):
        other = batch["utterance_id"][int(odd[0])].as_py()
        raise RunError(f"{path}: the embedding of utterance {other!r} has "
                       f"{lengths[odd[0]]} numbers, that of {first} {length}; run it again "
                       "with one encoder")
    return np.asarray(batch["embedding"].flatten(), np.float64).reshape(len(lengths), length)
