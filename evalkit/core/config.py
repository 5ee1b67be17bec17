"""``eval.yaml``: which corpus, conditions, pipelines and metrics make a run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from evalkit.core.errors import ConfigError, one_line

PATHS = frozenset({"list", "folder", "path", "weights"})
"""Options that are paths, of the configuration itself and of plug-ins."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")


def _as_plugin(value: Any) -> Any:
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, Mapping) and "options" not in value:
        rest = dict(value)
        return {"name": rest.pop("name", None), "options": rest}
    return value


class Strict(BaseModel):
    """A misspelt key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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


Model = TypeVar("Model", bound=BaseModel)
PluginSpec = Annotated[Plugin, BeforeValidator(_as_plugin)]
RunName = Annotated[str, Field(pattern=f"^{NAME.pattern}$")]


class PipelineConfig(Strict):
    """Optional enhancer, then optional recognizer, then optional speaker encoder."""

    name: RunName
    enhancer: PluginSpec | None = None
    recognizer: PluginSpec | None = None
    encoder: PluginSpec | None = None
    metrics: list[PluginSpec] | None = None
    """Instead of the run's metrics."""


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


class TrialsConfig(Strict):
    """Which pairs of utterances a speaker encoder must tell apart: a ``list`` in VoxCeleb or
    Kaldi form, or pairs drawn from the corpus, at most ``most`` of them."""

    list: Path | None = None
    most: int = Field(200_000, gt=0)


class EvalConfig(Strict):
    """The whole of ``eval.yaml``; paths are relative to its folder."""

    corpus: Path
    outside: bool = False
    """Whether audio may lie outside the corpus folder."""
    channel: int = Field(0, ge=0)
    conditions: list[ConditionConfig] = Field(
        default_factory=lambda: [ConditionConfig(name="clean")], min_length=1)
    pipelines: list[PipelineConfig] = Field(min_length=1)
    metrics: list[PluginSpec] = Field(min_length=1)
    normaliser: str = "basic"
    costs: str = "levenshtein"
    """Of the word alignment: levenshtein, or sclite (substitution 4, gap 3)."""
    trials: TrialsConfig = Field(default_factory=TrialsConfig)
    keep_audio: bool = True
    """Whether the run folder keeps what the enhancers heard and made."""
    shard_size: int | None = Field(None, gt=0)
    """Utterances a shard; by default a sixteenth of the corpus, from 8 to 512."""
    seed: int = Field(0, ge=0)

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


def read_yaml(path: Path) -> dict[str, Any]:
    """The keys and values of a YAML file. Raises ConfigError naming the file."""
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the configuration: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not YAML: {one_line(error)}") from error
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: expected `key: value` lines")
    return tree


def checked(model: type[Model], tree: Mapping[str, Any], path: Path) -> Model:
    """``tree``, read from ``path``, as a ``model``. Raises ConfigError naming the file and the
    first key that is wrong."""
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "configuration"
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise ConfigError(f"{path}: {where}: {one_line(first['msg'])}{more}") from error


def read_config(path: Path | str, overrides: Sequence[str] = ()) -> EvalConfig:
    """Reads ``path`` and applies ``a.b=value`` overrides (values are YAML).

    Raises ConfigError naming the file and the first key that is wrong."""
    path = Path(path)
    tree = read_yaml(path)
    for override in overrides:
        _set(tree, override)
    return parse_config(tree, path)


def parse_config(tree: Mapping[str, Any], path: Path) -> EvalConfig:
    """Validates a configuration and makes its paths relative to ``path``'s folder absolute."""
    config = checked(EvalConfig, absolute_paths(tree, path.parent.resolve()), path)
    return config.model_copy(update={"corpus": path.parent.resolve() / config.corpus})


def absolute_paths(tree: Any, folder: Path, options: Set[str] = PATHS) -> Any:
    """``tree`` with the values of ``options``, wherever they are, taken from ``folder``."""
    if isinstance(tree, list | tuple):
        return [absolute_paths(item, folder, options) for item in tree]
    if not isinstance(tree, Mapping):
        return tree
    return {key: str(folder / value) if key in options and isinstance(value, str)
            else absolute_paths(value, folder, options) for key, value in tree.items()}


def _set(tree: dict[str, Any], override: str) -> None:
    key, separator, value = override.partition("=")
    if not separator or not key:
        raise ConfigError(f"--set {override!r}: expected KEY=VALUE, such as seed=3")
    node: Any = tree
    *parents, last = key.split(".")
    try:
        for part in parents:
            node = node[int(part)] if isinstance(node, list) else node.setdefault(part, {})
        node[int(last) if isinstance(node, list) else last] = yaml.safe_load(value)
    except (AttributeError, IndexError, TypeError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"--set {override!r}: no such key in the configuration") from error
