"""What holds of every adapter of a model that its user brings: nothing is fetched, what is not
there is one line, and the model is known by its files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.core.config import EvalConfig
from evalkit.core.errors import ConfigError
from evalkit.core.plugins import available, create, load
from evalkit.core.types import Audio
from evalkit.run.runner import run
from evalkit.store.manifest import write_manifest
from tests.conftest import tone
from tests.systems.test_model_files import FILTER, filtering

CALL = {"recognizers": "transcribe", "encoders": "embed", "enhancers": "enhance"}


@dataclass(frozen=True)
class Brought:
    """An adapter, the files without which it refuses a folder at once, those that have weights,
    and further options. One whose model is a file has no ``files``."""

    group: str
    name: str
    files: tuple[str, ...] = ()
    weights: str = "weights.bin"
    options: dict[str, Any] = field(default_factory=dict)

    def made(self, path: Path | str) -> Any:
        return create(self.group, self.name, {"path": path, **self.options})

    def put(self, folder: Path) -> Path:
        """Something like its model; of a file, the file."""
        folder.mkdir()
        for name in (*self.files, self.weights):
            (folder / name).write_text("{}", encoding="utf-8")
        return folder if self.files else folder / self.weights


SPEECHBRAIN, CONFIG = ("hyperparams.yaml",), ("config.json", "preprocessor_config.json")
BROUGHT = [
    Brought("recognizers", "speechbrain", SPEECHBRAIN),
    Brought("recognizers", "speechbrain_seq2seq", SPEECHBRAIN),
    Brought("recognizers", "transformers", ("config.json",)),
    Brought("recognizers", "transformers_seq2seq", CONFIG),
    Brought("recognizers", "faster_whisper", ("model.bin", "config.json", "tokenizer.json")),
    Brought("recognizers", "onnx_asr", ("vocab.txt",), "model.onnx"),
    Brought("recognizers", "sherpa_onnx", ("tokens.txt",), "model.onnx", {"kind": "nemo_ctc"}),
    Brought("recognizers", "sherpa_onnx_streaming", ("tokens.txt",), "model.onnx",
            {"kind": "nemo_ctc"}),
    Brought("encoders", "speechbrain", SPEECHBRAIN),
    Brought("encoders", "transformers", CONFIG),
    Brought("encoders", "onnx", (), "encoder.onnx", {"rate": 16_000}),
    Brought("enhancers", "speechbrain", SPEECHBRAIN),
    Brought("enhancers", "onnx", (), "denoiser.onnx", {"rate": 16_000}),
    Brought("enhancers", "torchscript", (), "denoiser.pt", {"rate": 16_000})]
OTHERS = {
    "recognizers": {"reference", "transducer", "pocketsphinx", "command", "worker", "http",
                    "precomputed", "event_log"},
    "encoders": {"resemblyzer", "pronunciation", "worker", "precomputed"},
    "enhancers": {"spectral_gating", "rnnoise", "percepnet", "deepfilternet", "nsnet2", "command",
                  "worker"}}
"""Those whose models come with a package, and those that are programs, services or results."""

every = pytest.mark.parametrize("brought", BROUGHT, ids=lambda each: f"{each.group} {each.name}")


pytestmark = pytest.mark.usefixtures("no_network")


def test_the_table_has_every_adapter() -> None:
    for group, others in OTHERS.items():
        mine = [each.name for each in BROUGHT if each.group == group]
        own = {name for name, point in available(group).items()
               if point.value.startswith("evalkit.")}
        assert sorted(mine) == sorted(own - others)


def refusal(call: Callable[[], Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@every
def test_a_name_that_is_no_model_at_hand_says_what_to_put_where(brought: Brought) -> None:
    said = refusal(lambda: brought.made("somebody/some-model"))
    what = "is no folder of a model; download" if brought.files else "is no file of a model; put"
    assert f"somebody/some-model: {what}" in said and "`path`" in said


@every
def test_what_cannot_be_loaded_is_one_line(brought: Brought, tmp_path: Path) -> None:
    path = brought.put(tmp_path / "model")
    made = brought.made(path)
    said = refusal(lambda: getattr(made, CALL[brought.group])([Audio(tone(0.5), 16_000)]))
    assert f"{path}: cannot load " in said


@every
def test_a_model_is_known_by_its_files(brought: Brought, tmp_path: Path) -> None:
    path = brought.put(tmp_path / "model")
    made = brought.made(path)
    before = made.identity
    assert "sha256:" in before and str(tmp_path) not in before
    shutil.copytree(tmp_path / "model", tmp_path / "elsewhere")
    moved = tmp_path / "elsewhere" if brought.files else tmp_path / "elsewhere" / path.name
    assert brought.made(moved).identity == before
    (tmp_path / "model" / brought.weights).write_text("[]", encoding="utf-8")
    assert brought.made(path).identity != before


@every
def test_the_best_device_is_named_as_it_is(brought: Brought, tmp_path: Path) -> None:
    import torch

    if "device" not in [each.name for each in fields(load(brought.group, brought.name))]:
        pytest.skip("it has no device of torch's")
    path = brought.put(tmp_path / "model")
    best = "cuda" if torch.cuda.is_available() else "cpu"
    auto, named = (create(brought.group, brought.name, {
        "path": path, **brought.options, "device": device}) for device in ("auto", best))
    assert auto.identity == named.identity


def test_weights_put_in_the_place_of_others_are_measured_again(tmp_path: Path) -> None:
    from evalkit import audio as waveform

    sounds = [Audio(tone(0.5, pitch=pitch), 16_000) for pitch in (100, 150)]
    for number, sound in enumerate(sounds):
        waveform.save(tmp_path / f"{number}.wav", sound)
    write_manifest(tmp_path / "corpus.jsonl", [
        {"id": str(n), "audio": f"{n}.wav", "reference_audio": f"{n}.wav"} for n in range(2)])
    path = filtering(tmp_path / "filter.onnx")
    config = EvalConfig.model_validate({
        "corpus": tmp_path / "corpus.jsonl", "metrics": ["si_sdr"], "pipelines": [
            {"name": "filter", "enhancer": {"name": "onnx", "path": str(path), "rate": 16_000}}]})

    def scores() -> np.ndarray:
        return run(config, tmp_path / "run").scores()["amount"].to_numpy()

    first = scores()
    filtering(path, FILTER[::-1] ** 2)
    second = scores()
    filtering(path)
    assert not np.allclose(first, second) and np.array_equal(scores(), first)
