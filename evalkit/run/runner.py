"""A whole run: plan, work, tables, record. It may be killed at any moment and started again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import pyarrow as pa

from evalkit.core.config import EvalConfig
from evalkit.core.errors import RunError
from evalkit.core.files import names_to_disk
from evalkit.core.ledger import LeftOut, merged
from evalkit.core.text import count
from evalkit.corpora.gathering import row_of
from evalkit.run import alone, costs, ended, portions, record
from evalkit.run.assembled import assemble, is_assembled
from evalkit.run.executors import check_answers, process_all, process_on_dask
from evalkit.run.finished import unchanged_since
from evalkit.run.occupied import check_contents, check_folder, replaced
from evalkit.run.overlap import HERE, Work
from evalkit.run.plan import Plan, Shard, make_plan, unmeasured
from evalkit.run.portions import Portion
from evalkit.run.progress import meter
from evalkit.run.resuming import Resumed, resumed
from evalkit.run.tables import has_ended
from evalkit.run.text_metrics import check_lists, without_words
from evalkit.run.unchanged import not_compared
from evalkit.run.utterances import read_corpus, utterance_table
from evalkit.run.verification import Pairs, choose_pairs, verify
from evalkit.store import trials
from evalkit.store.documents.begun import BEGUN, Begun, Earlier, earlier
from evalkit.store.documents.portion import PORTION
from evalkit.store.documents.run import Summary, Timings
from evalkit.store.lock import locked
from evalkit.store.manifest import Manifest, write_manifest
from evalkit.store.outputs import OutputStore
from evalkit.store.runfolder import MANIFEST, RunFolder
from evalkit.store.sealed import write_table
from evalkit.store.seals import SUMMARY, seals


def run(config: EvalConfig, out: Path, work: Work = HERE, *, command: str = "run",
        say: Callable[[str], None] = lambda line: None, left_out: Sequence[LeftOut] = (),
        prune: bool = False, overwrite: bool = False, manifest: Manifest | None = None
        ) -> RunFolder:
    """Runs every pipeline under every condition and writes the run folder ``out``.

    Outputs and scores that an earlier, perhaps killed, run left in ``out`` are used where nothing
    that decides them has changed and they are as they were written; ``prune`` removes those that
    this run does not use. The run of another corpus or by another command gives way only where it
    may be ``overwrite``n.
    ``left_out`` says what the caller has dropped already; ``say`` receives lines for a person;
    ``manifest`` is the corpus, where the caller has read it.
    Raises EvalkitError for what the user can mend."""
    ready = prepare(config, out, command=command, say=say, left_out=left_out, overwrite=overwrite,
                    manifest=manifest, portion=work.portion)
    return ready.carried_out(work, say, prune=prune)


@dataclass(frozen=True)
class Prepared:
    """A run of one corpus that can begin: its folder may be written to, and its corpus and
    plug-ins are there."""

    config: EvalConfig
    out: Path
    command: str
    manifest: Manifest
    plan: Plan
    left_out: Sequence[LeftOut]
    started: float
    dropped: Sequence[LeftOut] = ()
    """What of it the caller had dropped before."""
    before: Earlier | None = None
    """What the folder held when it was looked at."""
    overwrite: bool = False

    def carried_out(self, work: Work, say: Callable[[str], None], *, prune: bool) -> RunFolder:
        """Does the work, or the share of ``work`` alone. Where its scheduler does not answer,
        nothing is written."""
        check_answers(work.scheduler, say)
        with locked(self.out, self.command):
            if earlier(self.out) != self.before:  # somebody was sooner
                check_contents(self.out, self.command, self.manifest, work.portion,
                               overwrite=self.overwrite)
            if work.portion is not None:
                return self._portion(work.portion, work, say)
            folder = carry_out(self.config, self.plan, self.manifest, self.out, work,
                               command=self.command, say=say, left_out=self.left_out,
                               started=self.started)
            if prune:
                gone = _prune(self.plan, self.config, self.out)
                say(f"{gone} files and folders of earlier configurations removed")
        return folder

    def _portion(self, portion: Portion, work: Work, say: Callable[[str], None]) -> RunFolder:
        """Makes the tables of a share, which are no run."""
        share = portions.record(portion, self.plan, self.config, self.out, command=self.command,
                                left_out=list(self.dropped))
        share.write(self.out / PORTION)  # first: what is killed right after is a share still
        done = _begin(self.plan, self.manifest, self.out, self.command)
        n = len(self.plan.work)
        for line in (f"shard {portion}: {n} of {self.plan.whole} parts of the run, "
                     f"{n - len(done.pending)} done before", *done.lines()):
            say(line)
        if not n:
            say(f"nothing to do for shard {portion}: the corpus has fewer pieces than there are "
                "shards")
        _work_through(done.pending, self.out, work, say)
        names_to_disk(self.out, self.out / "scores", self.out / "shards", self.out / "outputs")
        share.model_copy(update={"done": True}).write(self.out / PORTION)
        return RunFolder(self.out)


def prepare(config: EvalConfig, out: Path, *, command: str, say: Callable[[str], None],
            left_out: Sequence[LeftOut], overwrite: bool, manifest: Manifest | None = None,
            portion: Portion | None = None) -> Prepared:
    """Reads the corpus and makes the plan, or that of a share alone; nothing is written. Raises as
    ``run`` does."""
    started = time.monotonic()
    manifest = manifest or read_corpus(config, texts_only=command == "score", say=say)
    before = earlier(out)
    check_folder(out, command, manifest, portion, overwrite=overwrite)
    plan = make_plan(config, manifest.utterances, portion and portion.has)
    for line in replaced(out, manifest, plan):
        say(line)
    check_lists(plan.metrics, manifest.utterances, say)
    lost = [*left_out, *unmeasured(plan), *without_words(plan.metrics, manifest.utterances, say)]
    return Prepared(config, out, command, manifest, plan, lost, started, left_out, before,
                    overwrite)


def carry_out(config: EvalConfig, plan: Plan, manifest: Manifest, out: Path, work: Work, *,
              command: str, say: Callable[[str], None], left_out: Sequence[LeftOut],
              started: float) -> RunFolder:
    """Works through the plan and writes the run's tables and documents into ``out``, which is
    locked."""
    encoding = [name for name, parts in plan.pipelines.items() if parts.encoder]
    pairs = choose_pairs(utterance_table(manifest.utterances, manifest.root).to_pandas(),
                         config.trials, config.seed) if encoding else None
    (out / PORTION).unlink(missing_ok=True)
    done = _begin(plan, manifest, out, command)
    reused = len(plan.work) - len(done.pending)
    for line in (_size(config, plan, manifest, done, out), *done.lines()):
        say(line)
    _work_through(done.pending, out, work, say)
    if not done.is_done:
        assemble(plan, out, utterance_table(manifest.utterances, manifest.root))
    _write_trials(out, pairs, product(encoding, plan.conditions))
    timings = Timings(wall_seconds=time.monotonic() - started, workers=work.workers,
                      shards=len(plan.work), shards_reused=reused)
    summary = _summary(plan, out, is_done=done.is_done)
    left_out = merged([*left_out, *manifest.left_out, *(pairs.left_out if pairs else ()),
                       *record.undefined(summary, plan), *alone.unseen(plan),
                       *not_compared(plan, RunFolder(out))])
    names_to_disk(out, out / "scores", out / "shards", out / "outputs")
    record.describe(config, plan, manifest, command=command, left_out=left_out, timings=timings,
                    pairs=pairs, pipelines=costs.told(plan, out), tables=seals(out),
                    batching=alone.effects(plan, out, manifest, config)).write(out / "run.json")
    return RunFolder(out)


def _summary(plan: Plan, out: Path, *, is_done: bool) -> Summary:
    """What ``out`` has, or where its tables were made anew what is written now."""
    if is_done:
        return Summary.read(out / SUMMARY)
    summary = record.summary(RunFolder(out), plan)
    summary.write(out / SUMMARY)
    return summary


def _size(config: EvalConfig, plan: Plan, manifest: Manifest, done: Resumed, out: Path) -> str:
    """How much there is to do."""
    utterances, pending = len(manifest.utterances), len(done.pending)
    reused = len(plan.work) - pending
    # Not the models themselves, which know from what file each was read.
    if done.is_done and OutputStore(out).last_record().config.model_dump() == config.model_dump():
        return (f"{unchanged_since(utterances, reused)}; all was read again to know it, and "
                "run.json is written anew")
    return (f"{count(utterances, 'utterance')} x {count(len(plan.pipelines), 'pipeline')} x "
            f"{count(len(plan.conditions), 'condition')}: {count(pending, 'shard')} to do, "
            f"{reused} done before")


def _begin(plan: Plan, manifest: Manifest, out: Path, command: str) -> Resumed:
    """Makes the folder one of an unfinished run; returns the shards that are still to do. Raises
    RunError where the folder cannot be made or written to."""
    finished, damages = OutputStore(out).finished(), RunFolder(out).damages()
    assembled = is_assembled(plan, out)
    try:
        _clear(out, {shard.key for shard in plan.work})
    except OSError as error:
        raise RunError(f"{out}: cannot be a run folder ({error.filename}: {error.strerror}); give "
                       "a new folder, or one that `evalkit run` or `evalkit score` made") from error
    Begun(command=command, corpus=record.corpus(plan, manifest)).write(out / BEGUN)
    _keep(manifest, out / MANIFEST)
    return replace(resumed(plan.work, out, finished), files=damages, assembled=assembled)


def _keep(manifest: Manifest, path: Path) -> None:
    """Writes what a reader read as a manifest. One that is a file already is not copied."""
    if manifest.folder is None:
        path.unlink(missing_ok=True)
    else:
        write_manifest(path, map(row_of, manifest.utterances))


def _clear(out: Path, keys: set[str]) -> None:
    """Leaves the shards named by ``keys`` only."""
    OutputStore(out).set_aside()
    for folder in (out / "scores", out / "shards"):
        folder.mkdir(exist_ok=True)
        for file in folder.iterdir():
            if file.suffix == ".parquet" and file.name.split(".")[0] not in keys:
                file.unlink()


def _work_through(shards: Sequence[Shard], out: Path, work: Work,
                  say: Callable[[str], None]) -> None:
    results = (process_all(shards, out, work) if work.scheduler is None
               else process_on_dask(shards, out.resolve(), work.scheduler, say))
    # What ends the loop, such as Ctrl-C, ends the workers before anything else is done.
    with meter(shards, say) as show, closing(results):
        for result in results:
            show(result)


def _prune(plan: Plan, config: EvalConfig, out: Path) -> int:
    """Removes what earlier configurations made. Returns how many files and folders."""
    outputs = {item for shard in plan.work for item in shard.keys.stages.items()}
    scores = {("measured", key) for shard in plan.shards for key in shard.keys.measured}
    audio = {key for _, key in outputs} if config.keep_audio else set()
    apart = {(path.parent.name, path.stem) for shard in plan.work if has_ended(shard, out)
             for path in ended.paths(shard, OutputStore(out))}
    return OutputStore(out).prune(outputs | scores | apart | costs.keys(plan), audio)


def _write_trials(out: Path, pairs: Pairs | None, cells: Iterable[tuple[str, str]]) -> None:
    table = trials.SCHEMA.empty_table()
    if pairs is not None:
        scored = verify(RunFolder(out).embeddings(), pairs, cells)
        table = pa.Table.from_pandas(scored, trials.SCHEMA, preserve_index=False)
    write_table(out / "trials.parquet", table)

