"""A whole run: plan, work, tables, record. It may be killed at any moment and started again."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from evalkit.core.config import EvalConfig, parse_config
from evalkit.core.errors import ConfigError, EvalkitError, ManifestError, RunError
from evalkit.core.plugins import available, load
from evalkit.core.types import Utterance
from evalkit.run import record
from evalkit.run.executors import dask_executor, process_all, submit_all
from evalkit.run.plan import Plan, Shard, make_plan, relative
from evalkit.run.progress import meter
from evalkit.run.shard import ShardResult, table_paths
from evalkit.run.verification import Pairs, choose_pairs, verify
from evalkit.store import trials
from evalkit.store.documents.run import Timings
from evalkit.store.manifest import Manifest, read_manifest
from evalkit.store.runfolder import EMBEDDINGS, OUTPUTS, RunFolder, write_table

GIVEN = "given"
"""The condition of hypotheses that were made elsewhere."""
TEXTS = frozenset({"text", "hypothesis"})
"""What a metric of theirs may need."""


@dataclass(frozen=True)
class Work:
    """How the shards are worked on: ``workers`` processes (0: this one), or a Dask scheduler."""

    workers: int = 0
    scheduler: str | None = None


def run(config: EvalConfig, out: Path, work: Work = Work(), *, command: str = "run",
        say: Callable[[str], None] = lambda line: None,
        left_out: Sequence[str] = ()) -> RunFolder:
    """Runs every pipeline under every condition and writes the run folder ``out``.

    Shards that an earlier, perhaps killed, run left in ``out`` are used where nothing that decides
    their content has changed. ``left_out`` says what the caller has dropped already; ``say``
    receives lines for a person. Raises EvalkitError for what the user can mend."""
    started = time.monotonic()
    manifest = read_corpus(config)
    plan = make_plan(config, manifest.utterances)
    table = utterance_table(manifest.utterances, manifest.path.parent)
    encoding = [name for name, parts in plan.pipelines.items() if parts.encoder]
    pairs = choose_pairs(table.to_pandas(), config.trials, config.seed) if encoding else None
    left_out = [*left_out, *manifest.describe_problems().splitlines()]
    pending = _begin(plan, out)
    reused = len(plan.shards) - len(pending)
    say(f"{len(manifest.utterances)} utterances x {len(plan.pipelines)} pipelines x "
        f"{len(plan.conditions)} conditions: {len(pending)} shards to do, {reused} done before")
    _work_through(pending, out, work, say)
    _assemble(plan, out)
    write_table(out / "utterances.parquet", table)
    cells = [(pipeline, condition) for pipeline in encoding for condition in plan.conditions]
    _write_trials(out, pairs, cells)
    timings = Timings(wall_seconds=time.monotonic() - started, workers=work.workers,
                      shards=len(plan.shards), shards_reused=reused)
    record.summary(RunFolder(out)).write(out / "summary.json")
    record.describe(config, plan, manifest, command=command, left_out=left_out, timings=timings,
                    pairs=pairs).write(out / "run.json")
    return RunFolder(out)


def score(manifest: Path, hypotheses: dict[str, Path], out: Path, *, metrics: Sequence[str],
          normaliser: str, costs: str = "levenshtein",
          say: Callable[[str], None] = lambda line: None) -> RunFolder:
    """Scores hypotheses that were made elsewhere, one file a system, into a run folder.

    Needs no audio and no torch. An utterance without a hypothesis is a failure; hypotheses
    without an utterance are named in ``left_out``. Raises ConfigError for a metric that needs
    audio."""
    _check_needs(metrics)
    config = parse_config({
        "corpus": manifest.resolve(), "outside": True, "normaliser": normaliser,
        "costs": costs,
        "conditions": [GIVEN], "metrics": list(metrics), "shard_size": 10_000,
        "pipelines": [{"name": name, "recognizer": {"name": "precomputed",
                                                    "path": str(path.resolve())}}
                      for name, path in hypotheses.items()]}, manifest)
    known = {utterance.id for utterance in read_corpus(config).utterances}
    strangers = [line for name, path in hypotheses.items() for line in _strangers(path, known)]
    return run(config, out, command="score", say=say, left_out=strangers)


def _check_needs(metrics: Iterable[str]) -> None:
    for name in metrics:
        if not _needs(name) <= TEXTS:
            possible = ", ".join(other for other in available("metrics") if _possible(other))
            raise ConfigError(f"--metric {name}: needs audio, which `evalkit score` does not read; "
                              f"possible are {possible}; `evalkit run` measures audio")


def _needs(metric: str) -> frozenset[str]:
    return frozenset(getattr(load("metrics", metric), "needs", ()))


def _possible(metric: str) -> bool:
    try:
        return _needs(metric) <= TEXTS
    except EvalkitError:
        return False


def read_corpus(config: EvalConfig) -> Manifest:
    """The run's manifest. Raises ManifestError where no line of it can be used."""
    manifest = read_manifest(config.corpus, outside=config.outside)
    if not manifest.utterances:
        raise ManifestError(manifest.describe_problems() or
                            f"{config.corpus}: the manifest holds no utterance")
    return manifest


