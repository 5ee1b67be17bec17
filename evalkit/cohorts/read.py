"""A run's tables as People, for one metric, pipeline and condition."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import and_
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evalkit.cohorts.geodemographic import read_postcodes
from evalkit.cohorts.people import People, people_of
from evalkit.errors import ConfigError, RunError
from evalkit.protocols import Fact
from evalkit.runfolder import RunFolder
from evalkit.statistics.groups import select
from evalkit.trials import equal_error_rate

FALSE_REJECTS = "false_rejects"
FALSE_REJECTS_FACT = Fact("%", False, "Target trials rejected at the threshold of the equal error "
                          "rate over all trials, divided by target trials; a trial counts for the "
                          "enrolled speaker")
POSTCODES = "postcodes.csv"
BATCH = 1 << 14
"""Embeddings read at once."""


@dataclass(frozen=True)
class Asked:
    """What of a run is looked at. ``condition`` None pools all of them."""

    metric: str
    pipeline: str
    condition: str | None
    fact: Fact


def ask(run: RunFolder, metric: str, pipeline: str | None, condition: str | None) -> Asked:
    """Fills in the run's first pipeline where none is named. Raises ConfigError for a metric of
    which neither more nor less is better, or that the run has not defined."""
    info = run.info()
    known = {name: _fact(tree) for name, tree in info["metrics"].items()}
    known[FALSE_REJECTS] = FALSE_REJECTS_FACT
    if metric not in known:
        raise ConfigError(f"no metric {metric!r}; there are {', '.join(known)}")
    if known[metric].higher_is_better is None:
        raise ConfigError(f"{metric!r} is neither better high nor low: nobody is underserved by it")
    return Asked(metric, pipeline or next(iter(info["pipelines"])), condition, known[metric])


def read_people(run: RunFolder, asked: Asked, postcodes: Path | None = None) -> People:
    """The run's speakers. Population attributes are those of ``postcodes``, or of a file
    postcodes.csv beside the corpus's manifest."""
    utterances = run.utterances()
    speaker_of = utterances.set_index("utterance_id")["speaker_id"]
    if asked.metric == FALSE_REJECTS:
        rows = false_rejects(run.trials(), asked.pipeline, asked.condition, speaker_of)
    else:
        rows = select(run.scores(), asked.metric, asked.pipeline, asked.condition)
    beside = Path(run.info()["corpus"]["root"]) / POSTCODES
    if postcodes is None and "postcode" in utterances and beside.is_file():
        postcodes = beside
    return people_of(rows, utterances, higher_is_better=bool(asked.fact.higher_is_better),
                     vectors=speaker_vectors(run, asked.pipeline, asked.condition, speaker_of),
                     attributes=read_postcodes(postcodes) if postcodes else None)


def false_rejects(trials: pd.DataFrame, pipeline: str, condition: str | None,
                  speaker_of: pd.Series) -> pd.DataFrame:
    """Target trials as rows of a scores table: amount 1 where rejected at the global threshold,
    weight 1, the enrolled utterance's speaker; trials without a score failed."""
    trials = select(trials.assign(metric=FALSE_REJECTS), FALSE_REJECTS, pipeline, condition)
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
        "error": failed.map({True: "NoScore: an embedding is missing", False: None})})


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
        encoded = pc.unique(file.read(["pipeline"])["pipeline"]).to_pylist()
        if not encoded:
            return None
        wanted = {"pipeline": pipeline if pipeline in encoded else min(encoded)}
        if condition is not None:
            wanted["condition"] = condition
        return _streamed_means(file, wanted, speaker_of.dropna())
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise RunError(f"{path}: not a table of embeddings: {error}") from error


def _streamed_means(file: pq.ParquetFile, wanted: dict[str, str], speaker_of: pd.Series
                    ) -> pd.DataFrame | None:
    code, speakers = pd.factorize(speaker_of, sort=True)
    place = pd.Series(code, speaker_of.index)
    sums: np.ndarray | None = None
    columns = [*wanted, "utterance_id", "embedding"]
    asked_for = [pc.field(column) == value for column, value in wanted.items()]
    for whole in file.iter_batches(BATCH, columns=columns):
        batch = whole.filter(reduce(and_, asked_for))
        if not len(batch):
            continue
        at = place.reindex(batch["utterance_id"].to_pandas()).to_numpy(float)
        vectors = np.asarray(batch["embedding"].flatten(), np.float64).reshape(len(at), -1)
        if sums is None:
            sums = np.zeros((len(speakers), vectors.shape[1]))
        known = ~np.isnan(at)
        np.add.at(sums, at[known].astype(int), vectors[known])
    if sums is None:
        return None
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    means = np.divide(sums, length, out=np.full_like(sums, np.nan), where=length > 0)
    return pd.DataFrame(means, index=speakers)


def _fact(tree: dict[str, Any]) -> Fact:
    return Fact(tree["unit"], tree["higher_is_better"], tree["definition"],
                tree.get("decimals", 2))
