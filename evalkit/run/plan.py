"""What a run will do: shards, and the key of everything that is made of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import chain, product
from typing import Any, NamedTuple

from evalkit.audio import RESAMPLER
from evalkit.core.collecting import uncollected
from evalkit.core.config import ConditionConfig, EvalConfig, PipelineConfig
from evalkit.core.deadlines import planning
from evalkit.core.errors import UtteranceError
from evalkit.core.files import digest
from evalkit.core.folders import without_folders
from evalkit.core.ledger import NAMED, LeftOut
from evalkit.core.plugins import packages_for
from evalkit.core.protocols import Condition
from evalkit.core.types import Utterance
from evalkit.run.keys import Keys, content_of, measured_key, short
from evalkit.run.measured import (
    Asked,
    Measured,
    Measures,
    check_measures,
    measures_by_cell,
    used_metrics,
    word_options,
)
from evalkit.run.mistaken import at, check_texts
from evalkit.run.pieces import NOBODY, Chosen, Mine, Piece, choose
from evalkit.run.pipeline import Pipeline, WordOptions, build_condition, build_pipeline
from evalkit.run.prints import Prints, file_digests
from evalkit.store.documents import run as documents
from evalkit.store.runfolder import TABLES_VERSION
from evalkit.systems.precomputed import Hypotheses


@dataclass(frozen=True)
class Cell:
    """One pipeline under one condition: what the utterances of a shard go through. ``hearing``
    are the stages whose systems are given audio, one utterance at a time where ``alone``; where
    ``outputs_only``, no system may run."""

    pipeline: PipelineConfig
    condition_name: str
    condition: Condition | None
    hearing: frozenset[str]
    metrics: tuple[Asked, ...]
    words: WordOptions
    channel: int
    keep_audio: bool
    time_limit: float
    outputs_only: bool = False
    alone: bool = False


Given = tuple[str | UtteranceError, ...]
"""Of each of a shard's utterances what was heard elsewhere, or why nothing is known of it."""


@dataclass(frozen=True)
class Shard:
    """Consecutive utterances of one cell, from the run's utterance number ``first`` on. ``key``
    names its part of the run's tables, ``keys`` what that is made of. What its recognizer would
    look up is ``given`` where that is only texts, so that not every process reads them all."""

    key: str
    keys: Keys
    cell: Cell
    first: int
    utterances: tuple[Utterance, ...]
    given: Given | None = None


@dataclass(frozen=True)
class Plan:
    """All shards of a run, in the order of its tables, and what made them. ``alone`` are those of
    a few utterances that systems which hear batches are given one at a time too, and which are no
    part of the run's tables; None where what was made of them before holds. ``outline`` is of
    all but the utterances: the keys that the shards of none would have. Of a share of a run
    ``whole`` is how many shards all of it has, and ``corpus_digest`` of the manifest's rows
    alone."""

    shards: tuple[Shard, ...]
    pipelines: dict[str, documents.Pipeline]
    conditions: dict[str, str]
    metrics: tuple[Measured, ...]
    corpus_digest: str
    alone: tuple[Shard, ...] | None = None
    outline: tuple[str, ...] = ()
    whole: int = 0

    @property
    def work(self) -> tuple[Shard, ...]:
        """All shards that are to be worked on."""
        return (*(self.alone or ()), *self.shards)


def make_plan(config: EvalConfig, utterances: tuple[Utterance, ...], mine: Mine | None = None
              ) -> Plan:
    """Creates every plug-in once, so that a misspelt option or a missing package stops the run
    before it starts, and so does one that is not made in time. Of a share of the run, which is
    what is ``mine``, the other recordings are not looked at."""
    with planning(config.time_limit):
        return _make_plan(config, utterances, mine)


_Maker = Callable[[Piece], Shard]
"""What makes the shard of a piece."""


class _Parts(NamedTuple):
    """What the cells of a run are made of."""

    pipelines: Mapping[str, Pipeline]
    described: Mapping[str, documents.Pipeline]
    conditions: Mapping[str, Condition | None]
    measures: Mapping[tuple[str, str], Measures]


def _make_plan(config: EvalConfig, utterances: tuple[Utterance, ...], mine: Mine | None) -> Plan:
    check_texts(config)
    conditions, pipelines = _conditions(config, utterances), _pipelines(config)
    measures = measures_by_cell(config, utterances)
    check_measures(config, measures)
    hears = any(p.hearing for p in pipelines.values())
    measured = hears or any(m.of_audio for m in measures.values())
    chosen = choose(config, max(p.batch for p in pipelines.values()), utterances, mine)
    files = file_digests(chosen.of(utterances)) if measured else {}
    prints = Prints(config.corpus.root, files)
    described = {p.name: _described(p, pipelines[p.name], config) for p in config.pipelines}
    made = _shards(config, _Parts(pipelines, described, conditions, measures), utterances, chosen,
                   prints)
    return Plan(pipelines=described,
                conditions={name: _identity(c) for name, c in conditions.items()},
                metrics=used_metrics(measures), corpus_digest=prints.corpus(
                    utterances, files if hears and mine is None else {}), **made._asdict())


def _conditions(config: EvalConfig, utterances: tuple[Utterance, ...]
                ) -> dict[str, Condition | None]:
    """By name."""
    made = {}
    for condition in config.conditions:
        with at(config, f"conditions.{condition.name}"):
            made[condition.name] = build_condition(condition.plugin, utterances)
    return made


def _pipelines(config: EvalConfig) -> dict[str, Pipeline]:
    """By name."""
    made = {}
    for pipeline in config.pipelines:
        with at(config, f"pipelines.{pipeline.name}"):
            made[pipeline.name] = build_pipeline(pipeline)
    return made