def _strangers(path: Path, known: set[str]) -> Iterator[str]:
    from evalkit.systems.precomputed import Hypotheses

    strangers = [identifier for identifier in Hypotheses(path).ids if identifier not in known]
    if strangers:
        named = ", ".join(repr(s) for s in strangers[:5]) + (", …" if len(strangers) > 5 else "")
        yield f"{path}: {len(strangers)} hypotheses have no utterance in the manifest: {named}"


def _begin(plan: Plan, out: Path) -> list[Shard]:
    """Makes the folder one of an unfinished run; returns the shards that are still to do. Raises
    RunError where the folder cannot be made or written to."""
    try:
        _clear(out, {shard.key for shard in plan.shards})
    except OSError as error:
        raise RunError(f"{out}: cannot be a run folder ({error.filename}: {error.strerror}); give "
                       "a new folder, or one that `evalkit run` or `evalkit score` made") from error
    return [shard for shard in plan.shards if not table_paths(out, shard.key)[0].exists()]


def _clear(out: Path, keys: Collection[str]) -> None:
    """Leaves the shards named by ``keys`` only."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "run.json").unlink(missing_ok=True)
    for folder in (out / "scores", out / "shards"):
        folder.mkdir(exist_ok=True)
        for file in folder.iterdir():
            if file.suffix == ".parquet" and file.name.split(".")[0] not in keys:
                file.unlink()


def _work_through(shards: Sequence[Shard], out: Path, work: Work,
                  say: Callable[[str], None]) -> None:
    with meter(sum(len(shard.utterances) for shard in shards), say) as show:
        for result in _results(shards, out, work):
            show(result)


def _results(shards: Sequence[Shard], out: Path, work: Work) -> Iterable[ShardResult]:
    if work.scheduler is None:
        yield from process_all(shards, out, work.workers)
        return
    with dask_executor(work.scheduler) as pool:
        yield from submit_all(pool, iter(shards), out.resolve(), 256, lost=[])


def _assemble(plan: Plan, out: Path) -> None:
    """Writes the tables that are made of all shards."""
    paths = [table_paths(out, shard.key) for shard in plan.shards]
    write_table(out / "outputs.parquet", _concat([p[1] for p in paths], OUTPUTS))
    write_table(out / "embeddings.parquet", _concat([p[2] for p in paths], EMBEDDINGS))


def _write_trials(out: Path, pairs: Pairs | None, cells: Sequence[tuple[str, str]]) -> None:
    table = trials.SCHEMA.empty_table()
    if pairs is not None:
        scored = verify(RunFolder(out).embeddings(), pairs, cells)
        table = pa.Table.from_pandas(scored, trials.SCHEMA, preserve_index=False)
    write_table(out / "trials.parquet", table)


def _concat(paths: Sequence[Path], schema: pa.Schema) -> pa.Table:
    return pa.concat_tables([pq.read_table(path, schema=schema) for path in paths]
                            ).combine_chunks()


def utterance_table(utterances: Sequence[Utterance], root: Path) -> pa.Table:
    """The manifest as a table: paths relative to ``root``, one column for every metadata key. A
    column of mixed types is text; a key that is a name of the table becomes ``metadata.KEY``."""
    columns: dict[str, list[Any]] = {
        "utterance_id": [u.id for u in utterances], "speaker_id": [u.speaker for u in utterances],
        "audio": [u.audio and relative(u.audio, root) for u in utterances],
        "reference_audio": [u.reference_audio and relative(u.reference_audio, root)
                            for u in utterances],
        "text": [u.text for u in utterances], "offset": [u.offset for u in utterances],
        "duration": [u.duration for u in utterances]}
    own = frozenset(columns)
    for key in dict.fromkeys(key for u in utterances for key in u.metadata):
        name = f"metadata.{key}" if key in own else key
        columns[name] = [u.metadata.get(key) for u in utterances]
    return pa.table({name: _array(values) for name, values in columns.items()})


def _array(values: list[Any]) -> pa.Array:
    try:
        array = pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        array = pa.array([None if value is None else str(value) for value in values])
    return array.cast(pa.string()) if pa.types.is_null(array.type) else array
