"""Run folders as the verbs take them: paths as text or Path."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.core.errors import RunError
from evalkit.core.files import in_one_line
from evalkit.core.names import listed

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


@in_one_line
def run_folders(run: AnyPath) -> dict[str | None, Path]:
    """The run folders of the corpora of ``run`` by their names; ``run`` itself, under None, where
    it is of one. Raises RunError for a folder that says it wrongly."""
    from evalkit.store.documents.corpora import CORPORA, Corpora

    if not (Path(run) / CORPORA).exists():
        return {None: Path(run)}
    return {name: Path(run) / name for name in Corpora.read(Path(run) / CORPORA).names}


def check_run(run: AnyPath) -> None:
    """Raises RunError where ``run`` is no run folder, or one of several corpora, before anything
    slow is imported."""
    folders = [str(path) for name, path in run_folders(run).items() if name is not None]
    if folders:
        raise RunError(f"{run}: is a run of several corpora, which are never pooled; give one of "
                       f"them: {listed(folders)}")
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
