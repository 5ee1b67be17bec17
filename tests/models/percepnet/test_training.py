"""Training PercepNet's network: the same weights however it was cut and shared out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from evalkit.audio import save
from evalkit.core.errors import RunError
from evalkit.core.types import Audio
from evalkit.models.percepnet import training
from evalkit.models.percepnet.network import Sizes
from evalkit.models.percepnet.training import Check, EnhancerTraining, train
from evalkit.training.mixing import Material, MixingConfig
from tests.conftest import tone

CONFIG = EnhancerTraining(
    sizes=Sizes(dense=8, channels=8, hidden=8, layers=1, strength=8), updates=6, batch=2,
    check_every=3, watched=2, warm_up=2, block=2, hearings=2, mixing=MixingConfig(seconds=0.3))


class StoppedError(Exception):
    pass


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    folder = tmp_path_factory.mktemp("voices")
    for i in range(3):
        save(folder / f"{i}.flac", Audio(tone(1.0, seed=i, pitch=120.0 + 40 * i), 16_000))
    return Material((tuple(sorted(folder.iterdir())),))


def weights(folder: Path) -> bytes:
    return (folder / "checkpoint.safetensors").read_bytes()


def test_stopped_and_shared_out_it_ends_at_the_same_weights(material: Material, tmp_path: Path
                                                           ) -> None:
    whole = train(material, material, tmp_path / "whole", config=CONFIG)

    def stop(check: Check) -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        train(material, material, tmp_path / "cut", config=CONFIG, workers=2, progress=stop)
    assert weights(tmp_path / "cut") != weights(tmp_path / "whole")
    train(material, material, tmp_path / "cut", config=CONFIG, workers=2)
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    curve = [json.loads(line) for line in (tmp_path / "cut" / "curve.jsonl").read_text()
             .splitlines()]
    assert [point["updates"] for point in curve] == [3, 6]
    assert all(np.isfinite([point["kept_out"], point["trained"]]).all() for point in curve)
    again = train(material, material, tmp_path / "whole", config=CONFIG)
    for one, other in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.usefixtures("drawn_here")
def test_another_seed_gives_other_weights(material: Material, tmp_path: Path) -> None:
    short = CONFIG.model_copy(update={"updates": 1})
    for seed in (0, 1):
        train(material, material, tmp_path / str(seed),
              config=short.model_copy(update={"seed": seed}))
    assert weights(tmp_path / "0") != weights(tmp_path / "1")


@pytest.mark.usefixtures("drawn_here")
def test_a_training_that_diverges_stops_and_its_checkpoint_stays(
        material: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(check: Check) -> None:
        raise StoppedError

    with monkeypatch.context() as patched:
        patched.setattr(training, "_mean_loss", lambda *_: np.nan)
        with pytest.raises(RunError, match=r"^update 3: the loss on what is kept out: not finite"):
            train(material, material, tmp_path, config=CONFIG)
    assert not list(tmp_path.iterdir())
    with pytest.raises(StoppedError):
        train(material, material, tmp_path, config=CONFIG, progress=stop)
    state = load_file(tmp_path / "checkpoint.safetensors")
    name = next(name for name in state if name.startswith("weight."))
    state[name] = torch.full_like(state[name], torch.nan)
    save_file(state, tmp_path / "checkpoint.safetensors")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(RunError, match=r"^update 4: the loss: not finite.*learning_rate \(0.0"):
        train(material, material, tmp_path, config=CONFIG)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
