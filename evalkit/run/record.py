"""What a run says of itself: ``run.json`` and ``summary.json``."""

from __future__ import annotations

import math
import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any

import pandas as pd

from evalkit import __version__
from evalkit.audio import RESAMPLER
from evalkit.core.config import EvalConfig
from evalkit.metrics.normalisers import normaliser
from evalkit.run.plan import Plan
from evalkit.run.verification import Pairs
from evalkit.store import scores, trials
from evalkit.store.manifest import Manifest
from evalkit.store.runfolder import SCHEMA_VERSION, RunFolder


def describe(config: EvalConfig, plan: Plan, manifest: Manifest, *, command: str,
             left_out: Sequence[str], timings: Mapping[str, Any],
             pairs: Pairs | None) -> dict[str, Any]:
    """``run.json``: everything that decided the numbers."""
    facts = {name: fact for metric in plan.metrics for name, fact in metric.facts.items()}
    facts |= scores.DERIVED_FACTS if "wer" in facts else {}
    facts |= trials.FACTS if pairs else {}
    return {
        "schema": SCHEMA_VERSION, "evalkit": __version__, "command": command,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "config": config.model_dump(mode="json"), "seed": config.seed,
        "normaliser": {"name": config.normaliser,
                       "version": normaliser(config.normaliser).version},
        "alignment_costs": config.costs,
        "metrics": {name: asdict(fact) for name, fact in facts.items()},
        "pipelines": plan.pipelines,
        "conditions": {name: {"identity": identity} for name, identity in plan.conditions.items()},
        "corpus": _corpus(plan, manifest), "left_out": list(left_out),
        "trials": pairs and pairs.describe(), "resampler": RESAMPLER,
        "packages": _packages(), "python": platform.python_version(),
        "machine": {"platform": platform.platform(), "processor": platform.machine(),
                    "cores": os.cpu_count()},
        "git_commit": _git_commit(), "timings": dict(timings),
    }


def summary(run: RunFolder) -> dict[str, Any]:
    """``summary.json``: the headline values, failures by kind, and speed."""
    table, outputs = run.scores(), run.outputs()
    cell = ["pipeline", "condition"]
    failed = table[table["error"].notna()]
    kinds = failed.assign(kind=failed["error"].str.split(":").str[0])
    speed = outputs.groupby(cell)[["seconds", "processing_seconds"]].sum().reset_index()
    speed["rtf"] = scores.ratio(speed["processing_seconds"], speed["seconds"])
    people = run.utterances()
    speakers = dict(zip(people["utterance_id"], people["speaker_id"], strict=True))
    pairs = run.trials()
    lost = pairs[pairs["score"].isna()].assign(metric="eer", kind="NoScore")
    kinds = pd.concat([part[[*scores.KEYS, "kind"]] for part in (kinds, lost)])
    return {
        "schema": SCHEMA_VERSION,
        "scores": _rows(scores.summarise(table).drop(columns=["amount", "weight"])),
        "trials": _rows(trials.summarise_trials(pairs, speakers=speakers)) if len(pairs) else [],
        "failures": _rows(kinds.groupby([*scores.KEYS, "kind"]).size().rename("n").reset_index()),
        "efficiency": _rows(speed[speed["seconds"] > 0]),
    }


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows for JSON, which has no NaN: undefined is null."""
    return [{str(key): None if isinstance(value, float) and not math.isfinite(value) else value
             for key, value in row.items()} for row in frame.to_dict("records")]


def _corpus(plan: Plan, manifest: Manifest) -> dict[str, Any]:
    root = manifest.path.parent
    card = root / "card.md"
    seconds = [u.duration for u in manifest.utterances if u.duration is not None]
    return {
        "name": root.name, "manifest": manifest.path.name, "root": str(root.resolve()),
        "digest": plan.corpus_digest, "utterances": len(manifest.utterances),
        "speakers": len({u.speaker for u in manifest.utterances if u.speaker is not None}),
        "hours": sum(seconds) / 3600 if seconds else None,
        "card": card.read_text("utf-8", "replace") if card.is_file() else None,
    }


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
