"""A run's headline in MLflow, for teams that keep their history there, and what every such tracker
is told."""

from __future__ import annotations

import os
import re
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.compare.baseline import read_baseline
from evalkit.compare.history import history
from evalkit.core.errors import ConfigError, PluginError, one_line
from evalkit.report.place import FINDINGS
from evalkit.store.documents.baseline import Facts
from evalkit.store.documents.report import ReportFindings

PARTS = ("value", "low", "high", "n", "n_failed")
_NOT_ALLOWED = re.compile(r"[^\w. -]|^\.+$", re.ASCII)
"""In the parts of the names of MLflow's metrics, which may become folders."""
LONGEST = 64
"""Characters of a part; MLflow takes 250 of a name."""
ARTIFACTS = "report"
"""What the artifacts of a page are called."""
AT_ONCE = 1000
"""The most metrics that MLflow takes in one call."""


def export_mlflow(run: Path, uri: str, experiment: str = "evalkit", report: Path | None = None
                  ) -> str:
    """Logs the PARTS of every headline value of a run folder or a frozen baseline as
    ``metric/pipeline/condition/part``, as tags what was measured with, and as artifacts the page
    and the tables in the folder ``report``. Gives the id of the MLflow run. Raises PluginError
    where mlflow is not installed, ConfigError for a tracking store that cannot be used, and for a
    ``report`` that is none of this run."""
    try:
        import mlflow
        from mlflow.exceptions import MlflowException
    except ImportError as error:
        raise PluginError("mlflow is not installed; pip install 'evalkit[mlflow]'") from error
    if uri.startswith("file:"):
        # Newer versions of mlflow refuse a folder of files unless it is asked for.
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    facts = read_baseline(run, []).facts
    check_report(report, facts)
    values = headline_values(run)
    try:
        mlflow.set_tracking_uri(uri)
        mlflow.set_experiment(experiment)
        with mlflow.start_run(run_name=run.name, tags=facts_by_name(facts)) as made:
            for first in range(0, len(values), AT_ONCE):
                mlflow.log_metrics(dict(islice(values.items(), first, first + AT_ONCE)))
            if report is not None:
                mlflow.log_artifacts(str(report), ARTIFACTS)
    except (MlflowException, OSError) as error:
        raise ConfigError(f"--uri {uri}: {one_line(error)}") from error
    return str(made.info.run_id)


def headline_values(run: Path) -> dict[str, float]:
    """The PARTS of every headline value of a run folder or a frozen baseline, by
    ``metric/pipeline/condition/part``; what is undefined is left out."""
    table, _ = history([run])
    return {"/".join(map(_allowed, (row["metric"], row["pipeline"], row["condition"], part))):
            row[part] for row in table.to_dict("records") for part in PARTS
            if not np.isnan(row[part])}


def _allowed(name: str) -> str:
    """Without what MLflow forbids, and different names still different."""
    allowed = _NOT_ALLOWED.sub(lambda match: "".join(f"_{ord(c):x}_" for c in match[0]), name)
    if len(allowed) <= LONGEST:
        return allowed
    digest = sha256(name.encode(errors="backslashreplace")).hexdigest()
    return f"{allowed[:LONGEST - 9]}_{digest[:8]}"


def check_report(report: Path | None, facts: Facts) -> None:
    """Raises ConfigError where the page is of another run, RunError where ``report`` has none."""
    if report and ReportFindings.read(report / FINDINGS).created != facts.created:
        raise ConfigError(f"--report {report}: is of another run; `evalkit report` makes it anew")


def facts_by_name(facts: Facts) -> dict[str, Any]:
    """What was measured with, by names that say whose they are."""
    return {"evalkit.version": facts.evalkit, "evalkit.created": facts.created,
            "evalkit.corpus": facts.corpus["name"],
            "evalkit.corpus_digest": facts.corpus["digest"],
            "evalkit.normaliser": ", ".join(f"{each.name} {each.version}" for each in
                                            (facts.normaliser, *facts.further_normalisers))}
