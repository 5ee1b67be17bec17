"""``eval.yaml``: which corpus, conditions, pipelines and metrics make a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

from evalkit.core.checked import checked
from evalkit.core.condition_forms import written_out
from evalkit.core.corpora import by_corpus, placed
from evalkit.core.corpus import CorpusConfig
from evalkit.core.errors import ConfigError, PluginError
from evalkit.core.mistakes import NAME
from evalkit.core.names import listed
from evalkit.core.overrides import set_key
from evalkit.core.pace import SHORTEST, check_pace
from evalkit.core.pipeline_forms import pipelines_written_out
from evalkit.core.strict import Strict
from evalkit.core.trials import TrialsConfig
from evalkit.core.yaml_files import read_yaml

PATHS = frozenset({"common", "folder", "glm", "hub", "lattices", "list", "path", "symbols",
                   "weights"})
"""Options that are paths, of the configuration itself and of plug-ins."""


def _as_plugin(value: Any) -> Any:
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, Mapping) and "options" not in value:
        name = {"name": value["name"]} if "name" in value else {}
        return name | {"options": {key: item for key, item in value.items() if key != "name"}}
    if not isinstance(value, Mapping | Plugin | None):
        raise ValueError("must be the name of a plug-in, or {name: NAME, OPTION: …}; put a name "
                         "such as no in quotes")
    return value


class Plugin(Strict):
    """A plug-in's name and its options: ``rnnoise``, or ``{name: command, run: …}``."""

    name: str
    options: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def parsed(cls, text: str) -> Plugin:
        """From a command line: NAME, or NAME:OPTION=VALUE with further options after commas.
        Raises ConfigError for anything else."""
        name, _, rest = text.partition(":")
        pairs = [item.partition("=") for item in rest.split(",")] if rest else []
        if not name or any(not key or not separator for key, separator, _ in pairs):
            raise ConfigError(f"{text!r}: expected NAME, or NAME:OPTION=VALUE such as "
                              "wer:unit=space")
        return cls(name=name, options={key.strip(): value for key, _, value in pairs})


PluginSpec = Annotated[Plugin, BeforeValidator(_as_plugin)]
RunName = Annotated[str, Field(pattern=f"^{NAME.pattern}$")]


class PipelineConfig(Strict):
    """Optional enhancer, then optional recognizer, end-pointer and speaker encoder."""

    name: RunName
    enhancer: PluginSpec | None = None
    recognizer: PluginSpec | None = None
    encoder: PluginSpec | None = None
    endpointer: Annotated[PluginSpec | None, Field(exclude_if=lambda given: given is None)] = None
    stream: float | None = Field(None, ge=SHORTEST, le=60, allow_inf_nan=False)
    """Seconds of audio that the enhancer, or where there is none the recognizer, is given at a
    time, as if they came in just then; the whole utterance at once where None."""
    show: float | None = Field(None, gt=0, le=60, allow_inf_nan=False,
                               exclude_if=lambda given: given is None)
    """Seconds of audio between two looks at what a streamed recognizer shows, a whole multiple of
    ``stream``; after every piece where None."""
    metrics: list[PluginSpec] | None = None
    """Instead of the run's metrics."""

    @property
    def streams_recognizer(self) -> bool:
        """Whether it is the recognizer that is given pieces."""
        return None not in (self.stream, self.recognizer) and self.enhancer is None

    @model_validator(mode="after")
    def _something_streams(self) -> PipelineConfig:
        check_pace(self.name, self.stream, self.show, enhancer=self.enhancer is not None,
                   recognizer=self.recognizer is not None,
                   endpointer=self.endpointer is not None)
        return self


class ConditionConfig(Strict):
    """What is done to the clean speech before the pipeline hears it; nothing where ``plugin``
    is None."""

    name: RunName
    plugin: PluginSpec | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        """``clean``, or ``{name: babble_5db, noise: babble, snr_db: 5}``."""
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, Mapping) and "noise" in value:
            rest = dict(value)
            return {"name": rest.pop("name", None), "plugin": {"name": "noise", "options": {
                "kind": rest.pop("noise"), **rest}}}
        return value


def alone(value: Any) -> Any:
    """A list of one is that one: the same configuration, written in the same way."""
    return value[0] if isinstance(value, list | tuple) and len(value) == 1 else value


Normalisers = Annotated[str | Annotated[list[str], Field(min_length=1)], BeforeValidator(alone)]


