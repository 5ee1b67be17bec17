"""Speaker verification over a run's embeddings: which pairs are tried, and the trials table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from evalkit.core.errors import ManifestError
from evalkit.core.ledger import NAMED, LeftOut
from evalkit.core.trials import TrialsConfig
from evalkit.metrics.score_files import ScoreFile, matched, read_score_file
from evalkit.metrics.verification import make_trials, read_trial_list, score_trials
from evalkit.run.trial_labels import agreed
from evalkit.store import trials
from evalkit.store.documents.run import TrialPairs


@dataclass(frozen=True)
class Pairs:
    """The pairs of utterances to tell apart, the rule that chose them, and utterances that it
    cannot pair."""

    table: pd.DataFrame
    rule: str
    left_out: tuple[LeftOut, ...] = ()
    scores: Mapping[str, pd.Series] = field(default_factory=dict)
    """By pipeline, where another tool gave them."""

    def describe(self) -> TrialPairs:
        """For ``run.json``."""
        targets = int(self.table["label"].sum())
        return TrialPairs(rule=self.rule, targets=targets, nontargets=len(self.table) - targets)


def choose_pairs(utterances: pd.DataFrame, config: TrialsConfig, seed: int) -> Pairs:
    """The pairs of the user's list, but for those that its labels contradict, or pairs of the
    utterances whose speaker is known.

    Raises ManifestError for a list that cannot be read, or that has no other pairs."""
    if config.scores:
        return _scored(utterances, config)
    if config.list is not None:
        table, rule = _listed(config.list)
        kept, contradicted = agreed({config.list: table}, utterances)
        return Pairs(kept, rule, tuple(contradicted))
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


def _scored(utterances: pd.DataFrame, config: TrialsConfig) -> Pairs:
    """The pairs of the list, or else of the first file of scores that has labels, with the scores
    of every file, but for those that the speakers or the labels of another file contradict. Raises
    ManifestError where nothing says which pairs are of one speaker."""
    files = {name: read_score_file(path) for name, path in config.scores.items()}
    tables, rule = _labelled(config, files)
    kept, contradicted = agreed(tables, utterances)
    first = next(iter(tables.values()))
    found = {name: matched(name, file, first) for name, file in files.items()}
    left_out = [item for _, lost in found.values() for item in lost]
    return Pairs(kept, rule, (*left_out, *contradicted, *_strangers(utterances, kept)),
                 {name: scores[kept.index] for name, (scores, _) in found.items()})


def _listed(path: Path) -> tuple[pd.DataFrame, str]:
    table, form = read_trial_list(path)
    return table, f"the list {path.name} ({form} form)"


def _labelled(config: TrialsConfig, files: Mapping[str, ScoreFile]
              ) -> tuple[dict[Path, pd.DataFrame], str]:
    """All that has labels by its file, the pairs first, and the rule that chose these."""
    named = {name: file for name, file in files.items() if file.has_labels}
    tables = {config.scores[name]: file.table.drop(columns="score")
              for name, file in named.items()}
    if config.list is not None:
        table, rule = _listed(config.list)
        return {config.list: table} | tables, rule
    if not named:
        raise ManifestError(f"{next(iter(config.scores.values()))}: has scores without labels; "
                            "give the list of trials (--trials)")
    first, form = next((config.scores[name], file.form) for name, file in named.items())
    return tables, f"those of {first.name} ({form} form)"


def _strangers(utterances: pd.DataFrame, table: pd.DataFrame) -> list[LeftOut]:
    """The sides of trials that are neither an utterance nor a speaker."""
    sides = pd.concat([table["enroll_id"], table["test_id"]])
    known = pd.concat([utterances["utterance_id"], utterances["speaker_id"]])
    names = sorted(set(sides) - set(known))
    return [LeftOut("utterance", "trials", "is in trials and not in the corpus: a speaker of its "
                    "own, of whom nothing is known", len(names), tuple(names[:NAMED]))
            ] if names else []


def verify(embeddings: pd.DataFrame, pairs: Pairs,
           cells: Iterable[tuple[str, str]]) -> pd.DataFrame:
    """Scores the same pairs in every cell (pipeline, condition) that has an encoder, or scores that
    another tool gave.

    A pair of which an embedding is missing has the score NaN, a failure that is counted."""
    tables = [trials.SCHEMA.empty_table().to_pandas()]
    for pipeline, condition in cells:
        here = (embeddings["pipeline"] == pipeline) & (embeddings["condition"] == condition)
        scored = (pairs.table.assign(score=pairs.scores[pipeline]) if pipeline in pairs.scores
                  else score_trials(pairs.table, embeddings[here]))
        tables.append(scored.assign(pipeline=pipeline, condition=condition))
    return pd.concat(tables[1:] or tables)[trials.SCHEMA.names]
