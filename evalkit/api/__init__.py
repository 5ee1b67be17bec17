"""The verbs of the command line as functions: what ``import evalkit`` offers.

Every function takes paths as text or Path, returns typed results, prints nothing, and raises
EvalkitError, one line, for what the user can mend. What a verb needs is imported when it is
called: none of them needs torch or the extra ``audio``, but for ``run`` and ``mitigate``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.api.folders import (
    AnyPath,
    check_one,
    check_run,
    matched,
    names_only,
    read_run,
    run_folders,
)
from evalkit.api.meeting import meetings
from evalkit.api.planning import plan, plan_change
from evalkit.api.questions import (
    cohorts,
    endpoints,
    frontier,
    gains,
    groups,
    latencies,
    systems,
    verification,
)
from evalkit.api.tables import labels, score_tables, score_trials
from evalkit.api.versions import History, compare, freeze, history, releases
from evalkit.core.errors import ConfigError
from evalkit.core.files import in_one_line
from evalkit.core.plugins import packages_for
from evalkit.store.delivery import changed, delivering
from evalkit.store.objects import here, share_here

if TYPE_CHECKING:
    from evalkit.store.documents.frontier import Taken
    from evalkit.store.runfolder import RunFolder

__all__ = ["History", "cohorts", "compare", "endpoints", "freeze", "frontier", "gains", "groups",
           "history", "latencies", "meetings", "merge", "mitigate", "plan", "plan_change",
           "read_run", "releases", "report", "rescore", "run", "run_corpora", "run_folders",
           "score", "score_tables", "score_trials", "systems", "verification"]
Say = Callable[[str], None]


def _silent(_line: str) -> None:
    """Discards the lines about progress."""


@in_one_line
@delivering
def run(config: AnyPath, out: AnyPath, *, settings: Sequence[str] = (),
        workers: int | None = 0, scorers: int | None = 0, scheduler: str | None = None,
        shard: str | None = None, prune: bool = False, overwrite: bool = False,
        say: Say = _silent) -> RunFolder:
    """Runs the pipelines of the configuration file ``config`` over its corpus under its
    conditions, and scores every utterance, into the run folder ``out``.

    ``settings`` are overrides such as "seed=3"; ``workers`` processes share the work, 0 does it
    in this one, where no limit of time is kept and a system that crashes ends all; ``scorers``
    further ones score what those make; None is what suits the machine and the systems
    (evalkit.run.overlap); ``scheduler`` is the address of a Dask scheduler; of a ``shard``, "2/3",
    that share alone is made, of which ``merge`` makes a run with the others; ``prune`` removes
    what earlier configurations left in ``out``; ``overwrite`` lets the run of another corpus or
    by another command give way; ``say`` receives lines of progress. ``out`` may be a URL of an
    object store (docs/scaling.md)."""
    from evalkit.core.config import read_config
    from evalkit.run.mistaken import check_texts

    chosen = read_config(config, settings)
    check_texts(chosen)
    with packages_for("evalkit run"):
        from evalkit.corpora.beside import with_manifest_here
        from evalkit.run.runner import Work
        from evalkit.run.runner import run as run_pipelines

    chosen = with_manifest_here(chosen)
    return run_pipelines(chosen, Path(out), Work.usual(chosen, workers, scorers, scheduler, shard),
                         say=say, prune=prune, overwrite=overwrite)


@in_one_line
@delivering
def run_corpora(config: AnyPath, out: AnyPath, *, settings: Sequence[str] = (),
                workers: int | None = 0, scorers: int | None = 0, scheduler: str | None = None,
                shard: str | None = None, prune: bool = False, overwrite: bool = False,
                say: Say = _silent) -> dict[str | None, RunFolder]:
    """``run`` of a configuration that may have several ``corpora``: the run folder of each by its
    name, all of them in ``out``; of the one ``corpus`` under None, ``out`` itself. Each has the
    numbers of a run of its corpus alone, and the verbs take it as such."""
    from evalkit.core.config import read_configs
    from evalkit.run.mistaken import check_texts

    chosen = read_configs(config, settings)
    for each in chosen.values():
        check_texts(each)
    with packages_for("evalkit run"):
        from evalkit.corpora.beside import with_manifest_here
        from evalkit.run.corpora import run_corpora as run_each
        from evalkit.run.runner import Work
        from evalkit.run.runner import run as run_pipelines

    chosen = {name: with_manifest_here(each) for name, each in chosen.items()}
    work = Work.usual(next(iter(chosen.values())), workers, scorers, scheduler, shard)
    if one := chosen.get(None):
        return {None: run_pipelines(one, Path(out), work, say=say, prune=prune,
                                    overwrite=overwrite)}
    several = {name: each for name, each in chosen.items() if name is not None}
    return run_each(several, Path(out), work, say=say, prune=prune, overwrite=overwrite)


@in_one_line
@delivering
def merge(shards: Sequence[AnyPath], out: AnyPath, *, overwrite: bool = False, say: Say = _silent
          ) -> dict[str | None, RunFolder]:
    """Makes the run ``out`` of the folders of all its ``shards``, which ``run`` or ``score`` made
    each of ("1/3", "2/3", "3/3"); as ``run_corpora`` it returns a run folder a corpus. The corpus
    and the models must be where they were. Each may be a URL of an object store, as ``out`` may."""
    with packages_for("evalkit merge"):
        from evalkit.run.merging import merge as merge_shards

    return merge_shards([share_here(shard) for shard in shards], Path(out), overwrite=overwrite,
                        say=say)


@in_one_line
@delivering
def score(manifest: AnyPath, hypotheses: Mapping[str, AnyPath], out: AnyPath, *,
          metrics: Sequence[str] = (), normaliser: str | Sequence[str] = "basic",
          costs: str = "levenshtein", alternatives: bool = False, glm: AnyPath | None = None,
          form: str | None = None, id_key: str | None = None, text_key: str | None = None,
          outside: bool = False, workers: int = 0, shard: str | None = None,
          overwrite: bool = False, say: Say = _silent) -> RunFolder:
    """Scores hypotheses that were made elsewhere, a file for each system's name, into the run
    folder ``out``.

    ``metrics`` are word and character error rate where none is named, and mixed error rate beside
    the former where a few references are in writing that does not part words by spaces, or in its
    place where more than a tenth are; an option
    follows as in "wer:unit=space". Of several names of a ``normaliser`` the first gives the usual
    scores, each other further ones such as ``wer@whisper_english``. ``costs`` of the alignment are
    "levenshtein" or "sclite". Where ``alternatives``, "{ a / b }" and "(word)" in references are
    sclite's: one of several, and a word that may be missing; ``glm`` is a global mapping file, by
    whose rules both sides are rewritten.
    ``form`` is the format of the files, which they tell themselves where it is None; ``id_key``
    and ``text_key`` name keys or columns that are not the usual ones. ``outside`` lets the report
    play recordings that lie outside the manifest's folder; ``workers``,
    ``shard`` and ``overwrite`` as for ``run``."""
    from evalkit.store.manifest import read_manifest

    if not Path(manifest).is_file():
        read_manifest(manifest)  # says why it cannot be read, before anything slow is imported
    from evalkit.run.given import Reading
    from evalkit.run.given import score as score_hypotheses

    return score_hypotheses(Path(manifest), {name: Path(path) for name, path in hypotheses.items()},
                            Path(out), metrics=list(metrics), normaliser=normaliser, costs=costs,
                            alternatives=alternatives, glm=None if glm is None else Path(glm),
                            reading=Reading(form, id_key, text_key), outside=outside,
                            workers=workers, shard=shard, overwrite=overwrite, say=say)


@in_one_line
def rescore(run: AnyPath, *, metrics: Sequence[str] = (),
            normaliser: str | Sequence[str] | None = None, costs: str | None = None,
            alternatives: bool = False, glm: AnyPath | None = None,
            manifest: AnyPath | None = None,
            join: Sequence[tuple[AnyPath, str | None]] = (), merge: Sequence[str] = (),
            canonical: Sequence[str] = (), places: Sequence[str] = (), workers: int = 0,
            say: Say = _silent) -> RunFolder:
    """Scores the outputs that a run keeps anew, in its folder; no system runs. What is not given
    is as the run has it; ``metrics`` stand in place of the run's, and ``manifest`` holds corrected
    transcripts of the same utterances. ``join``, ``merge``, ``canonical`` and ``places`` are as for
    ``score_tables``, of a run that ``score`` or ``score_tables`` made."""
    with changed(run, say) as place:
        if not (place / "outputs").is_dir():
            check_run(place)
        from evalkit.run.rescore import rescore as score_again

        return score_again(
            place, metrics=list(metrics), normaliser=normaliser, costs=costs,
            alternatives=alternatives, glm=None if glm is None else Path(glm),
            manifest=None if manifest is None else Path(manifest),
            labels=labels(join, merge, (), canonical, places), workers=workers, say=say)


@in_one_line
def mitigate(config: AnyPath, out: AnyPath, *, workers: int = 0, say: Say = _silent) -> list[Path]:
    """Runs the experiments of the configuration file ``config`` into the run folder ``out``, and
    returns the folders of their results. ``workers`` and ``say`` as for ``run``."""
    out = here(out)
    check_one(out)
    with packages_for("evalkit mitigate"):
        from evalkit.mitigation.experiment import read_mitigation_config, run_mitigation

    paths = run_mitigation(read_mitigation_config(config), Path(out), say=say, workers=workers)
    return [path.parent for path in paths]


@in_one_line
def report(run: AnyPath, out: AnyPath, *, by: str | None = None, earlier: Sequence[AnyPath] = (),
           markdown: AnyPath | None = None, allow_outcomes: Sequence[str] = (),
           pipeline: str | None = None, title: str = "", gates: AnyPath | None = None,
           look: int | None = None, after: AnyPath | None = None,
           costs: AnyPath | Mapping[str, Mapping[str, float]] | None = None) -> Path:
    """Writes a run as a folder ``out`` of static HTML, and returns the path of its page; of a run
    of several corpora a page of each too, to which the first leads. ``by`` is the metadata column
    to group speakers by; ``earlier`` are runs to set beside it, the oldest first, which may be a
    frozen baseline; the file ``gates`` judges what changed since the first, with ``look`` and
    ``after`` as for ``compare``; ``markdown`` is a file for a summary; ``allow_outcomes`` as for
    ``groups``; ``pipeline`` is the one that ships, which the first screen is about, without it the
    best; ``title`` stands over the page, without it the corpus's name; ``costs`` are as for
    ``frontier``, for the page's section of it."""
    folders, before = matched(here(run), [here(each) for each in earlier], files=True)
    brief = None if markdown is None else Path(markdown)
    if None in folders:
        from evalkit.report.page import write_report

        return write_report(folders[None], Path(out), by=by, earlier=[e[None] for e in before],
                            markdown=brief, allowed=allow_outcomes, pipeline=pipeline, title=title,
                            gates=None if gates is None else Path(gates), look=look,
                            after=None if after is None else Path(after),
                            costs=_stated(costs, folders[None]))
    for option, given, instead in (
            ("--gates", gates, "`evalkit compare` judges them together"),
            ("--costs", costs, "report the folder of each")):
        if given is not None:
            raise ConfigError(f"{option} {given}: a report of several corpora has none; {instead}")
    from evalkit.report.corpora import write_reports

    named, *others = map(names_only, [folders, *before])
    return write_reports(named, Path(out), by=by, earlier=others, markdown=brief,
                         allowed=allow_outcomes, pipeline=pipeline, title=title)


def _stated(costs: AnyPath | Mapping[str, Mapping[str, float]] | None, run: Path
            ) -> dict[str, Taken]:
    """``costs`` of the pipelines of ``run``."""
    if costs is None:
        return {}
    from evalkit.results.pipeline_costs import stated_costs

    return stated_costs(costs, read_run(run).record().pipelines)
