"""What a run measures: metrics that are complete, and by which names their scores go.

Under the first text normaliser of the run a score has its metric's own names; under every further
one it is measured again, and the normaliser is told behind the name: ``wer@whisper_english``. What
such a name means is said by its fact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

from evalkit.core.alignment import Costs
from evalkit.core.config import EvalConfig, PipelineConfig, Plugin
from evalkit.core.errors import ConfigError
from evalkit.core.protocols import Metric
from evalkit.core.types import Fact, Renormalised, Utterance
from evalkit.metrics.normalisers import check_normalisers
from evalkit.run.mistaken import at
from evalkit.run.pipeline import WordOptions, applicable, build_part, complete, lacking


@dataclass(frozen=True)
class Asked:
    """A metric's configuration, complete, and the further normaliser that tells its scores from
    those under the run's first, None for those."""

    plugin: Plugin
    under: str | None = None

    def named(self, name: str) -> str:
        """The name of the score that the metric calls ``name``."""
        return name if self.under is None else f"{name}@{self.under}"


@dataclass(frozen=True)
class Measured:
    """A metric of a run. Scores are kept under its own names, whatever the run calls them."""

    asked: Asked
    metric: Metric

    @property
    def name(self) -> str:
        """The metric's, as the run has it."""
        return self.asked.named(self.metric.name)

    @cached_property
    def facts(self) -> Mapping[str, Fact]:
        """By the names that the run's tables have."""
        if self.asked.under is None:
            return self.metric.facts
        return {self.asked.named(name): self._renormalised(name, fact, self.asked.under)
                for name, fact in self.metric.facts.items()}

    def _renormalised(self, name: str, fact: Fact, under: str) -> Fact:
        derived = fact.derived and replace(
            fact.derived, of=(self.asked.named(fact.derived.of[0]),
                              self.asked.named(fact.derived.of[1])))
        return replace(
            fact, title=f"{fact.named(name)} ({under})", derived=derived,
            part_of=None if fact.part_of is None else self.asked.named(fact.part_of),
            definition=f"{fact.definition}; of texts normalised by {under}",
            renormalised=Renormalised(name, under))


@dataclass(frozen=True)
class Measures:
    """What is measured of one cell."""

    metrics: tuple[Measured, ...]

    @property
    def asked(self) -> tuple[Asked, ...]:
        """What the metrics are made of."""
        return tuple(each.asked for each in self.metrics)

    @property
    def of_audio(self) -> bool:
        """Whether any metric hears the output."""
        return any("audio" in each.metric.needs for each in self.metrics)


def word_options(config: EvalConfig) -> WordOptions:
    """How words are compared where it is done in one way: alignments that are shown."""
    return WordOptions(config.normalisers[0], cast(Costs, config.costs), config.alternatives,
                       config.glm)


def metrics_of(pipeline: PipelineConfig, config: EvalConfig) -> list[Measured]:
    """The metrics of a pipeline, its own or those of the run, under the run's normalisers. Raises
    ConfigError where two would give scores of one name, and as _measured does."""
    own = pipeline.metrics is not None
    key, found = f"pipelines.{pipeline.name}.metrics" if own else "metrics", list[Measured]()
    for plugin in _plugins(pipeline, config):
        with at(config, f"{key}.{plugin.name}"):
            found += _measured(plugin, config)
    with at(config, key):
        _check_names(found)
    return found


def _plugins(pipeline: PipelineConfig, config: EvalConfig) -> list[Plugin]:
    return config.metrics if pipeline.metrics is None else pipeline.metrics


def _check_names(metrics: Sequence[Measured]) -> None:
    """Raises ConfigError where two would give scores of one name."""
    of: dict[str, str] = {}
    for each in metrics:
        for name in each.facts:
            if name in of:
                raise ConfigError(f"{of[name]} and {each.asked.plugin.name} would both give "
                                  f"{name!r}; leave one out, or, of b_wer, give one a label")
            of[name] = each.asked.plugin.name


def _measured(plugin: Plugin, config: EvalConfig) -> Iterator[Measured]:
    """The metric of ``plugin`` under the run's first normaliser, and under the further ones where
    that is an option of it which it does not give itself. Raises PluginError for one that cannot
    be made, ConfigError for a normaliser that there is not."""
    check_normalisers(config.normalisers)
    first, *further = config.normalisers
    words = word_options(config)
    metric = build_part("metrics", plugin)
    again = "normaliser" in metric.text_options and "normaliser" not in plugin.options
    for under in (None, *(further if again else ())):
        whole = complete(plugin, replace(words, normaliser=under or first))
        yield Measured(Asked(whole, under), build_part("metrics", whole))


def measures_by_cell(config: EvalConfig, utterances: Sequence[Utterance]
                     ) -> dict[tuple[str, str], Measures]:
    """What is measured, by the names of pipeline and condition."""
    recorded = any(u.reference_audio for u in utterances)
    measures = {}
    for pipeline in config.pipelines:
        possible = metrics_of(pipeline, config)
        for condition in config.conditions:
            changed = recorded or condition.plugin is not None
            measures[pipeline.name, condition.name] = Measures(tuple(
                each for each in possible
                if applicable(each.metric, pipeline, changed=changed)))
    return measures


def used_metrics(measures: dict[tuple[str, str], Measures]) -> tuple[Measured, ...]:
    """Every metric of the run, by name."""
    return tuple({m.name: m for cell in measures.values() for m in cell.metrics}.values())


def check_measures(config: EvalConfig, measures: Mapping[tuple[str, str], Measures]) -> None:
    """Raises ConfigError where the run would measure nothing, or nothing under a further
    normaliser."""
    with at(config):
        _check_further_normalisers(config, measures)
        _check_any(config, measures)


def _check_further_normalisers(config: EvalConfig,
                               measures: Mapping[tuple[str, str], Measures]) -> None:
    under = {each.asked.under for cell in measures.values() for each in cell.metrics}
    if idle := [name for name in config.normalisers[1:] if name not in under]:
        raise ConfigError(f"normaliser: no metric of the run compares texts under {idle[0]!r}; "
                          "leave it out, or add a metric that does, such as wer")


def _check_any(config: EvalConfig, measures: Mapping[tuple[str, str], Measures]) -> None:
    if any(cell.metrics for cell in measures.values()) or config.trials.scores or any(
            p.encoder for p in config.pipelines):
        return
    plugins = {plugin.name: plugin for pipeline in config.pipelines
               for plugin in _plugins(pipeline, config)}
    needs = [f"{name} needs {lacking(build_part('metrics', plugin))}"
             for name, plugin in plugins.items()]
    raise ConfigError("nothing could be measured; no metric of the run is one of its pipelines: "
                      f"{', '.join(needs) or 'none is named'}; add that, or another metric")
