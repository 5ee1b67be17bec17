"""What tests of runs share: a configuration with quick plug-ins, and what such a run left."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd

from evalkit.core.config import EvalConfig, parse_config
from evalkit.store.events import CLOCKS, EVENTS_TABLE
from evalkit.store.runfolder import MEASURED

PIPELINES = [
    {"name": "plain", "recognizer": "level", "encoder": "bands"},
    {"name": "late", "enhancer": {"name": "late", "rate": 48_000}, "recognizer": "level"},
]


def config(manifest: Path, **changes: Any) -> EvalConfig:
    tree = {"corpus": manifest.name, "pipelines": PIPELINES, "metrics": ["wer", "stoi"],
            "conditions": ["clean", {"name": "hum", "noise": "stationary", "snr_db": 10}],
            "shard_size": 5} | changes
    return parse_config(tree, manifest.parent / "eval.yaml")


def tables(folder: Path) -> dict[str, str]:
    """Digests of every table of a run, measured times aside, and of its audio by content."""
    found = {}
    for path in (*folder.glob("*.parquet"), *folder.glob("scores/*"), *folder.glob("shards/*")):
        data = path.read_bytes()
        if "outputs" in path.name:
            data = pd.read_parquet(path).drop(columns=[*MEASURED, "events"], errors="ignore"
                                              ).to_json().encode()
        if path.name == EVENTS_TABLE:
            data = pd.read_parquet(path).drop(columns=list(CLOCKS)).to_json().encode()
        found[str(path.relative_to(folder))] = hashlib.sha256(data).hexdigest()
    for path in folder.glob("audio/*/*"):
        found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return dict(sorted(found.items()))


def correct_transcript(manifest: Path, name: str, text: str) -> None:
    """Changes the text of one utterance."""
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    for row in rows:
        row["text"] = text if row["id"] == name else row["text"]
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
