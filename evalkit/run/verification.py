"""Speaker verification over a run's embeddings: which pairs are tried, and the trials table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from evalkit.core.config import TrialsConfig
from evalkit.core.ledger import NAMED, LeftOut
from evalkit.metrics.verification import make_trials, read_trial_list, score_trials
from evalkit.store import trials
from evalkit.store.documents.run import TrialPairs


@dataclass(frozen=True)
class Pairs:
    """The pairs of utterances to tell apart, the rule that chose them, and utterances that it
    cannot pair."""

    table: pd.DataFrame
    rule: str
    left_out: tuple[LeftOut, ...] = ()

    def describe(self) -> TrialPairs:
        """For ``run.json``."""
        targets = int(self.table["label"].sum())
        return TrialPairs(rule=self.rule, targets=targets, nontargets=len(self.table) - targets)


def choose_pairs(utterances: pd.DataFrame, config: TrialsConfig, seed: int) -> Pairs:
    """The pairs of the user's list, or pairs of the utterances whose speaker is known.

    Raises ManifestError for a list that cannot be read."""
    if config.list is not None:
        table, form = read_trial_list(config.list)
        return Pairs(table, f"the list {config.list.name} ({form} form)")
    known = utterances.dropna(subset="speaker_id")
    nameless = utterances.loc[utterances["speaker_id"].isna(), "utterance_id"]
    left_out = (LeftOut("utterance", "trials", "no speaker", len(nameless),
                        tuple(nameless[:NAMED])),) if len(nameless) else ()
    table = make_trials(known.rename(columns={"utterance_id": "id", "speaker_id": "speaker"}),
                        most=config.most, seed=seed)
    everything = len(known) * (len(known) - 1) // 2 <= config.most
    return Pairs(table, "every pair of utterances" if everything else
                 f"at most {config.most} pairs, half of them of the same speaker, every speaker "
                 "as often in each half", left_out)


def verify(embeddings: pd.DataFrame, pairs: Pairs,
           cells: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Scores the same pairs in every cell (pipeline, condition) that has an encoder.

    A pair of which an embedding is missing has the score NaN, a failure that is counted."""
    tables = [trials.SCHEMA.empty_table().to_pandas()]
    for pipeline, condition in cells:
        here = (embeddings["pipeline"] == pipeline) & (embeddings["condition"] == condition)
        tables.append(score_trials(pairs.table, embeddings[here])
                      .assign(pipeline=pipeline, condition=condition))
    return pd.concat(tables[1:] or tables)[trials.SCHEMA.names]
