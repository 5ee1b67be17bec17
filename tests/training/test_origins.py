"""A checkpoint is gone on from by the training that made it, and by no other."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.core.errors import ConfigError
from evalkit.core.files import digest
from evalkit.models.transducer.training import TransducerTraining, kind
from evalkit.store.manifest import write_manifest
from evalkit.training.from_scratch import train_from_scratch
from tests.models.test_training import write_corpus
from tests.models.transducer.tiny import tiny

SHORT = {"epochs": 2, "batch": 6, "takes": 1, "noisy": 0.0, "speeds": (100,), "watched": 2}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_corpus(tmp_path_factory.mktemp("corpus"))
    tiny().save(folder / "start.safetensors")
    (folder / "further.jsonl").write_bytes((folder / "dev.jsonl").read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        trained()
    return folder


@pytest.fixture
def corpus(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The finished training and its corpus, moved to another folder."""
    monkeypatch.chdir(shutil.copytree(finished, tmp_path / "moved"))
    return Path()


def trained(**options: object) -> str:
    """Trains in the working folder; the digest of the weights."""
    settings = {"penalty": {"late": options.pop("late")}} if "late" in options else {}
    config = TransducerTraining.model_validate({
        **SHORT, "start": "start.safetensors", "further": ["further.jsonl"], **options})
    model = train_from_scratch(replace(kind(config), settings=settings), Path(), config=config,
                               checkpoint=Path("checkpoint.safetensors"))
    model.save(Path("trained.safetensors"))
    return digest(Path("trained.safetensors"))


def said_anew(path: Path) -> None:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    write_manifest(path, [{**row, "text": "bbb"} for row in rows])


def shrunk(path: Path) -> None:
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:5]))


def undigested(path: Path) -> None:
    """As older versions left it."""
    known = json.loads(path.read_text())
    path.write_text(json.dumps({key: known[key] for key in TransducerTraining.model_fields}))


CHANGES: list[tuple[str, Callable[[Path], object], str]] = [
    ("train.jsonl", said_anew, "recordings is"), ("train.jsonl", shrunk, "recordings is"),
    ("further.jsonl", said_anew, "recordings is"),
    ("train3.wav", lambda path: shutil.copy("dev0.wav", path), "recordings is"),
    ("start.safetensors", tiny(seed=6).save, "first weights is"),
    ("start.safetensors", tiny(hidden=8).save, "first weights is"),
    ("checkpoint.json", undigested, "recordings, first weights are"),
    ("checkpoint.json", lambda path: path.write_text("{"), "seed, epochs"),
]


@pytest.mark.parametrize(("name", "change", "said"), CHANGES)
def test_another_training_does_not_go_on(corpus: Path, name: str, change: Callable[[Path], object],
                                         said: str) -> None:
    change(corpus / name)
    with pytest.raises(ConfigError, match=rf"^checkpoint\.safetensors: is of another training; "
                                          rf"{said}.*give another --out") as refused:
        trained()
    assert "\n" not in str(refused.value)


def test_settings_that_no_recipe_has_are_those_of_one_training(corpus: Path) -> None:
    with pytest.raises(ConfigError, match="of another training; penalty is different or not known"):
        trained(late=1.0)
    Path("checkpoint.safetensors").unlink()
    before = trained(late=1.0)
    assert trained(late=1.0) == before
    with pytest.raises(ConfigError, match="of another training; penalty is different"):
        trained(late=2.0)


def test_the_same_training_goes_on_wherever_it_lies(corpus: Path) -> None:
    before = digest(corpus.resolve() / "trained.safetensors")
    Path("trained.safetensors").unlink()
    said_anew(corpus / "dev.jsonl")  # which nothing is learned from
    assert trained() == before
    with pytest.raises(ConfigError, match="of another training; seed"):
        trained(seed=1)
    Path("checkpoint.safetensors").unlink()
    assert trained() == before
