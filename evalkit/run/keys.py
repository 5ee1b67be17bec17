"""The keys that outputs and scores are kept under: digests of the content of all that decides
them, of which names of pipelines and conditions are no part."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.core.config import PipelineConfig, Plugin
from evalkit.core.protocols import Condition, Metric
from evalkit.run.endpointed import Endpointed
from evalkit.run.pipeline import Pipeline, plugins_of
from evalkit.run.prints import Print, Printed
from evalkit.run.streamed import Streamed
from evalkit.run.streamed_recognizer import StreamedRecognizer
from evalkit.store.outputs import VERSION

KEY = 32
"""Characters of a key."""


def fingerprint(value: Any) -> str:
    """SHA-256 of a tree of JSON, in hexadecimal."""
    return _hashed(written(value))


def written(value: Any) -> str:
    """A tree as JSON."""
    return json.dumps(value, sort_keys=True, default=str)


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def short(value: Any) -> str:
    """A key: half of ``fingerprint``."""
    return fingerprint(value)[:KEY]


@dataclass(frozen=True)
class Keys:
    """Of one shard: of the outputs of every stage it goes through, of the scores of every metric,
    and ``table``, of the shard's part of the run's tables."""

    stages: Mapping[str, str]
    measured: tuple[str, ...]


@dataclass(frozen=True)
class CellContent:
    """What decides the outputs of a pipeline under a condition, besides the utterances."""

    channel: int
    condition: list[Any] | None
    """Plug-in and identity."""
    systems: Mapping[str, list[Any]]
    """By stage: plug-in, identity, and how it is called."""
    hearing: frozenset[str]
    resampler: str
    listens: bool

    def stages(self, prints: Sequence[Print]) -> dict[str, str]:
        """The key of every stage for the utterances of ``prints``."""
        spoken = [[p.recording, self.condition and p.speaker] for p in prints]
        sound = ["sound", VERSION, self.resampler, self.channel, self.condition, spoken]
        keys = {"heard": short([sound, [p.reference for p in prints]])} if self.listens else {}
        looked_up = [[p.recording, p.speaker] for p in prints]
        heard: Any = sound
        for stage, system in self.systems.items():
            keys[stage] = short([stage, VERSION, system,
                                 heard if stage in self.hearing else looked_up])
            if stage == "enhanced":
                heard = keys[stage]
        return keys


def heard_key(channel: int, plugin: Plugin | None, condition: Condition | None, resampler: str,
              prints: Sequence[Print]) -> str:
    """Of what is heard of the utterances of ``prints`` under a condition, whoever hears it."""
    content = CellContent(
        channel=channel, systems={}, hearing=frozenset(), listens=True, resampler=resampler,
        condition=[plugin.name, condition.identity] if plugin and condition else None)
    return content.stages(prints)["heard"]


def streaming(part: Any) -> list[float | None]:
    """How a system that is given its audio in pieces is given it; nothing for any other."""
    if isinstance(part, StreamedRecognizer):
        return [part.seconds, part.show]
    return [part.seconds] if isinstance(part, Streamed | Endpointed) else []


def content_of(pipeline: Pipeline, config: PipelineConfig, *, alone: bool = False, **others: Any
               ) -> CellContent:
    """Of the pipeline that was made of ``config``, and hears utterances ``alone`` or in batches;
    ``others`` are the remaining fields."""
    plugins = plugins_of(config)
    systems = {stage: [plugins[stage].name, part.identity,
                       *([part.rate, 1 if alone else part.batch]
                         if stage in pipeline.hearing else []),
                       *([part.delay] if stage == "enhanced" else []),
                       *streaming(part)]
               for stage, part in pipeline.stages.items()}
    return CellContent(systems=systems, hearing=pipeline.hearing, **others)


_MEASURED_STAGES = {"audio": ("heard", "enhanced"), "reference_audio": ("heard",),
                    "hypothesis": ("heard", "recognised"),
                    "events": ("heard", "recognised", "endpointed"),
                    "endpoints": ("heard", "recognised", "endpointed")}


def measured_key(metric: Metric, plugin: Plugin, stages: Mapping[str, str],
                 prints: Printed) -> str:
    """Of the scores of one metric: of the outputs that it needs, of its version and options, and
    of the manifest's rows, whose text counts where the metric needs it."""
    needed = {stages.get(stage) for need in sorted(metric.needs)
              for stage in _MEASURED_STAGES.get(need, ("heard",))}
    texts = prints.texts if "text" in metric.needs else "null"
    first = written(["measured", VERSION, metric.name, metric.version, plugin.name, plugin.options,
                     sorted(filter(None, needed))])
    return _hashed(f"{first[:-1]}, {prints.rows}, {texts}]")[:KEY]
