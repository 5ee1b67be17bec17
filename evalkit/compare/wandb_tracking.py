"""A run's headline as an offline run of Weights & Biases, for teams that keep their history there.

Nothing is sent: the folder is sent by ``wandb sync`` when somebody decides to. The files of its
artifact wait beside it, instead of in the user's home.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from evalkit.compare.baseline import read_baseline
from evalkit.compare.tracking import ARTIFACTS, check_report, facts_by_name, headline_values
from evalkit.core.errors import ConfigError, PluginError, one_line
from evalkit.report.place import PAGE, TABLES


def export_wandb(run: Path, out: Path, project: str = "evalkit", report: Path | None = None
                 ) -> Path:
    """Writes every headline value of a run folder or a frozen baseline into the summary of an
    offline run below ``out``, as ``metric/pipeline/condition/part``; what was measured with, as its
    configuration; and of the folder ``report`` every table, the page, and all of it as an artifact.
    Gives the folder of the offline run. Raises PluginError where wandb is not installed,
    ConfigError where ``out`` cannot be written into, ``report`` is none of this run's, or
    ``project`` is no name of one."""
    for kind in ("DATA", "CACHE", "CONFIG"):
        os.environ.setdefault(f"WANDB_{kind}_DIR", str(out.absolute()))
    os.environ["WANDB_SILENT"] = "true"
    try:
        import wandb
    except ImportError as error:
        raise PluginError("wandb is not installed; pip install 'evalkit[wandb]'") from error
    facts = read_baseline(run, []).facts
    check_report(report, facts)
    settings = _quiet(wandb, project)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with wandb.init(name=run.name, mode="offline", dir=out, config=facts_by_name(facts),
                        settings=settings) as made:
            made.summary.update(headline_values(run))
            if report is not None:
                made.log(dict(_shown(wandb, report)))
                made.log_artifact(str(report), name=f"{ARTIFACTS}-{made.id}", type=ARTIFACTS)
            return Path(made.settings.sync_dir)
    except (OSError, wandb.Error) as error:
        raise ConfigError(f"--out {out}: {one_line(error)}") from error


def _quiet(wandb: Any, project: str) -> Any:
    """Without lines of its own, and without looking at the machine or the code. Raises ConfigError
    for a name that no project may have."""
    try:
        return wandb.Settings(project=project, silent=True, console="off", disable_git=True,
                              save_code=False, x_disable_stats=True, x_disable_meta=True)
    except (wandb.Error, ValueError) as error:
        raise ConfigError(f"--project {project}: {one_line(error)}") from error


def _shown(wandb: Any, report: Path) -> Iterator[tuple[str, Any]]:
    """The page, and every table by its name."""
    yield "page", wandb.Html(str(report / PAGE), inject=False)
    for path in sorted((report / TABLES).glob("*.csv")):
        table = pd.read_csv(path, keep_default_na=False, na_values=[""])
        yield f"{TABLES}/{path.stem}", wandb.Table(
            dataframe=table.astype(object).where(table.notna(), None), allow_mixed_types=True)
