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
        kept, contradicted = _as_spoken(table, utterances, config.list)
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
    of every file, but for those that the labels contradict. Raises ManifestError where nothing says
    which pairs are of one speaker."""
    files = {name: read_score_file(path) for name, path in config.scores.items()}
    table, rule, path = _labelled(config, files)
    found = {name: matched(name, file, table) for name, file in files.items()}
    kept, contradicted = _as_spoken(table, utterances, path)
    left_out = [item for _, lost in found.values() for item in lost]
    return Pairs(kept, rule, (*left_out, *contradicted, *_strangers(utterances, kept)),
                 {name: scores[kept.index] for name, (scores, _) in found.items()})


def _listed(path: Path) -> tuple[pd.DataFrame, str]:
    table, form = read_trial_list(path)
    return table, f"the list {path.name} ({form} form)"


def _labelled(config: TrialsConfig, files: Mapping[str, ScoreFile]
              ) -> tuple[pd.DataFrame, str, Path]:
    """The pairs, the rule that chose them, and the file that they are of."""
    if config.list is not None:
        return *_listed(config.list), config.list
    name = next((name for name, file in files.items() if file.has_labels), None)
    if name is None:
        raise ManifestError(f"{next(iter(config.scores.values()))}: has scores without labels; "
                            "give the list of trials (--trials)")
    path = config.scores[name]
    return (files[name].table.drop(columns="score"),
            f"those of {path.name} ({files[name].form} form)", path)


def _as_spoken(table: pd.DataFrame, utterances: pd.DataFrame, path: Path
               ) -> tuple[pd.DataFrame, list[LeftOut]]:
    """The pairs of ``table``, from the file ``path``, whose label is not contradicted by who speaks
    in both, and the others. Raises ManifestError where there are others alone."""
    speakers = utterances.dropna(subset="speaker_id").set_index("utterance_id")["speaker_id"]
    known = {name: name for name in speakers} | speakers.to_dict()  # a side may be a speaker
    one, other = table["enroll_id"].map(known), table["test_id"].map(known)
    wrong = one.notna() & other.notna() & ((one == other) != table["label"])
    if len(table) and wrong.all():
        raise ManifestError(f"{path}:{table.index[0]}: this label, and every other, contradicts "
                            "the speakers of its pair; correct the labels (1 and target are of "
                            "one speaker), or who speaks")
    reasons = {"is labelled target, and its two sides are two speakers": wrong & table["label"],
               "is labelled nontarget, and its two sides are one speaker": wrong & ~table["label"]}
    return table[~wrong], [
        LeftOut("trial", path.name, why, int(rows.sum()), tuple(_lines(table[rows])))
        for why, rows in reasons.items() if rows.any()]


def _lines(table: pd.DataFrame) -> list[str]:
    """The first pairs with the lines that they are on."""
    some = table.head(NAMED)
    return [f"line {line}: {one} and {other}" for line, one, other in zip(
        some.index, some["enroll_id"], some["test_id"], strict=True)]


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
