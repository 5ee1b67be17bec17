"""Recognizers of faster-whisper and onnx-asr on tiny models that are made here in their formats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evalkit.core.errors import ConfigError
from evalkit.core.plugins import create
from evalkit.core.types import Audio
from tests.conftest import tone
from tests.systems.folders import transformers_whisper


def voices(*seconds: float) -> list[Audio]:
    return [Audio(tone(each, pitch=90 + 40 * i), 16_000) for i, each in enumerate(seconds)]


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Whisper with the usual window, which faster-whisper asks for, converted."""
    ctranslate2 = pytest.importorskip("ctranslate2")
    pytest.importorskip("faster_whisper")
    folder = tmp_path_factory.mktemp("whisper")
    transformers_whisper(folder / "made", seconds=30)
    ctranslate2.converters.TransformersConverter(str(folder / "made"), copy_files=[
        "tokenizer.json", "preprocessor_config.json"]).convert(str(folder / "converted"))
    return folder / "converted"


def test_faster_whisper_says_what_the_library_says(converted: Path) -> None:
    from faster_whisper import WhisperModel

    made = create("recognizers", "faster_whisper", {"path": converted, "language": "en",
                                                    "words": True, "beams": 1})
    module = WhisperModel(str(converted), device="cpu", cpu_threads=1, local_files_only=True)
    batch = voices(0.5, 1.0)
    heard = made.transcribe(batch)
    for audio, mine in zip(batch, heard, strict=True):
        segments, _ = module.transcribe(audio.samples, language="en", beam_size=1, temperature=0.0,
                                        word_timestamps=True)
        segments = list(segments)
        assert mine.text == " ".join("".join(each.text for each in segments).split()) != ""
        words = [word for each in segments for word in each.words]
        assert [(word.start, word.end, word.confidence) for word in mine.words] == [
            (word.start, word.end, word.probability) for word in words]
        assert mine.confidence is not None and mine.confidence < 0
        assert made.transcribe([audio]) == [mine]
    assert heard[0].text != heard[1].text
    assert str(converted) not in made.identity and "sha256:" in made.identity


def nemo_ctc(folder: Path) -> Path:
    """A CTC model of 80 features, an eighth of the frames, of the letters a to f."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    folder.mkdir()
    letters = ["▁", *"abcdef", "<blk>"]
    weights = np.random.default_rng(0).standard_normal((80, len(letters))).astype(np.float32)
    nodes = [
        helper.make_node("AveragePool", ["audio_signal"], ["pooled"], kernel_shape=[8],
                         strides=[8], ceil_mode=1),
        helper.make_node("Transpose", ["pooled"], ["frames"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["frames", "weights"], ["scores"]),
        helper.make_node("Identity", ["length"], ["unused"]),
        helper.make_node("LogSoftmax", ["scores"], ["logprobs"], axis=-1)]
    graph = helper.make_graph(
        nodes, "ctc",
        [helper.make_tensor_value_info("audio_signal", TensorProto.FLOAT, ["n", 80, "t"]),
         helper.make_tensor_value_info("length", TensorProto.INT64, ["n"])],
        [helper.make_tensor_value_info("logprobs", TensorProto.FLOAT, ["n", "u", len(letters)])],
        [numpy_helper.from_array(weights, "weights")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
              folder / "model.onnx")
    (folder / "vocab.txt").write_text("".join(f"{each} {i}\n" for i, each in enumerate(letters)),
                                      encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def nemo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnx_asr")
    return nemo_ctc(tmp_path_factory.mktemp("onnx") / "nemo")


def test_onnx_asr_says_what_the_library_says(nemo: Path) -> None:
    import onnx_asr

    made = create("recognizers", "onnx_asr", {"path": nemo})
    module = onnx_asr.load_model("nemo-conformer-ctc", nemo, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(1)
    batch = [Audio((0.1 * rng.standard_normal(n)).astype(np.float32), 16_000)
             for n in (8_000, 16_000, 12_345)]
    heard = made.transcribe(batch)
    assert [each.text for each in heard] == [module.recognize(audio.samples) for audio in batch]
    assert [made.transcribe([audio])[0] for audio in batch] == heard
    assert len({each.text for each in heard}) == 3
    assert all(each.confidence is not None and each.confidence < 0 for each in heard)
    assert made.cost.weights == 80 * 8
    assert made.cost.bytes == (nemo / "model.onnx").stat().st_size


def test_a_model_is_known_by_its_files(nemo: Path, tmp_path: Path) -> None:
    made = create("recognizers", "onnx_asr", {"path": nemo})
    other = nemo_ctc(tmp_path / "other")
    assert made.identity == create("recognizers", "onnx_asr", {"path": other}).identity
    (other / "vocab.txt").write_text("a 0\n")
    assert made.identity != create("recognizers", "onnx_asr", {"path": other}).identity


def test_what_is_missing_is_one_line(nemo: Path, tmp_path: Path) -> None:
    for name, options, why in (
            ("onnx_asr", {"path": tmp_path / "none"}, "is no folder"),
            ("onnx_asr", {"path": nemo, "kind": "alphacep/vosk-model-ru"}, "download that into"),
            ("faster_whisper", {"path": nemo}, "it has no model.bin")):
        with pytest.raises(ConfigError, match=why) as caught:
            create("recognizers", name, options)
        assert "\n" not in str(caught.value)
    made = create("recognizers", "onnx_asr", {"path": nemo, "kind": "whisper"})
    with pytest.raises(ConfigError, match="cannot load a model of onnx-asr"):
        made.transcribe(voices(0.5))
