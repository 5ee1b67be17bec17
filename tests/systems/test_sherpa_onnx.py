"""The recognizer of sherpa-onnx on tiny models that are made here in its formats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evalkit.core.errors import ConfigError
from evalkit.core.plugins import create
from evalkit.core.types import Audio
from tests.systems.test_model_files import graph, noises

sherpa = pytest.importorskip("sherpa_onnx")

RATE = 16_000
TOKENS = ["▁", *"abcdef", "<blk>"]


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.fixture(scope="module")
def ctc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CTC model of NeMo's form: of 80 features, an eighth of the frames."""
    folder = tmp_path_factory.mktemp("ctc")
    for name in ("model.onnx", "model.int8.onnx"):
        graph(folder / name, [
            ("AveragePool", ["audio_signal"], ["pooled"], {"kernel_shape": [8], "strides": [8],
                                                           "ceil_mode": 1}),
            ("Transpose", ["pooled"], ["frames"], {"perm": [0, 2, 1]}),
            ("MatMul", ["frames", "weights"], ["scores"], {}),
            ("LogSoftmax", ["scores"], ["logprobs"], {"axis": -1})],
            {"audio_signal": ["n", 80, "t"], "length": ["n"]}, ["logprobs"],
            weights=random(80, len(TOKENS)) * (1 if name == "model.onnx" else -1),
            metadata={"vocab_size": "7", "subsampling_factor": "8",
                      "normalize_type": "per_feature"})
    tokens = "".join(f"{token} {i}\n" for i, token in enumerate(TOKENS))
    (folder / "tokens.txt").write_text(tokens, encoding="utf-8")
    return folder


def heard(recognizer: object, *batch: Audio) -> list[object]:
    streams = [recognizer.create_stream() for _ in batch]
    for stream, audio in zip(streams, batch, strict=True):
        stream.accept_waveform(RATE, audio.samples)
    recognizer.decode_streams(streams)
    return [stream.result for stream in streams]


def test_it_says_what_the_library_says(ctc: Path) -> None:
    batch = noises(8_000, 16_000, 12_345)
    theirs = sherpa.OfflineRecognizer.from_nemo_ctc(str(ctc / "model.onnx"),
                                                    str(ctc / "tokens.txt"))
    made = create("recognizers", "sherpa_onnx", {"path": ctc, "kind": "nemo_ctc", "batch": 3})
    assert [each.text for each in made.transcribe(batch)] == [
        " ".join(each.text.split()) for each in heard(theirs, *batch)]
    alone = [made.transcribe([audio])[0] for audio in batch]
    assert [each.text for each in alone] == [
        " ".join(heard(theirs, audio)[0].text.split()) for audio in batch]
    assert len({each.text for each in alone}) == 3
    small = create("recognizers", "sherpa_onnx", {"path": ctc, "kind": "nemo_ctc",
                                                  "quantization": "int8"})
    assert small.transcribe(batch[:1])[0].text != alone[0].text


def test_words_begin_when_their_first_token_does(ctc: Path) -> None:
    batch = noises(16_000, 32_000)
    theirs = sherpa.OfflineRecognizer.from_nemo_ctc(str(ctc / "model.onnx"),
                                                    str(ctc / "tokens.txt"))
    made = create("recognizers", "sherpa_onnx", {"path": ctc, "kind": "nemo_ctc"})
    for hypothesis, their in zip(made.transcribe(batch), heard(theirs, *batch), strict=True):
        assert [word.text for word in hypothesis.words] == hypothesis.text.split()
        starts = dict.fromkeys(word.start for word in hypothesis.words)
        tokens = dict(zip(their.timestamps, their.tokens, strict=True))
        assert [tokens[start] for start in starts] == [word.text[0] for word in hypothesis.words]
        assert len(hypothesis.words) > 1 and all(word.end is None for word in hypothesis.words)


def test_what_is_missing_is_one_line(ctc: Path, tmp_path: Path) -> None:
    for options, why in (
            ({"path": tmp_path / "none"}, "is no folder of a model; download"),
            ({"path": ctc}, r"has no file for the encoder of a transducer \(not quantized\)"),
            ({"path": ctc, "kind": "nemo_ctc", "quantization": "fp16"}, "for the model of a nemo"),
            ({"path": ctc, "kind": "nemo_ctc", "beams": 4}, "beams must be 1"),
            ({"path": ctc, "kind": "nemo_ctc", "language": "de"}, "takes no language"),
            ({"path": ctc, "kind": "tdnn"}, "kind")):
        with pytest.raises(ConfigError, match=why) as caught:
            create("recognizers", "sherpa_onnx", options)
        assert "\n" not in str(caught.value)
    (tmp_path / "model.onnx").write_bytes(b"junk")
    (tmp_path / "tokens.txt").write_text("a 0\n")
    made = create("recognizers", "sherpa_onnx", {"path": tmp_path, "kind": "wenet_ctc"})
    with pytest.raises(ConfigError, match="cannot load a wenet_ctc of sherpa-onnx"):
        made.transcribe(noises(8_000))