class _Shards(NamedTuple):
    """Those of all cells, as a Plan has them."""

    shards: tuple[Shard, ...]
    alone: tuple[Shard, ...]
    outline: tuple[str, ...]
    whole: int


@uncollected()
def _shards(config: EvalConfig, parts: _Parts, utterances: tuple[Utterance, ...], chosen: Chosen,
            prints: Prints) -> _Shards:
    makers, sharing = _makers(config, parts, len(utterances))
    # What is known of a piece is forgotten before the next.
    by_piece = [[make(piece) for make in makers]
                for piece in chosen.printed(utterances, prints)]
    alone = [shard for checks in sharing
             for shard in _dealt(checks, utterances, chosen.few, prints)]
    keys = [make(NOBODY).key for make in chain(makers, *sharing)]
    return _Shards(tuple(shard for cell in zip(*by_piece, strict=True) for shard in cell),
                   tuple(alone), tuple(keys),
                   chosen.all * len(makers) + sum(map(len, sharing)))


def _makers(config: EvalConfig, parts: _Parts, n: int) -> tuple[list[_Maker], list[list[_Maker]]]:
    """What makes the shards of each pipeline and condition, and, for each set of systems that hear
    batches, those of what they are given alone: no more than there are utterances to check, of
    ``n``."""
    makers: list[_Maker] = []
    singly: dict[object, list[_Maker]] = {}
    for pipeline, condition in product(config.pipelines, config.conditions):
        built = parts.pipelines[pipeline.name]
        make = partial(_maker, config, pipeline, condition, bound=parts.conditions[condition.name])
        makers.append(make(built=built, measures=parts.measures[pipeline.name, condition.name]))
        if built.batch > 1 and config.batch_check:
            singly.setdefault(parts.described[pipeline.name].in_batches, []).append(
                make(built=built.batching, measures=Measures(()), alone=True))
    return makers, [checks[:min(config.batch_check, n)] for checks in singly.values()]


def _dealt(makers: Sequence[_Maker], utterances: tuple[Utterance, ...], places: Sequence[int],
           prints: Prints) -> Iterator[Shard]:
    """Shards of the utterances at ``places``, if any, dealt out to ``makers``; all go with the
    first, so that one share of a run has them."""
    for hand, make in enumerate(makers if places else ()):
        few = tuple(utterances[i] for i in places[hand::len(makers)])
        yield make(Piece(places[0], few, prints.of(few)))


def _described(pipeline: PipelineConfig, built: Pipeline, config: EvalConfig
               ) -> documents.Pipeline:
    """What a pipeline is made of; one that is known by its scores alone has their file."""
    path = config.trials.scores.get(pipeline.name)
    if path is None:
        return built.describe(pipeline)
    return documents.Pipeline(encoder=documents.System(
        name="scores made elsewhere", identity=f"{path.name}, SHA-256 {digest(path)}"))


def _maker(config: EvalConfig, pipeline: PipelineConfig, condition: ConditionConfig,
           *, built: Pipeline, bound: Condition | None, measures: Measures, alone: bool = False
           ) -> Callable[[Piece], Shard]:
    """What makes the shards of one pipeline under one condition."""
    kept = config.keep_audio and not alone
    cell = Cell(pipeline, condition.name, bound, built.hearing, measures.asked,
                word_options(config), config.channel, kept, config.time_limit, alone=alone)
    listens = bool(built.hearing) or measures.of_audio
    content = content_of(
        built, pipeline, alone=alone, channel=config.channel, listens=listens,
        resampler=resampler() if listens else "",
        condition=condition.plugin and bound and [condition.plugin.name, bound.identity])
    return lambda piece: replace(
        make_shard(cell, measures, content.stages(piece.prints), piece),
        given=_given(built.recognizer, piece.utterances))


def _given(recognizer: Any, utterances: Sequence[Utterance]) -> Given | None:
    """What ``recognizer`` looks up, where that is only texts."""
    texts = (recognizer.texts(u.id for u in utterances) if isinstance(recognizer, Hypotheses)
             else None)
    return None if texts is None else tuple(texts)


def unmeasured(plan: Plan) -> list[LeftOut]:
    """The pipelines that no metric of the run is one of."""
    measured = {shard.cell.pipeline.name for shard in plan.shards
                if shard.cell.metrics or plan.pipelines[shard.cell.pipeline.name].encoder}
    idle = [name for name in plan.pipelines if name not in measured]
    return [LeftOut("pipeline", "scores", "no metric of the run is one of it", len(idle),
                    tuple(idle[:NAMED]))] if idle else []


def _identity(condition: Condition | None) -> str:
    return documents.UNCHANGED if condition is None else without_folders(condition.identity)


def resampler() -> str:
    """Name and version of what resamples audio that is heard. Raises PluginError where the
    packages that read and resample it are not installed."""
    with packages_for("a pipeline that hears audio"):
        import soundfile  # noqa: F401 -- every worker needs it
        import soxr  # noqa: F401
    return RESAMPLER


def make_shard(cell: Cell, measures: Measures, stages: Mapping[str, str], piece: Piece) -> Shard:
    """The shard, with the keys of its scores and of its part of the tables."""
    keys = Keys(stages, tuple(measured_key(each.metric, each.asked.plugin, stages, piece.prints)
                              for each in measures.metrics))
    under = [asked.under for asked in cell.metrics]
    key = short(["table", TABLES_VERSION, cell.pipeline.name, cell.condition_name, asdict(keys),
                 asdict(cell.words), cell.keep_audio, cell.time_limit,
                 [[p.speaker, p.text] for p in piece.prints], *([under] if any(under) else [])])
    return Shard(key, keys, cell, piece.first, piece.utterances)
