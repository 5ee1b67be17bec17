"""Making the enhancer's weights from a recipe: folders of speech and noise, and a training."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, ValidationError

from evalkit.core.checked import checked
from evalkit.core.config import PATHS, absolute_paths
from evalkit.core.errors import ConfigError, EvalkitError, RunError
from evalkit.core.files import write
from evalkit.core.ledger import LeftOut
from evalkit.core.plugins import packages_for
from evalkit.core.strict import Strict
from evalkit.core.yaml_files import read_yaml
from evalkit.models.percepnet.card import EnhancerCard
from evalkit.models.percepnet.training import CHECKPOINT, Check, EnhancerTraining, read_curve, train
from evalkit.models.tensors import check_device
from evalkit.training.checkpoints import steps_done
from evalkit.training.mixing import Material, Room
from evalkit.training.sources import Recordings, Source, cleaned, find, split, teacher

RECIPE, WEIGHTS, FLOATS, CARD = ("recipe.json", "percepnet.onnx", "percepnet_float.onnx",
                                 "percepnet.md")
"""Names of what a training leaves in its folder, beside checkpoint and curve."""

Say = Callable[[str], None]


class EnhancerRecipe(Strict):
    """The whole of ``enhancer.yaml``; folders are relative to its own.

    Every source is drawn from as often as any other of its kind; noise is also generated. Of every
    ``watched`` files of a source (folders, of speech in so many) one is kept out of the training,
    and the loss on those watched."""

    speech: list[Source] = Field(min_length=1)
    noise: list[Source] = Field(default_factory=list)
    rooms: bool = True
    watched: int = Field(10, ge=2)
    training: EnhancerTraining = EnhancerTraining()


def read_recipe(path: Path | str) -> EnhancerRecipe:
    """Raises ConfigError naming the file and the first key that is wrong, which may be that of a
    teacher that cannot be made here."""
    path = Path(path)
    tree = absolute_paths(read_yaml(path), path.parent.resolve(), PATHS)
    recipe = checked(EnhancerRecipe, tree, path)
    for kind, sources in (("speech", recipe.speech), ("noise", recipe.noise)):
        for number, source in enumerate(sources):
            try:
                teacher(source)
            except EvalkitError as error:
                raise ConfigError(f"{path}: {kind}.{number}.cleaned_by: {error}") from error
    return recipe


@dataclass(frozen=True)
class _Part:
    """What one source gives."""

    source: Source
    recordings: Recordings
    trained: tuple[Path, ...]
    watched: tuple[Path, ...]


def train_enhancer(recipe: EnhancerRecipe, out: Path, *, workers: int = 1, device: str = "cpu",
                   say: Say = lambda line: None,
                   told: Callable[[Iterable[LeftOut]], None] = lambda items: None) -> EnhancerCard:
    """Trains by ``recipe`` and writes percepnet.onnx, the same in floats, and the card into
    ``out``. A training that was stopped goes on where it was. ``told`` hears which files could
    not be used.

    Raises ConfigError for a source without recordings, and where ``out`` holds a training by
    another recipe; PluginError where a package is missing; RunError where the training comes to
    numbers that are not finite."""
    check_device(device)
    with packages_for("training an enhancer"):
        from evalkit.models.percepnet.graph import write as write_graph
        from evalkit.training.rooms import room
    _claim(recipe, out)
    speech, noise = ([_part(source, recipe, out, say) for source in sources]
                     for sources in (recipe.speech, recipe.noise))
    told([item for part in (*speech, *noise) for item in part.recordings.left_out])
    trained, kept_out = _material(speech, noise, room if recipe.rooms else None)
    for name in _all_trained(speech):
        say(f"{name}: too little to keep any out; the loss is measured on it too")
    network = train(trained, kept_out, out, config=recipe.training, workers=workers,
                    device=device, progress=_progress(recipe.training, say)).cpu()
    card = EnhancerCard(recipe.training, _lengths(speech), _lengths(noise), recipe.rooms,
                        read_curve(out), _all_trained(speech))
    for name, integers in ((WEIGHTS, True), (FLOATS, False)):
        write_graph(network, out / name, card.description, integers=integers)
    write(out / CARD, card.markdown(out / WEIGHTS))
    return card


def _material(speech: list[_Part], noise: list[_Part], rooms: Room | None
              ) -> tuple[Material, Material]:
    """To train on, and kept out: of a source with too few recordings, none is."""
    return (Material(tuple(part.trained for part in speech),
                     tuple(part.trained for part in noise), rooms),
            Material(tuple(part.watched or part.trained for part in speech),
                     tuple(part.watched for part in noise if part.watched), rooms))


def _all_trained(speech: list[_Part]) -> list[str]:
    """The sources of speech of which nothing is kept out."""
    return [part.source.folder.name for part in speech if not part.watched]


def _lengths(parts: list[_Part]) -> dict[str, float]:
    return {part.source.folder.name: part.recordings.seconds for part in parts}


def _part(source: Source, recipe: EnhancerRecipe, out: Path, say: Say) -> _Part:
    found = find(source)
    say(f"{source.folder.name}: {len(found.paths)} recordings, {found.seconds / 3600:.2f} h")

    def show(done: int, of: int) -> None:
        if done % 100 == 0 or done == of:
            say(f"{source.folder.name}: {done} of {of} cleaned")

    used = cleaned(source, found, recipe.training.mixing.rate, out / "cleaned", show)
    sides = split(used.paths, recipe.watched, by_folder=source in recipe.speech)
    part = _Part(source, used, *sides)
    say(f"{source.folder.name}: {len(part.trained)} to train on, {len(part.watched)} kept out")
    return part


def _claim(recipe: EnhancerRecipe, out: Path) -> None:
    """Writes the recipe beside the training that it is of. A training that is not yet cooling
    down may be prolonged or shortened."""
    path, asked = out / RECIPE, _named(recipe)
    known = _known(path) if path.is_file() else asked
    before, after = known.training.updates, asked.training.updates
    done = steps_done(out / CHECKPOINT)
    cooling = (1 - asked.training.cool_down) * min(before, after)
    if done and (_prolonged(known, after) != asked or (before != after and done > cooling)):
        raise ConfigError(f"{out}: holds a training by another recipe, {done:,} of {before:,} "
                          "updates; give another --out, or the recipe as it was (updates may be "
                          f"changed until {cooling:,.0f} are made)")
    write(path, asked.model_dump_json(indent=1) + "\n")


def _known(path: Path) -> EnhancerRecipe:
    try:
        return EnhancerRecipe.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise RunError(f"{path}: cannot be read as the recipe of the training in this folder; "
                       "remove it where the recipe is still the same, or give another --out"
                       ) from error


def _named(recipe: EnhancerRecipe) -> EnhancerRecipe:
    """A recipe that does not say where its folders are: a training may be moved with them."""
    named = {kind: [source.model_copy(update={"folder": Path(source.folder.name)})
                    for source in sources]
             for kind, sources in (("speech", recipe.speech), ("noise", recipe.noise))}
    return recipe.model_copy(update=named)


def _prolonged(recipe: EnhancerRecipe, updates: int) -> EnhancerRecipe:
    return recipe.model_copy(
        update={"training": recipe.training.model_copy(update={"updates": updates})})


def _progress(config: EnhancerTraining, say: Say) -> Callable[[Check], None]:
    first: list[Check] = []

    def show(check: Check) -> None:
        first.append(check)
        each = check.seconds / max(check.updates - first[0].updates + config.check_every, 1)
        left = each * (config.updates - check.updates) / 3600
        say(f"update {check.updates:,}/{config.updates:,}: loss {check.kept_out:.4f} on what is "
            f"watched, {check.trained:.4f} trained on; {left:.1f} h left")

    return show
