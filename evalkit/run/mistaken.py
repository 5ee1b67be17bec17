"""Where in the file of its configuration a part of a run is that cannot be made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from evalkit.core.alignment import check_costs
from evalkit.core.config import EvalConfig
from evalkit.core.errors import EvalkitError, UtteranceError
from evalkit.metrics.global_mapping import read_mapping
from evalkit.metrics.normalisers import check_normalisers


@contextmanager
def at(config: EvalConfig, key: str | None = None) -> Iterator[None]:
    """What is raised in the block says the file of ``config`` and the ``key``: "eval.yaml:
    conditions.babble: …". Of a configuration that was put together, such as that of `evalkit
    score`, the user knows neither."""
    try:
        yield
    except EvalkitError as error:
        if config.file is None or isinstance(error, UtteranceError):
            raise
        where = config.file if key is None else f"{config.file}: {key}"
        raise type(error)(f"{where}: {error}") from error


def check_texts(config: EvalConfig) -> None:
    """Raises ConfigError where texts cannot be compared as ``config`` says. It imports nothing
    slow."""
    with at(config, "normaliser"):
        check_normalisers(config.normalisers)
    with at(config, "costs"):
        check_costs(config.costs)
    with at(config, "glm"):
        if config.glm is not None:
            read_mapping(config.glm)
