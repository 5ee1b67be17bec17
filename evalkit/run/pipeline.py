"""A pipeline's parts, conditions and metrics, made from the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, cast

from evalkit.core.alignment import Alignment, align
from evalkit.core.config import PipelineConfig, Plugin, absolute_paths
from evalkit.core.endings import making
from evalkit.core.errors import ConfigError, PluginError
from evalkit.core.folders import without_folders
from evalkit.core.names import offer
from evalkit.core.plugins import available, create, find, path_options
from evalkit.core.protocols import (
    Condition,
    Endpointer,
    Enhancer,
    LatticeRecognizer,
    Metric,
    Recalled,
    Recognizer,
    SpeakerEncoder,
    StreamingEnhancer,
    StreamingRecognizer,
)
from evalkit.core.types import Utterance
from evalkit.metrics.comparison import TextOptions, normalised
from evalkit.metrics.tokens import mixed, unparted, words
from evalkit.run.declared import check_cost, check_declared, check_identity, check_rate
from evalkit.run.endpointed import PIECE, Endpointed
from evalkit.run.exchange import handed_utterance
from evalkit.run.process_state import restored_after_call
from evalkit.run.streamed import Streamed
from evalkit.run.streamed_recognizer import StreamedRecognizer
from evalkit.store.documents import run as documents

GIVEN_PIECES = Streamed | StreamedRecognizer | Endpointed
"""Systems that hear an utterance piece by piece."""
PROTOCOLS: Mapping[str, type] = {
    "conditions": Condition, "enhancers": Enhancer, "recognizers": Recognizer,
    "encoders": SpeakerEncoder, "endpointers": Endpointer, "streaming_enhancers": StreamingEnhancer,
    "streaming_recognizers": StreamingRecognizer, "lattice_recognizers": LatticeRecognizer,
    "metrics": Metric}
"""What plug-ins of each group are."""


@dataclass(frozen=True)
class Pipeline:
    """Optional enhancer, then optional recognizer, end-pointer and speaker encoder."""

    enhancer: Enhancer | None
    recognizer: Recognizer | Recalled | None
    encoder: SpeakerEncoder | Recalled | None
    endpointer: Endpointed | None = None

    @property
    def stages(self) -> dict[str, Any]:
        """The parts that there are, by the stage in which each works."""
        parts = {"enhanced": self.enhancer, "recognised": self.recognizer,
                 "embedded": self.encoder, "endpointed": self.endpointer}
        return {stage: part for stage, part in parts.items() if part is not None}

    @property
    def hearing(self) -> frozenset[str]:
        """The stages that need audio."""
        return frozenset(stage for stage, part in self.stages.items()
                         if stage == "enhanced" or part.needs_audio)

    @property
    def batch(self) -> int:
        """How many utterances any of the parts is given at a time at most."""
        return max((self.stages[stage].batch for stage in self.hearing), default=1)

    @property
    def batching(self) -> Pipeline:
        """The parts whose results may depend on what else is in a batch, and the enhancer that
        they hear."""
        found = documents.depending({stage: self.stages[stage].batch for stage in self.hearing})
        return Pipeline(self.enhancer, self.recognizer if "recognised" in found else None,
                        self.encoder if "embedded" in found else None)

    def describe(self, config: PipelineConfig) -> documents.Pipeline:
        """Name and identity of every part, for ``run.json``."""
        plugins = plugins_of(config)
        systems = {stage: documents.System(
            name=plugins[stage].name, identity=without_folders(part.identity),
            delay_ms=1000 * part.delay if stage == "enhanced" else None,
            stream_ms=1000 * part.seconds if isinstance(part, GIVEN_PIECES) else None,
            cost=part.cost if stage == "enhanced" else None,
            batch=part.batch if stage in self.hearing else None)
            for stage, part in self.stages.items()}
        return documents.Pipeline(enhancer=systems.get("enhanced"),
                                  recognizer=systems.get("recognised"),
                                  encoder=systems.get("embedded"),
                                  endpointer=systems.get("endpointed"))


def plugins_of(config: PipelineConfig) -> dict[str, Plugin]:
    """The plug-ins that a pipeline names, by the stage in which each works."""
    plugins = {"enhanced": config.enhancer, "recognised": config.recognizer,
               "embedded": config.encoder, "endpointed": config.endpointer}
    return {stage: plugin for stage, plugin in plugins.items() if plugin is not None}


GROUPS = {"enhanced": "enhancers", "recognised": "recognizers", "embedded": "encoders",
          "endpointed": "endpointers"}
"""Of plug-ins, by the stage in which they work."""


def build_part(group: str, plugin: Plugin) -> Any:
    """The plug-in. Raises PluginError for one that lacks a member of its protocol, or of which
    one is not as the protocol says, and as evalkit.core.plugins.create does."""
    who = f"{group} plug-in {plugin.name!r}"
    with making(who), restored_after_call():
        part = create(group, plugin.name, plugin.options)
        protocol = Recalled if _recalls(part) else PROTOCOLS[group]
        missing = sorted(members(protocol) - set(dir(part)))
        if missing:
            raise PluginError(f"{who} has no {missing[0]!r}, which every {protocol.__name__} "
                              "needs; see docs/extending.md")
        check_declared(part, members(protocol), who)
    return part


def _recalls(part: Any) -> bool:
    return "needs_audio" in dir(part) and not part.needs_audio


def members(protocol: type) -> set[str]:
    """Names of the attributes and methods that a protocol asks for."""
    bases = [base for base in protocol.__mro__ if base not in (Protocol, Generic, object)]
    return {name for base in bases for name in (*vars(base).get("__annotations__", ()), *vars(base))
            if not name.startswith("_")}


def build_pipeline(config: PipelineConfig) -> Pipeline:
    """Raises PluginError and ConfigError as build_part does."""
    parts = {stage: _identified(stage, config) for stage in plugins_of(config)}
    return Pipeline(parts.get("enhanced"), parts.get("recognised"), parts.get("embedded"),
                    parts.get("endpointed"))


class Pace(NamedTuple):
    """How many ``seconds`` a system is given at a time, and how often what a recognizer shows is
    looked at (PipelineConfig.show)."""

    seconds: float
    show: float | None = None


def pace_of(config: PipelineConfig, stage: str) -> Pace | None:
    """That of the system of a stage, None for one that is given whole utterances."""
    if stage == "endpointed":
        return _endpointer_pace(config)
    streamed = "recognised" if config.streams_recognizer else "enhanced"
    return Pace(config.stream, config.show) if config.stream and stage == streamed else None


def _endpointer_pace(config: PipelineConfig) -> Pace:
    """An end-pointer hears what an enhancer made of the whole, or as the recognizer does."""
    return Pace(config.stream if config.stream and config.enhancer is None else PIECE)


def build_system(stage: str, plugin: Plugin, pace: Pace | None) -> Any:
    """The plug-in of a stage, given pieces where it has a ``pace``. Raises ConfigError where it
    does not stream, and PluginError as build_part does."""
    group = GROUPS[stage]
    if stage == "endpointed" and pace:
        return Endpointed(build_part(group, plugin), pace.seconds)
    if pace is None:
        return build_part(group, plugin)
    find(group, plugin.name)
    streaming = available(f"streaming_{group}")
    if plugin.name not in streaming:
        raise ConfigError(f"stream: {pace.seconds:g}: the {group[:-1]} {plugin.name!r} does not "
                          f"stream; {offer(plugin.name, streaming, 'these do:')}; leave the key "
                          "out to give it whole utterances")
    part = build_part(f"streaming_{group}", plugin)
    return Streamed(part, pace.seconds) if stage == "enhanced" else StreamedRecognizer(part, *pace)


def shows_events(config: PipelineConfig) -> bool:
    """Whether hypotheses of the pipeline have events."""
    return config.streams_recognizer or (config.recognizer is not None
                                         and config.recognizer.name in available("event_logs"))


def lacking(metric: Metric) -> str:
    """What a pipeline must have that ``metric`` is one of."""
    if "events" in metric.needs:
        return "a recognizer that is streamed (stream: SECONDS), or a log of its events"
    if "endpoints" in metric.needs:
        return ("an end-pointer (endpointer: NAME), a recognizer that is streamed, or a log of its "
                "events")
    return ("a recognizer" if "hypothesis" in metric.needs else
            "an enhancer, or a condition that changes the speech")


def _identified(stage: str, config: PipelineConfig) -> Any:
    """The system of a stage, which says what it is."""
    plugin = plugins_of(config)[stage]
    part, who = (build_system(stage, plugin, pace_of(config, stage)),
                 f"{GROUPS[stage]} plug-in {plugin.name!r}")
    with making(who), restored_after_call():
        check_identity(part, who)
        if not _recalls(part):
            check_rate(part, who)
        if stage == "enhanced":
            check_cost(part, who)
    return part


@dataclass(frozen=True)
class WordOptions(TextOptions):
    """How words are compared in a whole run."""

    def align(self, reference: str, hypothesis: str) -> Alignment:
        """The alignment of the normalised words, or of the tokens of a mixed error rate where the
        reference's writing does not part words by spaces."""
        unit = mixed if unparted(normalised(self.normaliser, reference)) else words
        return align(*self.tokens(reference, hypothesis, unit), self.costs)


