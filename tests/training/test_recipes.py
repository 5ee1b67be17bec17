"""What a recipe or a corpus cannot be is said before any training."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.core.errors import ConfigError, ManifestError
from evalkit.models.transducer.card import train_transducer
from evalkit.models.transducer.training import TransducerTraining, read_recipe
from tests.models.test_training import write_corpus
from tests.models.transducer.tiny import SIZES


@pytest.mark.parametrize("line", [
    "speeds: []", "snr_db: []", "speeds: [0]", "speeds: [100, -90]", "speeds: [1000000]",
    "snr_db: [1.0e+9]", "silence: [0, 1.0e+9]", "silence: [-1, 0]"])
def test_values_that_cannot_be_trained_with(tmp_path: Path, line: str) -> None:
    (tmp_path / "recipe.yaml").write_text(line + "\n")
    with pytest.raises(ConfigError, match=line.partition(":")[0]) as refused:
        read_recipe(tmp_path / "recipe.yaml")
    assert "recipe.yaml: " in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_a_split_without_utterances_is_named(tmp_path: Path, split: str) -> None:
    corpus = write_corpus(tmp_path)
    (corpus / f"{split}.jsonl").write_text("")
    config = TransducerTraining.model_validate({"network": SIZES, "epochs": 1})
    epochs: list[object] = []
    with pytest.raises(ManifestError, match=rf"{split}\.jsonl: has no utterance"):
        train_transducer(corpus, tmp_path / "out", config=config,
                         progress=lambda *told: epochs.append(told))
    assert not epochs
