"""The systems that an experiment trains: recognizers and speaker encoders by their names."""

from __future__ import annotations

from typing import Any, Literal

from evalkit.core.config import Plugin
from evalkit.core.errors import ConfigError
from evalkit.core.names import offer
from evalkit.core.plugins import available, create
from evalkit.models.tensors import best_device


def load_trainable(kind: Literal["recognizer", "encoder"], plugin: Plugin) -> Any:
    """A TrainableRecognizer, or a Trainable speaker encoder, in evaluation mode, on a graphics
    processor where there is one. Raises ConfigError where it cannot be trained or not be loaded,
    and PluginError where its package is not installed."""
    group = f"trainable_{kind}s"
    trainable = available(group)
    if plugin.name not in trainable:
        raise ConfigError(f"{plugin.name!r} is no {kind} that can be trained; "
                          f"{offer(plugin.name, trainable)}")
    system = create(group, plugin.name, plugin.options)
    system.module.eval().to(best_device())
    return system
