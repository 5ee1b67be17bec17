"""Scoring hypotheses that were made elsewhere: a run without models and without audio."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from evalkit.core.config import Plugin, parse_config
from evalkit.core.errors import ConfigError, EvalkitError
from evalkit.core.ledger import NAMED, LeftOut
from evalkit.core.plugins import available
from evalkit.run.pipeline import build_part
from evalkit.run.runner import run
from evalkit.run.utterances import read_corpus
from evalkit.store.runfolder import RunFolder
from evalkit.store.scores import GIVEN

TEXTS = frozenset({"text", "hypothesis"})
"""What a metric of theirs may need."""


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
    strangers = [item for path in hypotheses.values() for item in _strangers(path, known)]
    return run(config, out, command="score", say=say, left_out=strangers)


def _check_needs(metrics: Iterable[str]) -> None:
    for name in metrics:
        if not _needs(name) <= TEXTS:
            possible = ", ".join(other for other in available("metrics") if _possible(other))
            raise ConfigError(f"--metric {name}: needs audio, which `evalkit score` does not read; "
                              f"possible are {possible}; `evalkit run` measures audio")


def _needs(metric: str) -> frozenset[str]:
    return frozenset(build_part("metrics", Plugin(name=metric)).needs)


def _possible(metric: str) -> bool:
    try:
        return _needs(metric) <= TEXTS
    except EvalkitError:
        return False


def _strangers(path: Path, known: set[str]) -> Iterator[LeftOut]:
    from evalkit.systems.precomputed import Hypotheses

    strangers = [identifier for identifier in Hypotheses(path).ids if identifier not in known]
    if strangers:
        yield LeftOut("hypothesis", str(path), "no such utterance in the manifest",
                      len(strangers), tuple(strangers[:NAMED]))
