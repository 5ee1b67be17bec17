"""What a teacher hears becomes what a student learns from; recipes that say so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from evalkit.core.errors import ConfigError, ManifestError
from evalkit.core.files import digest
from evalkit.models import SHIPPED
from evalkit.models.compression import rounded
from evalkit.models.transducer.network import Transducer
from evalkit.models.transducer.training import TransducerTraining, kind, read_recipe
from evalkit.training.from_scratch import train_from_scratch
from evalkit.training.taught import teach
from tests.models.test_training import Stopped, write_corpus
from tests.models.transducer.tiny import tiny

ROOT = Path(__file__).parents[2]
SHORT = {"epochs": 2, "batch": 6, "takes": 1, "noisy": 0.0, "speeds": (100,), "watched": 2}

LETTERS = "abcdefghijklmnopqrstuvwxyz"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_corpus(tmp_path_factory.mktemp("corpus"))
    tiny().save(folder / "tiny.safetensors")
    return folder


def test_the_texts_are_those_that_the_teacher_hears(corpus: Path) -> None:
    def transcribe(waves: list[np.ndarray]) -> list[str]:
        assert all(len(wave) == 8_000 * 1.1 for wave in waves)
        return ["", *LETTERS[1:len(waves)]]

    [left_out] = teach(corpus / "train.jsonl", corpus / "taught.jsonl", transcribe, 8_000)
    rows = [json.loads(line) for line in (corpus / "taught.jsonl").read_text().splitlines()]
    assert [row["text"] for row in rows] == list(LETTERS[1:24])
    assert [row["id"] for row in rows] == [f"train{n}" for n in range(1, 24)]
    assert rows[0]["accent"] == "low"
    assert str(left_out) == ("…/train.jsonl: 1 utterance left out: the teacher hears nothing "
                             "(train0)")
    assert len(kind().recordings(corpus / "taught.jsonl")) == 23


def test_what_has_no_audio_cannot_be_heard(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": "u1", "text": "a", "speaker": "s"}\n')
    with pytest.raises(ManifestError, match="u1: has no audio"):
        teach(tmp_path / "a.jsonl", tmp_path / "b.jsonl", lambda waves: [], 16_000)


def trained(corpus: Path, out: Path, progress=lambda *_: None, **options) -> Transducer:
    config = TransducerTraining(**SHORT, start=corpus / "tiny.safetensors", **options)
    return train_from_scratch(kind(config), corpus, config=config, progress=progress,
                              checkpoint=out / "checkpoint.safetensors")


def test_a_recipe_starts_from_weights_and_compresses_them(corpus: Path, tmp_path: Path) -> None:
    asked = {"bits": 4, "straight": True, "zeros": 0.5, "every": 2, "cosine": 1e-4}

    def stop(epoch: int, *_: float) -> None:
        raise Stopped

    whole = trained(corpus, tmp_path / "whole", smaller=asked)
    with pytest.raises(Stopped):
        trained(corpus, tmp_path / "on", stop, smaller=asked)
    assert not torch.equal(Transducer.load(corpus / "tiny.safetensors").joint.output.weight,
                           whole.joint.output.weight)
    on = trained(corpus, tmp_path / "on", smaller=asked)
    for name, weight in on.named_parameters():
        assert torch.equal(weight, whole.get_parameter(name)), name
        if weight.dim() > 1:
            assert torch.allclose(rounded(weight, 4), weight, atol=1e-6)
    matrices = [weight for weight in on.parameters() if weight.dim() > 1]
    zero = sum(int((weight == 0).sum()) for weight in matrices)
    assert zero >= sum(weight.numel() for weight in matrices) // 2


def test_further_manifests_are_learned_from(corpus: Path, tmp_path: Path) -> None:
    for name, further in (("alone", ()), ("with", (corpus / "dev.jsonl",))):
        trained(corpus, tmp_path / name, further=further).save(tmp_path / f"{name}.safetensors")
    assert digest(tmp_path / "alone.safetensors") != digest(tmp_path / "with.safetensors")


def test_paths_of_a_recipe_are_from_its_folder(corpus: Path) -> None:
    (corpus / "recipe.yaml").write_text(
        "start: tiny.safetensors\nfurther: [dev.jsonl]\nsmaller: {bits: 4, block: [8, 4]}\n")
    read = read_recipe(corpus / "recipe.yaml")
    assert read.start == corpus / "tiny.safetensors"
    assert read.further == (corpus / "dev.jsonl",)
    assert read.smaller.block == (8, 4)
    assert kind(read).make().config == tiny().config


def test_a_network_beside_the_one_to_start_from_is_an_error(corpus: Path) -> None:
    (corpus / "both.yaml").write_text("start: tiny.safetensors\nnetwork: {hidden: 96}\n")
    with pytest.raises(ConfigError, match=r"both\.yaml: start has a network of its own"):
        read_recipe(corpus / "both.yaml")


def test_the_recipe_of_the_page_starts_from_the_shipped_weights(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "smaller.md").read_text(encoding="utf-8")
    recipe, commands = (page.partition(f"```{kind}\n")[2].partition("```")[0]
                        for kind in ("yaml", "sh"))
    (tmp_path / "recipe.yaml").write_text(recipe)
    copy, make, train = commands.splitlines()
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    subprocess.run(["sh", "-c", copy], cwd=tmp_path, check=True)
    assert (ROOT / make.split()[-1] / "corpus.yaml").is_file() and make.split()[-1] in train
    read = read_recipe(tmp_path / "recipe.yaml")
    started = kind(read).make().state_dict()
    for name, weight in Transducer.load(SHIPPED / "transducer.safetensors").state_dict().items():
        assert torch.equal(started[name], weight)
    assert (read.smaller.bits, read.smaller.straight) == (4, True)
    assert {f"`{key}`" for key in type(read.smaller).model_fields} <= set(
        page.replace(",", " ").split())