def metric_said(text: str) -> Plugin:
    """The metric of a command line, NAME or NAME:OPTION=VALUE, its files taken from the folder
    that the command was started in. Raises ConfigError and PluginError."""
    plugin = Plugin.parsed(text)
    if not plugin.options:
        return plugin
    paths = path_options("metrics", plugin.name)
    return Plugin(name=plugin.name, options=absolute_paths(plugin.options, Path.cwd(), paths))


def complete(plugin: Plugin, words: WordOptions) -> Plugin:
    """A metric's configuration, with the run's text options where the metric has such options and
    gives none of its own."""
    metric = build_part("metrics", plugin)
    given = {name: value for name, value in words.given.items() if name in metric.text_options}
    return Plugin(name=plugin.name, options=given | plugin.options)


def build_condition(plugin: Plugin | None, utterances: tuple[Utterance, ...]) -> Condition | None:
    """The condition, given the corpus whose voices it may use."""
    if plugin is None:
        return None
    part, who = build_part("conditions", plugin), f"conditions plug-in {plugin.name!r}"
    with making(who), restored_after_call():
        bound = part.bind(tuple(handed_utterance(utterance) for utterance in utterances))
        missing = sorted(members(Condition) - set(dir(bound)))
        if missing:
            raise PluginError(f"{who}: bind gave {bound!r}, which has no {missing[0]!r}")
        check_identity(bound, who)
    return cast(Condition, bound)


def applicable(metric: Metric, pipeline: PipelineConfig, *, changed: bool) -> bool:
    """Whether ``metric`` can say anything of ``pipeline``: word metrics need a recognizer, those of
    events one that is streamed, those of end-points that or an end-pointer, and a comparison with
    the clean reference needs something that ``changed`` the audio."""
    if "hypothesis" in metric.needs and pipeline.recognizer is None:
        return False
    shows = shows_events(pipeline)
    if ("events" in metric.needs and not shows) or (
            "endpoints" in metric.needs and not (shows or pipeline.endpointer)):
        return False
    return "reference_audio" not in metric.needs or changed or pipeline.enhancer is not None
