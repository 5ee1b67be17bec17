"""Enhancers and encoders that are one file, of ONNX or TorchScript, made here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.plugins import create
from evalkit.core.types import Audio

onnx = pytest.importorskip("onnx")

FILTER = np.array([0.1, -0.3, 0.5, 0.2, -0.1], np.float32)
RATE = 16_000


def noises(*lengths: int) -> list[Audio]:
    rng = np.random.default_rng(0)
    return [Audio((0.2 * rng.standard_normal(n)).astype(np.float32), RATE) for n in lengths]


def graph(path: Path, nodes: list[tuple[str, list[str], list[str], dict[str, Any]]],
          inputs: dict[str, Sequence[int | str]], outputs: Sequence[str],
          metadata: dict[str, str] | None = None, outside: bool = False,
          **constants: np.ndarray) -> Path:
    """Writes a graph of ONNX; lengths and labels are integers."""
    from onnx import TensorProto, helper, numpy_helper

    kinds = {name: TensorProto.INT64 if name in {"length", "x_lens", "encoder_out_lens", "y"}
             else TensorProto.FLOAT for name in (*inputs, *outputs)}
    model = helper.make_model(helper.make_graph(
        [helper.make_node(kind, i, o, **options) for kind, i, o, options in nodes], "graph",
        [helper.make_tensor_value_info(name, kinds[name], shape)
         for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, kinds[name], None) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants.items()]),
        opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, metadata or {})
    onnx.save(model, path, save_as_external_data=outside, location="weights.bin",
              size_threshold=0)
    return path


def filtering(path: Path, weights: np.ndarray = FILTER, **options: Any) -> Path:
    """An enhancer that is a filter."""
    return graph(path, [("Conv", ["noisy", "filter"], ["clean"], {"pads": [2, 2]})],
                 {"noisy": [1, 1, "samples"]}, ["clean"],
                 filter=weights[None, None], **options)


def filtered(speech: Audio) -> np.ndarray:
    return np.correlate(np.pad(speech.samples, 2), FILTER)


def test_a_graph_enhances_as_the_library_runs_it(tmp_path: Path) -> None:
    import onnxruntime

    path = filtering(tmp_path / "filter.onnx")
    made = create("enhancers", "onnx", {"path": path, "rate": RATE})
    session, batch = onnxruntime.InferenceSession(str(path)), noises(800, 1_234, 5)
    for mine, speech in zip(made.enhance(batch), batch, strict=True):
        their = session.run(None, {"noisy": speech.samples[None, None]})[0][0, 0]
        assert np.array_equal(mine.samples, their) and mine.rate == RATE
        assert np.array_equal(made.enhance([speech])[0].samples, mine.samples)
        np.testing.assert_allclose(mine.samples, filtered(speech), atol=1e-6)
    assert (made.delay, made.batch) == (0.0, 1)
    assert (made.cost.weights, made.cost.macs_per_second) == (5, 5 * RATE)
    assert made.cost.bytes == path.stat().st_size


def test_a_graph_of_several_inputs_and_outputs_is_told_which(tmp_path: Path) -> None:
    path = graph(tmp_path / "several.onnx", [
        ("Cast", ["length"], ["long"], {"to": 1}),
        ("Div", ["wave", "long"], ["shared"], {}), ("Neg", ["wave"], ["other"], {})],
        {"length": [1], "wave": ["n", "t"]}, ["other", "shared"])
    with pytest.raises(ConfigError, match=r"has the inputs length, wave; give .* as `input`"):
        create("enhancers", "onnx", {"path": path, "rate": RATE}).enhance(noises(9))
    with pytest.raises(ConfigError, match="also asks for length"):
        create("enhancers", "onnx", {"path": path, "rate": RATE, "input": "wave"}
               ).enhance(noises(9))
    with pytest.raises(ConfigError, match="has the outputs other, shared"):
        create("enhancers", "onnx", {"path": path, "rate": RATE, "length": "length"}
               ).enhance(noises(9))
    made = create("enhancers", "onnx", {"path": path, "rate": RATE, "length": "length",
                                        "output": "shared", "delay_ms": 1})
    (speech,) = noises(100)
    expected = np.concatenate([speech.samples / np.float32(100), np.zeros(16, np.float32)])
    assert np.array_equal(made.enhance([speech])[0].samples, expected) and made.delay == 0.001


def test_what_cannot_be_an_enhancer_is_one_line(tmp_path: Path) -> None:
    path = graph(tmp_path / "fixed.onnx", [("Neg", ["wave"], ["out"], {})],
                 {"wave": [1, 16_000]}, ["out"])
    with pytest.raises(ConfigError, match="export it for one utterance of any length"):
        create("enhancers", "onnx", {"path": path, "rate": RATE}).enhance(noises(9))
    path = graph(tmp_path / "two.onnx", [("Concat", ["wave", "wave"], ["out"], {"axis": 0})],
                 {"wave": [1, "t"]}, ["out"])
    with pytest.raises(UtteranceError, match=r"the shape \(2, 9\), which is no single waveform"):
        create("enhancers", "onnx", {"path": path, "rate": RATE}).enhance(noises(9))
    with pytest.raises(ConfigError, match="provider 'CUDAExecutionProvider' is not in this ONNX"):
        create("enhancers", "onnx", {"path": path, "rate": RATE,
                                     "provider": "CUDAExecutionProvider"})
    for name in ("onnx", "torchscript"):
        with pytest.raises(ConfigError, match="rate"):
            create("enhancers", name, {"path": path})
        (tmp_path / "junk").write_bytes(b"junk")
        made = create("enhancers", name, {"path": tmp_path / "junk", "rate": RATE})
        with pytest.raises(ConfigError, match="junk: cannot load a") as caught:
            made.enhance(noises(9))
        assert "\n" not in str(caught.value)


def test_weights_beside_a_graph_are_part_of_it(tmp_path: Path) -> None:
    path = filtering(tmp_path / "filter.onnx", outside=True)
    (tmp_path / "unrelated.txt").write_text("1")
    made = create("enhancers", "onnx", {"path": path, "rate": RATE})
    (speech,), before = noises(100), made.identity
    assert made.cost.bytes == sum((tmp_path / name).stat().st_size
                                  for name in ("filter.onnx", "weights.bin"))
    np.testing.assert_allclose(made.enhance([speech])[0].samples, filtered(speech), atol=1e-6)
    (tmp_path / "unrelated.txt").write_text("2")
    assert made.identity == before and str(tmp_path) not in before
    (tmp_path / "weights.bin").write_bytes((2 * FILTER).tobytes())
    assert made.identity != before
    again = create("enhancers", "onnx", {"path": path, "rate": RATE}).enhance([speech])[0]
    np.testing.assert_allclose(again.samples, 2 * filtered(speech), atol=1e-6)


class Masks(nn.Module):
    """A recurrent mask of what filters make of every 200 samples; the rest is not given."""

    def __init__(self) -> None:
        super().__init__()
        self.filter, self.mask = nn.Conv1d(1, 4, 200, stride=200), nn.GRU(4, 1, batch_first=True)

    def forward(self, waves: torch.Tensor) -> torch.Tensor:
        mask, _ = self.mask(self.filter(waves[:, None]).transpose(1, 2))
        kept = mask[..., 0].repeat_interleave(200, 1)
        return waves[:, :kept.shape[1]] * kept


class Two(nn.Module):
    def forward(self, waves: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return waves, waves


@pytest.fixture
def script(tmp_path: Path) -> Path:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.jit.save(torch.jit.script(Masks().eval()), str(tmp_path / "masks.pt"))
    return tmp_path / "masks.pt"


def test_a_script_enhances_as_torch_runs_it(script: Path) -> None:
    made = create("enhancers", "torchscript", {"path": script, "rate": RATE, "device": "auto"
                                               if not torch.cuda.is_available() else "cpu"})
    theirs, batch = torch.jit.load(str(script)).eval(), noises(800, 1_234, 200)
    for again in range(3):
        for mine, speech in zip(made.enhance(batch), batch, strict=True):
            with torch.inference_mode():
                their = theirs(torch.as_tensor(speech.samples)[None])[0].numpy()
            np.testing.assert_allclose(mine.samples[:len(their)], their, atol=1e-6)
            assert len(mine.samples) == len(speech.samples)
            assert np.array_equal(made.enhance([speech])[0].samples, mine.samples), again
    assert "'cpu'" in made.identity and str(script) not in made.identity
    products = 4 * 200 + 3 * (4 + 1)
    assert made.cost.macs_per_second == products * RATE / 200
    assert made.cost.weights == products + 4 + 2 * 3


def test_a_script_of_another_form(tmp_path: Path) -> None:
    speech = noises(100)
    torch.jit.save(torch.jit.script(nn.Conv1d(1, 1, 1)), str(tmp_path / "channel.pt"))
    made = create("enhancers", "torchscript", {"path": tmp_path / "channel.pt", "rate": RATE,
                                               "channel": True, "precision": "bfloat16"})
    theirs = torch.jit.load(str(tmp_path / "channel.pt"))
    with torch.inference_mode():
        their = theirs(torch.as_tensor(speech[0].samples)[None, None])[0, 0].numpy()
    mine = made.enhance(speech)[0].samples
    assert 0 < np.abs(mine - their).max() < 0.02
    torch.jit.save(torch.jit.script(Two()), str(tmp_path / "two.pt"))
    with pytest.raises(UtteranceError, match="it gave a tuple, not a tensor"):
        create("enhancers", "torchscript", {"path": tmp_path / "two.pt", "rate": RATE}
               ).enhance(speech)


def test_a_graph_of_features_is_given_those_of_kaldi(tmp_path: Path) -> None:
    """lhotse's are written otherwise than torchaudio's."""
    from lhotse.features.kaldi.layers import Wav2LogFilterBank

    weights = np.random.default_rng(1).standard_normal((80, 8)).astype(np.float32)
    path = graph(tmp_path / "speaker.onnx", [
        ("Abs", ["feats"], ["sizes"], {}),
        ("ReduceMean", ["sizes"], ["mean"], {"axes": [1], "keepdims": 0}),
        ("MatMul", ["mean", "weights"], ["embs"], {})],
        {"feats": ["B", "T", 80]}, ["embs"], weights=weights)
    made = create("encoders", "onnx", {"path": path, "rate": RATE, "features": "fbank"})
    theirs = Wav2LogFilterBank(
        sampling_rate=RATE, num_filters=80, window_type="hamming", snip_edges=True, dither=0.0,
        low_freq=20.0, high_freq=0.0, torchaudio_compatible_mel_scale=True)
    batch = noises(8_000, 12_345)
    vectors = made.embed(batch)
    assert vectors.dtype == np.float32 and vectors.shape == (2, 8)
    for vector, speech in zip(vectors, batch, strict=True):
        bands = theirs(32_768 * torch.as_tensor(speech.samples)[None])[0].numpy()
        their = np.abs(bands - bands.mean(0)).mean(0) @ weights
        np.testing.assert_allclose(vector, their / np.linalg.norm(their), atol=1e-4)
        assert np.array_equal(made.embed([speech])[0], vector)
    assert (made.cost.weights, made.cost.macs_per_second) == (640, 640)
    with pytest.raises(UtteranceError, match="less than a frame of 25 ms"):
        made.embed(noises(399))


def test_a_graph_of_waveforms_embeds(tmp_path: Path) -> None:
    path = graph(tmp_path / "waves.onnx", [
        ("Conv", ["wave", "filters"], ["bands"], {}), ("Abs", ["bands"], ["sizes"], {}),
        ("GlobalAveragePool", ["sizes"], ["vector"], {})], {"wave": ["n", 1, "t"]}, ["vector"],
        filters=np.random.default_rng(0).standard_normal((6, 1, 9)).astype(np.float32))
    import onnxruntime

    made, batch = create("encoders", "onnx", {"path": path, "rate": RATE}), noises(500, 900)
    session = onnxruntime.InferenceSession(str(path))
    for vector, speech in zip(made.embed(batch), batch, strict=True):
        their = session.run(None, {"wave": speech.samples[None, None]})[0].reshape(-1)
        np.testing.assert_allclose(vector, their / np.linalg.norm(their), atol=1e-6)
    assert (made.cost.weights, made.cost.macs_per_second) == (54, 54 * (RATE - 8))
    assert made.cost.bytes == path.stat().st_size
