"""Run folders as the verbs take them: paths as text or Path."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.core.errors import RunError
from evalkit.core.files import in_one_line

if TYPE_CHECKING:
    from evalkit.store.runfolder import RunFolder

AnyPath = Path | str


@in_one_line
def read_run(run: AnyPath) -> RunFolder:
    """The run folder ``run``: its tables as data frames (``scores()``, ``utterances()``,
    ``outputs()``, ``trials()``, ``embeddings()``) and its documents (``record()``,
    ``summary()``). Raises RunError where ``run`` is no run folder."""
    check_run(run)
    from evalkit.store.runfolder import RunFolder

    return RunFolder(Path(run))


def check_run(run: AnyPath) -> None:
    """Raises RunError where ``run`` is no run folder, before anything slow is imported."""
    if Path(run).is_file():
        raise RunError(f"{run}: not a run folder; `evalkit run` and `evalkit score` make one")
    if not (Path(run) / "outputs").is_dir():
        from evalkit.store.documents.run import RunRecord

        RunRecord.read(Path(run) / "run.json")
    else:
        from evalkit.store.runfolder import RunFolder

        RunFolder(Path(run)).record()


def check_version(version: AnyPath) -> None:
    """Raises RunError where ``version`` is neither a run folder nor a file."""
    if not Path(version).is_file():
        check_run(version)
