"""Run folders as the verbs take them: paths as text or Path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    from evalkit.store.objects import here

    run = here(run)
    check_run(run)
    from evalkit.store.runfolder import RunFolder

    return RunFolder(run)


@in_one_line
def run_folders(run: AnyPath) -> dict[str | None, Path]:
    """The run folders of the corpora of ``run`` by their names; ``run`` itself, under None, where
    it is of one. Raises RunError for a folder that says it wrongly."""
    from evalkit.store.documents.corpora import CORPORA, Corpora
    from evalkit.store.objects import here

    run = here(run)
    if not (Path(run) / CORPORA).exists():
        return {None: Path(run)}
    return {name: Path(run) / name for name in Corpora.read(Path(run) / CORPORA).names}


def names_only(folders: Mapping[str | None, Path]) -> dict[str, Path]:
    """``run_folders`` of a run of several corpora."""
    return {name: path for name, path in folders.items() if name is not None}


def matched(last: AnyPath, others: Sequence[AnyPath], *, files: bool = False
            ) -> tuple[dict[str | None, Path], list[dict[str | None, Path]]]:
    """``run_folders`` of a run and of ``others`` that stand beside it, which may be ``files`` too.
    Raises RunError where one is no run folder, or where some are of one corpus and some of
    several."""
    check, folders = check_version if files else check_run, run_folders(last)
    for path in folders.values():
        check_run(path)
    beside = [run_folders(other) for other in others]
    for other, paths in zip(others, beside, strict=True):
        for path in paths.values():
            check(path)
        if (None in paths) != (None in folders):
            one, several = (other, folders) if None in paths else (last, paths)
            raise RunError(f"{other if one is last else last}: is a run of several corpora, and "
                           f"{one} of one; set that beside the run folder of its corpus: "
                           f"{listed(map(str, several.values()))}")
    return folders, beside


def check_one(run: AnyPath) -> None:
    """Raises RunError where ``run`` is of several corpora."""
    if folders := names_only(run_folders(run)):
        raise RunError(f"{run}: is a run of several corpora, which are never pooled; give one of "
                       f"them: {listed(map(str, folders.values()))}")


def check_run(run: AnyPath) -> None:
    """Raises RunError where ``run`` is no run folder, or one of several corpora, before anything
    slow is imported."""
    check_one(run)
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
