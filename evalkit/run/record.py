"""What a run says of itself: ``run.json`` and ``summary.json``."""

from __future__ import annotations

import math
import os
import platform
import re
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any

import pandas as pd

from evalkit import __version__
from evalkit.audio import RESAMPLER
from evalkit.core.config import EvalConfig
from evalkit.core.ledger import LeftOut
from evalkit.core.types import Fact
from evalkit.metrics.normalisers import normaliser
from evalkit.results.canonical import mapping
from evalkit.run.failures import failures
from evalkit.run.plan import Plan
from evalkit.run.verification import Pairs
from evalkit.store import scores, trials
from evalkit.store.documents.batching import BatchEffect
from evalkit.store.documents.run import (
    Condition,
    Corpus,
    Efficiency,
    Enhancing,
    Machine,
    Normaliser,
    Pipeline,
    Recognising,
    RunRecord,
    Score,
    Summary,
    Timings,
    TrialScore,
)
from evalkit.store.manifest import Manifest
from evalkit.store.overview import overview
from evalkit.store.runfolder import MEASURED, RunFolder

TAKEN = ("error", "seconds", *MEASURED)
"""Columns of outputs that say what systems took."""
ELSEWHERE = "what was heard, and how, is not known here: the {} were made elsewhere"
"""The condition of a run in which nothing was heard, of hypotheses or of scores of trials."""


def describe(config: EvalConfig, plan: Plan, manifest: Manifest, *, command: str,
             left_out: Sequence[LeftOut], timings: Timings, pairs: Pairs | None,
             pipelines: dict[str, Pipeline], batching: list[BatchEffect], tables: dict[str, str]
             ) -> RunRecord:
    """``run.json``: everything that decided the numbers; ``pipelines`` say what they take."""
    machine = Machine(platform=platform.platform(), processor=platform.machine(),
                      cores=os.cpu_count())
    first, *further = [Normaliser(name=name, version=normaliser(name).version)
                       for name in config.normalisers]
    return RunRecord(
        evalkit=__version__, command=command,
        created=datetime.now(UTC).isoformat(timespec="seconds"), config=config, seed=config.seed,
        normaliser=first, further_normalisers=further,
        alignment_costs=config.costs, metrics=_facts(plan, with_trials=pairs is not None),
        pipelines=pipelines,
        conditions={name: Condition(identity=_elsewhere(config) if command == "score"
                                    else identity)
                    for name, identity in plan.conditions.items()},
        corpus=_with_lost(corpus(plan, manifest), manifest, left_out), left_out=list(left_out),
        labels=mapping(manifest.utterances, config.places) if config.canonical or config.places
        else {}, trials=pairs and pairs.describe(), resampler=RESAMPLER, packages=_packages(),
        python=platform.python_version(), machine=machine, git_commit=_git_commit(),
        timings=timings, batching=batching, tables=tables)


def _elsewhere(config: EvalConfig) -> str:
    return ELSEWHERE.format("scores of trials" if config.trials.scores else "hypotheses")


def _facts(plan: Plan, *, with_trials: bool) -> dict[str, Fact]:
    """Of all that was measured, then of what follows from it."""
    facts = [item for each in plan.metrics for item in each.facts.items()]
    facts.sort(key=lambda item: item[1].derived is not None)
    return dict(facts) | (trials.FACTS if with_trials else {})


def summary(run: RunFolder, plan: Plan) -> Summary:
    """``summary.json``: the headline values, failures by kind, and speed."""
    table, failed = overview(run.path)
    pairs, took = run.trials(), run.outputs_of(*TAKEN)
    facts = _facts(plan, with_trials=False)
    values = scores.with_derived(table, facts).drop(columns=["amount", "weight"])
    return Summary(
        scores=[Score(**row) for row in _rows(values)],
        trials=[TrialScore(**row) for row in _rows(
            trials.summarise_trials(pairs, speakers=_speakers(run)))] if len(pairs) else [],
        failures=failures(run.path, failed, pairs, facts),
        efficiency=[Efficiency(**row) for row in _rows(_speed(took))],
        enhancing=[Enhancing(**row) for row in _rows(_timed(took, "enhancer"))],
        recognising=[Recognising(**row) for row in _rows(_timed(
            took, "recognizer", "peak_bytes"))])


