"""What a recipe of a transducer may ask, and what is said of one that asks for nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from evalkit.core.errors import ConfigError
from evalkit.models.card import _recipe
from evalkit.models.tensors import save_tensors
from evalkit.models.transducer.config import TransducerConfig
from evalkit.models.transducer.network import FORMAT, Transducer
from evalkit.models.transducer.training import TransducerTraining, kind, read_recipe


@pytest.mark.parametrize(("text", "said"), [
    ("network: {share: 0.5}", "network: share: a recurrent encoder computes everything"),
    ("weight_decay: .inf", "weight_decay"),
    ("peak_learning_rate: .inf", "peak_learning_rate"),
    ("snr_db: [5, .nan]", "snr_db"),
    ("snr_db: [true]", "snr_db: must be a number, not true"),
    ("smaller: {zeros: 0.5, block: [true, 4]}", "smaller.block: must be a number, not true"),
])
def test_a_key_that_means_nothing_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "recipe.yaml").write_text(text + "\n")
    with pytest.raises(ConfigError) as error:
        read_recipe(tmp_path / "recipe.yaml")
    assert f"recipe.yaml: {said}" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("network", [{}, {"encoder": "branching", "share": 0.5}])
def test_a_price_of_decisions_needs_decisions(network: dict[str, object]) -> None:
    asked = {"objective": {"compute": 0.1}}
    with pytest.raises(ConfigError, match=r"objective\.compute: this encoder decides nothing"):
        kind(TransducerTraining.model_validate({**asked, "network": network}))
    kind(TransducerTraining.model_validate({**asked, "network": {"encoder": "branching"}}))


def test_a_small_file_cannot_declare_a_large_network(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = TransducerConfig(hidden=2048, layers=16)
    save_tensors(tmp_path / "w", {"a": torch.zeros(2)}, {
        "format": FORMAT, "config": large.model_dump(mode="json")})
    made = []
    monkeypatch.setattr(torch.nn.LSTM, "reset_parameters", lambda self: made.append(
        {each.device.type for each in self.parameters()}))
    with pytest.raises(ConfigError, match=r"declares a network of [\d,]+ numbers, and holds 2"):
        Transducer.load(tmp_path / "w")
    assert made and {"meta"} == set.union(*made)


def test_a_card_names_files_and_not_the_folders_that_they_are_in() -> None:
    said = _recipe({"start": Path("/home/ann/secret/base.safetensors"), "epochs": 3,
                    "further": (Path("/home/ann/a.jsonl"), Path("b.jsonl")), "speeds": (90, 100)})
    assert said == ("- start: base.safetensors\n- epochs: 3\n- further: a.jsonl, b.jsonl\n"
                    "- speeds: (90, 100)")
