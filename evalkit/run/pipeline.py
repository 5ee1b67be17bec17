"""A pipeline's parts, made from its configuration."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, TypeGuard

from evalkit.core.alignment import Alignment, Costs, align
from evalkit.core.config import PipelineConfig, Plugin
from evalkit.core.plugins import create
from evalkit.core.protocols import Condition, Enhancer, Metric, Recalled, Recognizer, SpeakerEncoder
from evalkit.core.types import Utterance
from evalkit.metrics.normalisers import normaliser
from evalkit.store.documents import run as documents


@dataclass(frozen=True)
class Pipeline:
    """Optional enhancer, then optional recognizer, then optional speaker encoder."""

    enhancer: Enhancer | None
    recognizer: Recognizer | Recalled | None
    encoder: SpeakerEncoder | Recalled | None

    @property
    def hears(self) -> bool:
        """Whether any part needs the audio."""
        listeners = (self.recognizer, self.encoder)
        return self.enhancer is not None or any(
            part is not None and not recalls(part) for part in listeners)

    def describe(self, config: PipelineConfig) -> documents.Pipeline:
        """Name and identity of every part, for ``run.json`` and the shards' keys."""
        def part(name: str) -> documents.System | None:
            system = getattr(self, name)
            return system and documents.System(
                name=getattr(config, name).name, identity=system.identity,
                delay_ms=1000 * system.delay if name == "enhancer" else None)

        return documents.Pipeline(**{name: part(name)
                                     for name in ("enhancer", "recognizer", "encoder")})


def recalls(part: Any) -> TypeGuard[Recalled]:
    """Whether a recognizer or encoder looks its results up instead of listening."""
    return not part.needs_audio


def build_pipeline(config: PipelineConfig) -> Pipeline:
    """Raises PluginError and ConfigError as evalkit.core.plugins.create does."""
    def part(group: str, plugin: Plugin | None) -> Any:
        return plugin and create(group, plugin.name, plugin.options)

    return Pipeline(part("enhancers", config.enhancer), part("recognizers", config.recognizer),
                    part("encoders", config.encoder))


@dataclass(frozen=True)
class WordOptions:
    """How words are compared in a whole run: names of a normaliser and of alignment costs."""

    normaliser: str
    costs: Costs

    def align(self, reference: str, hypothesis: str) -> Alignment:
        """The alignment of the normalised words."""
        normalise = normaliser(self.normaliser)
        return align(normalise(reference).split(), normalise(hypothesis).split(), self.costs)


def build_metrics(plugins: Iterable[Plugin], words: WordOptions) -> list[Metric]:
    """The metrics, those of words under the run's options unless they name their own."""
    metrics = []
    for plugin in plugins:
        metric = create("metrics", plugin.name, plugin.options)
        given = {name: value for name, value in asdict(words).items()
                 if name in metric.text_options}
        metrics.append(create("metrics", plugin.name, given | plugin.options))
    return metrics


def build_condition(plugin: Plugin | None, utterances: tuple[Utterance, ...]) -> Condition | None:
    """The condition, given the corpus's voices where it asks for them (``bind``)."""
    if plugin is None:
        return None
    condition = create("conditions", plugin.name, plugin.options)
    return condition.bind(utterances)


def applicable(metric: Metric, pipeline: Pipeline, *, changed: bool) -> bool:
    """Whether ``metric`` can say anything of ``pipeline``: word metrics need a recognizer, and
    a comparison with the clean reference needs something that ``changed`` the audio."""
    if "hypothesis" in metric.needs and pipeline.recognizer is None:
        return False
    return "reference_audio" not in metric.needs or changed or pipeline.enhancer is not None
