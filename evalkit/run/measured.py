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
from evalkit.core.config import EvalConfig, Plugin
from evalkit.core.errors import ConfigError
from evalkit.core.protocols import Metric
from evalkit.core.types import Fact, Renormalised
from evalkit.metrics.normalisers import check_normalisers
from evalkit.run.pipeline import WordOptions, build_part, complete


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


def word_options(config: EvalConfig) -> WordOptions:
    """How words are compared where it is done in one way: alignments that are shown."""
    return WordOptions(config.normalisers[0], cast(Costs, config.costs), config.alternatives,
                       config.glm)


def measured(plugins: Sequence[Plugin], config: EvalConfig) -> list[Measured]:
    """The metrics of ``plugins`` under the run's normalisers. Raises ConfigError where two would
    give scores of one name, and as _measured does."""
    found = [each for plugin in plugins for each in _measured(plugin, config)]
    of: dict[str, str] = {}
    for each in found:
        for name in each.facts:
            if name in of:
                raise ConfigError(f"metrics: {of[name]} and {each.asked.plugin.name} would both "
                                  f"give {name!r}; leave one out, or, of b_wer, give one a label")
            of[name] = each.asked.plugin.name
    return found


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
