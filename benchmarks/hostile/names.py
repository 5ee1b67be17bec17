"""Hostile names of pipelines, conditions and versions: refused in a line where a person names one;
text in every output of a version where a baseline holds them all the same, MLflow included."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from benchmarks.hostile.outputs import HIDDEN, in_html, in_markdown, in_terminal
from evalkit import api
from evalkit.compare import formats
from evalkit.compare.history import HEAD, cells
from evalkit.compare.tracking import export_mlflow
from evalkit.core.config import read_config
from evalkit.core.errors import ConfigError
from evalkit.core.mistakes import NAME
from evalkit.terminal import print_comparison

LONGEST = 600
"""Characters of a line."""
CONDITIONS = 4


def refused(names: Sequence[str], run: api.RunFolder, folder: Path) -> Iterator[str]:
    """The names that a configuration takes although they are none, or not in a line."""
    for name in names:
        for part in ("pipelines", "conditions"):
            named = {"pipelines": [{"name": "p", "recognizer": "pocketsphinx"}],
                     "conditions": ["clean"]}
            named[part] = [{**named[part][0], "name": name}] if part == "pipelines" else [name]
            path = folder / "named.yaml"
            path.write_text(json.dumps({"corpus": str(folder / "m.jsonl"), "metrics": ["wer"],
                                        **named}))
            try:
                read_config(path)
            except ConfigError as error:
                said = str(error)
                if HIDDEN.search(said) or "\n" in said or len(said) > LONGEST:
                    yield f"{part}: {said[:80]!r}"
            else:
                if not NAME.fullmatch(name):
                    yield f"{part}: {name[:60]!r} is taken for a name"


def in_a_baseline(names: Sequence[str], run: api.RunFolder, folder: Path) -> Iterator[str]:
    """What becomes active of names that a baseline holds."""
    path = folder / "named.json"
    path.write_text(json.dumps(_named(names, run, folder)))
    comparison = api.compare(path, run.path)
    yield from in_markdown("comparison", formats.markdown(comparison))
    ElementTree.fromstring(formats.junit(comparison).encode())  # raises where it is no XML
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        print_comparison(comparison)
    yield from in_terminal(shown.getvalue())
    found = api.history([path, run.path], metrics=["wer"], out=folder / "history.html")
    yield from in_html("history", (folder / "history.html").read_text("utf-8"), scripts=1)
    lines = cells(found.table, found.facts)
    yield from (f"history: {cell[:60]!r}" for line in lines for cell in line if HIDDEN.search(cell))
    if len(lines) != len(names) + 2 or any(len(line) != len(HEAD) for line in lines):
        yield f"history: {len(lines)} rows of {len(names)} names"
    yield from _in_mlflow(path, names, folder / "mlflow")


def _named(names: Sequence[str], run: api.RunFolder, folder: Path) -> dict[str, Any]:
    """The run's baseline, and in it a pipeline of every name, under a condition of one of the
    first CONDITIONS, each of which has a panel in the history."""
    labels = [name for name in run.utterances().columns if name.startswith("label")]
    api.freeze(run.path, folder / "base.json", allow_outcomes=labels)
    tree: dict[str, Any] = json.loads((folder / "base.json").read_text("utf-8"))
    tree["scores"] += [cell | {"pipeline": name, "condition": names[i % CONDITIONS]}
                       for i, name in enumerate(names) for cell in tree["scores"]]
    facts = tree["facts"]
    (identity,), (system,) = facts["conditions"].values(), facts["pipelines"].values()
    facts["conditions"] |= dict.fromkeys(names, identity)
    facts["pipelines"] |= dict.fromkeys(names, system)
    return tree


def _in_mlflow(path: Path, names: Sequence[str], folder: Path) -> Iterator[str]:
    """Every name has metrics of its own, which lie in the store and nowhere else; nothing where
    MLflow is not installed."""
    if find_spec("mlflow") is None:
        return
    from mlflow.store.tracking.file_store import FileStore

    before = set(folder.parent.iterdir())
    made = export_mlflow(path, folder.as_uri())
    if escaped := set(folder.parent.iterdir()) - before - {folder}:
        yield f"MLflow: wrote {sorted(escaped)}"
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    metrics = FileStore(str(folder)).get_run(made).data.metrics
    n = sum(name.endswith("/n") and name.startswith("wer/") for name in metrics)
    if n != len(set(names)) + 1:
        yield f"MLflow: {n} metrics of {len(set(names)) + 1} names"
    yield from (f"MLflow: {name[:60]!r}" for name in metrics
                if HIDDEN.search(name) or len(name.split("/")) != 4)
