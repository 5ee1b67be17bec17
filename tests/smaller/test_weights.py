"""Weights that are kept are those of a recognizer, in fewer bytes."""

from __future__ import annotations

import gzip
import subprocess
from pathlib import Path

import pytest
import torch

from benchmarks.smaller.sweep import WEIGHTS, read_sweep
from benchmarks.smaller.weights import pack
from evalkit.core.errors import ConfigError
from evalkit.models.compression import compress
from evalkit.models.transducer.network import Transducer
from evalkit.systems.transducer import TransducerRecognizer
from tests.models.transducer.tiny import tiny

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "benchmarks" / "smaller" / "kept"


@pytest.mark.parametrize(("numbers", "difference"), [("float32", 0.0), ("float16", 1e-3)])
def test_what_is_packed_is_loaded(tmp_path: Path, numbers: str, difference: float) -> None:
    model = tiny()
    compress(model, zeros=0.5)
    model.save(tmp_path / WEIGHTS)
    pack(tmp_path / WEIGHTS, tmp_path / "a.gz", numbers)
    pack(tmp_path / WEIGHTS, tmp_path / "b.gz", numbers)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()
    assert (tmp_path / "a.gz").stat().st_size < 0.8 * (tmp_path / WEIGHTS).stat().st_size
    (tmp_path / "out").write_bytes(gzip.decompress((tmp_path / "a.gz").read_bytes()))
    loaded = Transducer.load(tmp_path / "out")
    assert loaded.config == model.config
    for name, weight in model.state_dict().items():
        found = loaded.state_dict()[name]
        assert found.dtype == torch.float32
        assert float((found - weight).abs().max()) <= difference * float(weight.abs().max())


@pytest.mark.parametrize(("number", "numbers"), [(1e5, "float16"), (float("nan"), "float32")])
def test_what_overflows_is_not_packed(tmp_path: Path, number: float, numbers: str) -> None:
    model = tiny()
    name, weight = next(iter(model.named_parameters()))
    with torch.no_grad():
        weight.view(-1)[0] = number
    model.save(tmp_path / WEIGHTS)
    with pytest.raises(ConfigError, match=f"{WEIGHTS}: {name} holds numbers that {numbers} has"):
        pack(tmp_path / WEIGHTS, tmp_path / "a.gz", numbers)
    assert not (tmp_path / "a.gz").exists()


def test_the_kept_weights_of_the_page_are_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch
                                                 ) -> None:
    page = (ROOT / "docs" / "smaller.md").read_text(encoding="utf-8")
    [command] = [line for line in page.splitlines() if line.startswith("gzip ")]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "benchmarks").symlink_to(ROOT / "benchmarks")
    subprocess.run(["sh", "-c", command], check=True)
    recognizer = TransducerRecognizer(weights="gradual70.safetensors", zeros=0.7)
    as_kept = Transducer.load(Path("gradual70.safetensors"))
    for name, weight in as_kept.named_parameters():
        assert torch.equal(weight, recognizer.module.get_parameter(name))
    assert recognizer.cost.bytes == 1_233_958


def test_kept_weights_are_small_and_of_arms_that_are_packed() -> None:
    arms = read_sweep().arms
    for path in KEPT.glob("*.safetensors.gz"):
        name = path.name.removesuffix(".safetensors.gz").rpartition("_")[0]
        assert arms[name].packed and path.stat().st_size < 1_000_000