class EvalConfig(Strict):
    """The whole of ``eval.yaml``; paths are relative to its folder."""

    corpus: CorpusConfig
    join: list[Path] = Field(default_factory=list)
    """Tables of speakers or utterances whose columns become metadata."""
    canonical: Annotated[list[str], Field(exclude_if=lambda given: not given)] = Field(
        default_factory=list)
    """Kinds of labels that are brought into one form, such as "gender" or "gender=spk_sex"."""
    places: Annotated[list[str], Field(exclude_if=lambda given: not given)] = Field(
        default_factory=list)
    """The column that names places, or those of the city and the country."""
    merge: list[str] = Field(default_factory=list)
    """Labels that are made one, such as "accent: zulu=isizulu"."""
    where: list[str] = Field(default_factory=list)
    """Only the utterances of which these hold, such as "domain=clinical" or "duration<10"."""
    per_speaker: int | None = Field(None, gt=0)
    """Only so many utterances of each speaker, drawn by ``seed``: for a first look."""
    outside: bool = False
    """Whether audio may lie outside the corpus folder."""
    remote: Path | None = None
    """Where recordings that the corpus names by URL are fetched to; None where it may name none."""
    channel: int = Field(0, ge=0)
    conditions: list[ConditionConfig] = Field(
        default_factory=lambda: [ConditionConfig(name="clean")], min_length=1)
    pipelines: list[PipelineConfig] = Field(min_length=1)
    metrics: list[PluginSpec] = Field(min_length=1)
    normaliser: Normalisers = "basic"
    """Of both sides of a comparison of texts; of several, each after the first gives scores of
    names of its own (``wer@whisper_english``)."""
    costs: str = "levenshtein"
    """Of the word alignment: levenshtein, or sclite (substitution 4, gap 3)."""
    alternatives: Annotated[bool, Field(exclude_if=lambda given: not given)] = False
    """Whether braces and parentheses in references are sclite's { a / b } and (optional)."""
    glm: Annotated[Path | None, Field(exclude_if=lambda given: given is None)] = None
    """NIST's global mapping file, whose rules rewrite both sides."""
    trials: TrialsConfig = Field(default_factory=TrialsConfig)
    keep_audio: bool = True
    """Whether the run folder keeps what the enhancers heard and made."""
    shard_size: int | None = Field(None, gt=0)
    """Utterances a shard; by default a sixteenth of the corpus, from 8 to 512."""
    time_limit: float = Field(300.0, gt=0, allow_inf_nan=False)
    """Seconds that reading an utterance, each system and its metrics may take; a batch may take
    so long for each of its utterances."""
    batch_check: int = Field(32, ge=0)
    """Utterances that systems which hear batches are given alone too, over all pipelines and
    conditions, to see what that changes; 0 where nobody looks."""
    seed: int = Field(0, ge=0)
    _file: Path | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _unique_names(self) -> EvalConfig:
        parts: tuple[tuple[str, Sequence[Any]], ...] = (
            ("pipelines", self.pipelines), ("conditions", self.conditions))
        for what, items in parts:
            names = [item.name for item in items]
            twice = {name for name in names if names.count(name) > 1}
            if twice:
                raise ValueError(f"two {what} are named {sorted(twice)[0]!r}")
        return self

    @model_validator(mode="after")
    def _scores_of_pipelines(self) -> EvalConfig:
        idle = {pipeline.name for pipeline in self.pipelines if pipeline.encoder is None}
        for name in self.trials.scores:
            if name not in idle:
                raise ValueError(f"trials: scores of {name!r}, which is no pipeline without an "
                                 "encoder")
        return self

    @property
    def file(self) -> Path | None:
        """What it was read from; None where it was put together."""
        return self._file

    @property
    def normalisers(self) -> list[str]:
        """Their names, one or more."""
        return [self.normaliser] if isinstance(self.normaliser, str) else self.normaliser


def read_configs(path: Path | str, overrides: Sequence[str] = ()) -> dict[str | None, EvalConfig]:
    """Reads ``path`` and applies ``a.b=value`` overrides: values are YAML, and an item of a list
    goes by its number from 0 or by its name. One configuration for every name of its ``corpora``,
    for None where it has a ``corpus``.

    Raises ConfigError naming the file and the first key that is wrong."""
    path = Path(path)
    tree = read_yaml(path)
    for override in overrides:
        set_key(tree, override)
    try:
        trees = by_corpus(tree)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return {name: _named(parse_config(each, path, placed(tree, name)), name, path)
            for name, each in trees.items()}


def read_config(path: Path | str, overrides: Sequence[str] = ()) -> EvalConfig:
    """``read_configs`` of a configuration that has one corpus. Raises ConfigError for another."""
    configs = read_configs(path, overrides)
    if None not in configs:
        raise ConfigError(f"{path}: has several corpora ({listed(map(str, configs))}), where one "
                          "is taken")
    return configs[None]


def _named(config: EvalConfig, name: str | None, path: Path) -> EvalConfig:
    """``config``, of the file ``path``, whose corpus knows its name among several."""
    named = config.corpus.model_copy(update={"name": name})
    config = config.model_copy(update={"corpus": named})
    config._file = path
    return config


_FORMS = {"conditions": written_out, "pipelines": pipelines_written_out}


def parse_config(tree: Mapping[str, Any], path: Path, where: Callable[[str], str] = str
                 ) -> EvalConfig:
    """Validates a configuration and makes its paths relative to ``path``'s folder absolute. A
    mistake is told as ``where`` says it of the file."""
    folder = path.parent.resolve()
    try:
        tree = {**tree, **{key: write(tree[key]) for key, write in _FORMS.items() if key in tree}}
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    config = checked(EvalConfig, absolute_paths(tree, folder), path, where)
    try:
        return _located(config, folder)
    except PluginError as error:
        raise PluginError(f"{path}: {where(f'corpus.reader: {error}')}") from error


def _located(config: EvalConfig, folder: Path) -> EvalConfig:
    """With paths from ``folder``. Raises PluginError for a reader that there is not."""
    return config.model_copy(update={
        "corpus": config.corpus.located(folder), "join": [folder / each for each in config.join],
        "trials": config.trials.located(folder),
        "remote": config.remote and folder / config.remote})


def absolute_paths(tree: Any, folder: Path, options: Set[str] = PATHS) -> Any:
    """``tree`` with the values of ``options``, wherever they are, taken from ``folder``."""
    if isinstance(tree, list | tuple):
        return [absolute_paths(item, folder, options) for item in tree]
    if not isinstance(tree, Mapping):
        return tree
    return {key: str(folder / value) if key in options and isinstance(value, str)
            else absolute_paths(value, folder, options) for key, value in tree.items()}
