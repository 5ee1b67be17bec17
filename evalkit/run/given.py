"""Scoring hypotheses that were made elsewhere: a run without models and without audio."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from evalkit.core.config import EvalConfig, Plugin, parse_config
from evalkit.core.deadlines import planning
from evalkit.core.errors import ConfigError, EvalkitError, ManifestError
from evalkit.core.ledger import NAMED, LeftOut
from evalkit.core.plugins import available, create
from evalkit.core.text import count
from evalkit.core.types import Utterance
from evalkit.metrics.emission import EmissionLatency
from evalkit.metrics.revocation import RevokedWords
from evalkit.metrics.word_counts import WordCounts
from evalkit.metrics.words import WordErrors
from evalkit.run.finished import Request
from evalkit.run.overlap import portion_said
from evalkit.run.pipeline import build_part, metric_said, shows_events
from evalkit.run.runner import Work, run
from evalkit.run.text_metrics import usual_metrics
from evalkit.run.utterances import read_corpus
from evalkit.store.manifest import Manifest
from evalkit.store.runfolder import RunFolder
from evalkit.store.scores import GIVEN
from evalkit.systems.event_log import EventLog, is_event_log
from evalkit.systems.precomputed import Hypotheses, read_ahead

TEXTS = frozenset({"text", "hypothesis", "events", "endpoints"})
"""What a metric of theirs may need."""


@dataclass(frozen=True)
class Reading:
    """How files of hypotheses are read: options of the recognizer ``precomputed``, None for what
    the files tell themselves."""

    format: str | None = None
    id_key: str | None = None
    text_key: str | None = None

    def plugin(self, path: Path) -> Plugin:
        """The recognizer that looks up what is in the file ``path``: a log of events tells itself,
        where nothing else is said."""
        given = {name: value for name, value in vars(self).items() if value is not None}
        name = "event_log" if not given and is_event_log(path) else "precomputed"
        return Plugin(name=name, options={"path": str(path.resolve()), **given})


UNFOLDED = Reading("jsonl")
"""How the files of unfolded tables are read."""


@dataclass(frozen=True)
class Unfolded:
    """What tables of results were made into: files of hypotheses by system, or where ``counted``
    of written counts of errors, and what was left out."""

    hypotheses: Mapping[str, Path] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()
    counted: bool = False


def score(manifest: Path, hypotheses: Mapping[str, Path], out: Path, *,
          metrics: Sequence[str] = (), normaliser: str | Sequence[str] = "basic",
          costs: str = "levenshtein", alternatives: bool = False, glm: Path | None = None,
          canonical: Sequence[str] = (), places: Sequence[str] = (),
          reading: Reading = Reading(), unfolded: Unfolded = Unfolded(),
          outside: bool = False, workers: int = 0, shard: str | None = None,
          overwrite: bool = False, say: Callable[[str], None] = lambda line: None) -> RunFolder:
    """Scores hypotheses that were made elsewhere, one file a system, into a run folder; those of
    ``unfolded`` tables too.

    Needs no audio and no torch. ``canonical`` and ``places`` say what has been done with the labels
    of the manifest. Where ``metrics`` are none, they are those that fit the writing of
    the references (evalkit.run.text_metrics). An utterance without a hypothesis is a failure;
    hypotheses without an utterance, and recordings outside the manifest's folder unless
    ``outside``, are named in ``left_out``. Raises ConfigError for a metric that needs audio and a
    manifest without texts, ManifestError for a file that has no utterance of the manifest."""
    portion = portion_said(shard)
    with planning():
        chosen = [metric_said(each) for each in metrics]
        _check_needs(chosen)
    given = _recognizers(hypotheses, reading) | _recognizers(unfolded.hypotheses, UNFOLDED)
    usual = Plugin(name=WordCounts.name if unfolded.counted else WordErrors.name)
    config = _config(manifest, given, {
        "outside": outside, "normaliser": normaliser, "costs": costs, "alternatives": alternatives,
        "glm": glm and str(glm.resolve()), "canonical": [*canonical], "places": [*places],
        "metrics": chosen or [usual]})
    asked = Request.of(config, [not metrics, shard, *map(asdict, unfolded.left_out)])
    if asked.holds_in(out, say):
        return RunFolder(out)
    with read_ahead(_files(given.values()) if workers else ()):
        corpus, strangers = _read(config, hypotheses, reading, say, counted=unfolded.counted)
    if not (metrics or unfolded.counted):
        config = _of_texts(config, corpus.utterances, say)
    folder = run(config, out, Work(workers, portion=portion), command="score", say=say,
                 left_out=[*unfolded.left_out, *strangers], overwrite=overwrite, manifest=corpus)
    asked.note(out, corpus)
    return folder


def _recognizers(hypotheses: Mapping[str, Path], reading: Reading) -> dict[str, Plugin]:
    return {name: reading.plugin(path) for name, path in hypotheses.items()}


def _read(config: EvalConfig, hypotheses: Mapping[str, Path], reading: Reading,
          say: Callable[[str], None], *, counted: bool) -> tuple[Manifest, list[LeftOut]]:
    """The corpus, and what of the files of ``hypotheses`` takes no part. Raises ConfigError where
    there are neither texts nor errors that are ``counted``."""
    corpus = read_corpus(config, texts_only=True)
    if not counted and all(u.text is None for u in corpus.utterances):
        raise ConfigError(f"{config.corpus.path}: no utterance has a text to compare with; are "
                          "--manifest and --hypotheses in each other's place?")
    ids = [utterance.id for utterance in corpus.utterances]
    return corpus, [item for path in hypotheses.values()
                    for item in _left_out(path, reading, ids, say)]


def _of_texts(config: EvalConfig, utterances: Sequence[Utterance], say: Callable[[str], None]
              ) -> EvalConfig:
    """``config`` with the usual metrics of texts in such writing."""
    names = [*usual_metrics(utterances, say), *_of_events(config, utterances)]
    return config.model_copy(update={"metrics": [Plugin(name=name) for name in names]})


def _of_events(config: EvalConfig, utterances: Sequence[Utterance]) -> list[str]:
    """The metrics of what was shown on the way, where any file tells that."""
    if not any(map(shows_events, config.pipelines)):
        return []
    timed = any(u.words for u in utterances)
    return [*([EmissionLatency.name] if timed else []), RevokedWords.name]


def _files(plugins: Iterable[Plugin]) -> list[Hypotheses]:
    """The files of texts among what is ``given``."""
    made = [create("recognizers", plugin.name, plugin.options) for plugin in plugins]
    return [file for file in made if isinstance(file, Hypotheses)]


def _config(manifest: Path, files: Mapping[str, Plugin], options: Mapping[str, Any]
            ) -> EvalConfig:
    pipelines = [{"name": name, "recognizer": given} for name, given in files.items()]
    return parse_config({"corpus": manifest.resolve(), "conditions": [GIVEN], "shard_size": 10_000,
                         "pipelines": pipelines, **options}, manifest)


def _check_needs(metrics: Iterable[Plugin]) -> None:
    for metric in metrics:
        if not build_part("metrics", metric).needs <= TEXTS:
            possible = ", ".join(other for other in available("metrics") if _possible(other))
            raise ConfigError(f"--metric {metric.name}: needs audio, which `evalkit score` does "
                              f"not read; possible are {possible}; `evalkit run` measures audio")


def _possible(metric: str) -> bool:
    try:
        return frozenset(build_part("metrics", Plugin(name=metric)).needs) <= TEXTS
    except EvalkitError:
        return False


def _left_out(path: Path, reading: Reading, ids: Sequence[str], say: Callable[[str], None]
              ) -> list[LeftOut]:
    """What of a file takes no part. Raises ManifestError where nothing of it does."""
    plugin = reading.plugin(path)
    file: Hypotheses | EventLog = create("recognizers", plugin.name, plugin.options)
    say(f"{path.name}: {count(len(file.ids), 'hypothesis', 'hypotheses')}, read as {file.read_as}")
    known, theirs = set(ids), file.ids
    strangers = [identifier for identifier in theirs if identifier not in known]
    if len(strangers) == len(theirs):
        raise ManifestError(f"{path}: holds no utterance of the manifest: its ids are such as "
                            f"{strangers[0]!r}, those of the manifest such as {ids[0]!r}"
                            f"{_hint(strangers, known)}")
    repeated = list(file.left_out)
    if not strangers:
        return repeated
    return [*repeated, LeftOut("hypothesis", str(path), "no such utterance in the manifest",
                               len(strangers), tuple(strangers[:NAMED]))]


_STEM = "without folder and suffix"
_LIKENESSES: Mapping[str, Callable[[str], str]] = {
    _STEM: lambda name: PurePosixPath(name).stem,
    "without the spaces around them": str.strip,
    "in one case": str.casefold,
    "without what is before the first - or _":
        lambda name: name.replace("_", "-").partition("-")[2],
    "without what is after the last - or _":
        lambda name: name.replace("_", "-").rpartition("-")[0],
}

_AS_IT_IS = ", which a column of paths loses unless --id-key names it"


def _hint(strangers: Sequence[str], known: Iterable[str]) -> str:
    """How ids that are not those of the manifest would be, "" where no likeness is seen."""
    for how, alike in _LIKENESSES.items():
        theirs = set(map(alike, strangers)) - {""}
        ours = {*known, *map(alike, known)}
        if theirs & ours:
            n = sum(alike(name) in ours for name in strangers)
            return f"; {n:,} of {len(strangers):,} would match {how}" + (
                _AS_IT_IS if how == _STEM and theirs == {*strangers} else "")
    return ""
