"""Folders of SpeechBrain, read without a network: what they need, how they are loaded, and what
they are made of.

Such a folder is a program: its hyperparams.yaml names what is called. Load only one that you
trust.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from evalkit.core.errors import ConfigError, one_line
from evalkit.systems.identity import model_folder, require, stamp_folder
from evalkit.systems.transformers import library

if TYPE_CHECKING:
    from torch import nn

Module = TypeVar("Module", bound="nn.Module")

HYPERPARAMETERS = "hyperparams.yaml"
RECIPE = "pretrained_path"
"""The hyperparameter that names where the folder itself came from."""
_NAMED = re.compile(r"^(\w+_hub|pretrained_path)\s*:\s*['\"]?([^\s'\"#]+)", re.MULTILINE)
"""Where SpeechBrain's recipes say, by a name of a hub or a path, what they are made of."""


def check_folder(path: Path | str, hub: Path | str | None = None) -> None:
    """Raises ConfigError where ``path`` is no folder of SpeechBrain, or where it names a model of
    a hub that is not in the folder ``hub``."""
    require("speechbrain", "torchaudio", "torch")
    file = model_folder(path, HYPERPARAMETERS) / HYPERPARAMETERS
    hubs = {key: named for key, named in _named(file).items() if key != RECIPE}
    if hub is not None:
        model_folder(hub, "config.json")
        if len(hubs) != 1:
            raise ConfigError(f"{file}: names {len(hubs)} models of a hub (as NAME_hub), so that "
                              "`hub` cannot stand for one; leave the option away, and name "
                              "folders there")
    for key, named in hubs.items():
        if hub is None and not Path(named).is_dir():
            raise ConfigError(
                f"{file}: its {key} is {named}, which is no folder; download it, such as by "
                f"`hf download {named} --local-dir FOLDER`, and give that as `hub`")


def stamp_parts(path: Path | str, hub: Path | str | None = None,
                weights: Path | str | None = None) -> str:
    """SpeechBrain's version and the digest of all files that the model is read from."""
    made = stamp_folder("speechbrain", Path(path), weights)
    return made if hub is None else f"{made}, {stamp_folder('transformers', Path(hub), None)}"


def ensure_importable() -> None:
    from evalkit.models.torchaudio_standin import ensure_speechbrain

    ensure_speechbrain()


def load_interface(factory: Any, path: Path | str, hub: Path | str | None = None) -> Any:
    """The interface of SpeechBrain that the folder ``path`` describes, in evaluation mode, on
    the CPU, with ``hub`` in place of the model of a hub that it names. Raises ConfigError."""
    import torch
    from speechbrain.utils.fetching import FetchConfig, LocalStrategy

    folder = Path(path)
    places = {key: folder if key == RECIPE else Path(hub or named)
              for key, named in _named(folder / HYPERPARAMETERS).items()}
    if places.keys() - {RECIPE}:
        library()  # read by transformers, which is to be silent
    try:
        with torch.device("cpu"), _offline():  # a filterbank made elsewhere mixes devices
            loaded = factory.from_hparams(
                source=str(path), savedir=str(path), local_strategy=LocalStrategy.NO_LINK,
                overrides={key: str(place.resolve()) for key, place in places.items()},
                fetch_config=FetchConfig(allow_network=False),
                freeze_params=False, run_opts={"device": "cpu"})
    except Exception as error:  # what a folder's own code raises can be anything
        raise ConfigError(f"{path}: cannot load an {factory.__name__} of SpeechBrain: "
                          f"{one_line(error)}; all files of the model must be in the folder "
                          "`path`, nothing is downloaded, and its card must name this class"
                          ) from error
    return loaded.eval()


def interface_on(device: str, factory: Any, path: Path | str, hub: Path | str | None = None) -> Any:
    """``load_interface`` with all of its networks on ``device``. Raises ConfigError."""
    from evalkit.models.tensors import device_of

    loaded = load_interface(factory, path, hub)
    loaded.device = device_of(placed(loaded.mods, None, device))
    return loaded


def placed(module: Module, weights: Path | str | None, device: str) -> Module:
    """``module`` with the ``weights``, if given, on ``device``."""
    from speechbrain.processing.features import InputNormalization

    from evalkit.models import tensors

    for layer in module.modules():
        if isinstance(layer, InputNormalization):
            layer.register_forward_pre_hook(_follow)
    if weights:
        tensors.load_weights(module, Path(weights))
    return tensors.placed(module, device)


def _named(file: Path) -> Mapping[str, str]:
    text = file.read_text(encoding="utf-8", errors="replace")
    return {key: value for key, value in _NAMED.findall(text) if not value.startswith("!")}


@contextmanager
def _offline() -> Iterator[None]:
    """What would ask a hub raises at once, and no library warns of what another of them does."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _follow(normaliser: nn.Module, inputs: tuple[Any, ...]) -> None:
    """Moves means and deviations, which a network that holds the normaliser does not take along
    when it is moved, to where the inputs are."""
    normaliser.to(inputs[0].device)