def _speakers(run: RunFolder) -> dict[str, str]:
    """By utterance."""
    people = run.utterances()
    return dict(zip(people["utterance_id"], people["speaker_id"], strict=True))


def undefined(summary: Summary, plan: Plan) -> list[LeftOut]:
    """The headline scores that were measured and have no value, since there is nothing to divide
    by."""
    empty = "every reference that was measured is empty once it is normalised"
    why = {name: (empty if "text" in each.metric.needs and "events" not in each.metric.needs
                  else "all weights are 0") + "; there is nothing to divide by"
           for each in plan.metrics for name, fact in each.facts.items()
           if fact.is_headline and not fact.derived}
    return [LeftOut("metric", f"{score.pipeline} {score.condition}", why[score.metric],
                    names=(score.metric,))
            for score in summary.scores
            if score.metric in why and score.n and math.isnan(score.value)]


def _speed(outputs: pd.DataFrame) -> pd.DataFrame:
    """Seconds of audio and of processing by pipeline and condition, of what was processed and did
    not fail, which has no time."""
    done = outputs[outputs["error"].isna() & (outputs["processing_seconds"] > 0)]
    speed = done.groupby(["pipeline", "condition"])[
        ["seconds", "processing_seconds"]].sum().reset_index()
    speed["rtf"] = scores.ratio(speed["processing_seconds"], speed["seconds"])
    return speed[speed["seconds"] > 0]


def _timed(outputs: pd.DataFrame, who: str, *most: str) -> pd.DataFrame:
    """What enhancers or recognizers took, by pipeline, condition and machine, of the utterances
    that each was timed on: sums, and of the columns ``most`` the largest."""
    names = {"seconds": "seconds", f"{who}_seconds": "elapsed_seconds",
             f"{who}_processor_seconds": "processor_seconds"}
    largest = {f"{who}_{name}": name for name in most}
    timed = outputs.dropna(subset=[*names, *largest, f"{who}_machine"]).rename(
        columns=names | largest | {f"{who}_machine": "machine"})
    cells = timed.groupby(["pipeline", "condition", "machine"])
    return cells[list(names.values())].sum().join(cells[list(most)].max()).assign(
        utterances=cells.size()).reset_index()


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def corpus(plan: Plan, manifest: Manifest) -> Corpus:
    """Which corpus it is, and how much of it."""
    root = manifest.root
    card = root / "card.md"
    seconds = [u.duration for u in manifest.utterances if u.duration is not None]
    return Corpus(
        name=manifest.name, manifest=manifest.path.name, root=str(root.resolve()),
        digest=plan.corpus_digest, utterances=len(manifest.utterances),
        speakers=len({u.speaker for u in manifest.utterances if u.speaker is not None}),
        hours=sum(seconds) / 3600 if seconds else None, unusable=manifest.unusable,
        card=card.read_text("utf-8", "replace") if card.is_file() else None)


def _with_lost(corpus: Corpus, manifest: Manifest, left_out: Sequence[LeftOut]) -> Corpus:
    """``corpus`` that knows of the rows of tables that are not in its manifest too."""
    everywhere, there = (sum(item.n for item in items if item.what == "row")
                         for items in (left_out, manifest.left_out))
    return corpus.model_copy(update={"unusable": corpus.unusable + everywhere - there})


def _packages() -> dict[str, str]:
    names = {re.split(r"[^A-Za-z0-9._-]", line)[0] for line in requires("evalkit") or ()}
    found = {}
    for name in sorted(names, key=str.lower):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _git_commit() -> str | None:
    """The commit of the working directory's repository, with ``+`` where it has changes."""
    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True,
                              timeout=10).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain") else "")
    except (OSError, subprocess.SubprocessError):
        return None
